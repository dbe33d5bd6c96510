"""Recovery kits, right and wrong (docs/spec/14-recovery-kit.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hygieia.errors import HygieiaError
from hygieia.vault.index import make_keys_file
from hygieia.vault.kit import Kit, check_against, open_with_code, open_with_password
from tests.unit.recovery.factories import PASSWORD, sealed
from tests.unit.vault.factories import NOW, ana, boris, ipns_key
from tests.vectors.vault_parts import key_parts

Case = tuple[str, dict[str, Any]]
KEYS = make_keys_file(ana(), ipns_key(), NOW).with_digests(sealed().kit.recovery_parts)


def kits() -> Iterator[Case]:
    whole = sealed().kit.to_bytes().decode()
    yield "ok-password", vector("opened with the password", whole)
    yield "ok-code", vector("opened with the code", whole, code=sealed().code)
    typed = sealed().code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    yield "ok-code-as-typed", vector("the code as people type it", whole, code=typed)
    yield "ok-later-field", changed("a field of a later version", later={"kept": True})
    yield "wrong-password", vector("another password", whole, password="another password")
    groups = sealed().code.split("-")
    groups[4] = groups[4][:3] + ("0" if groups[4][3] != "0" else "1")
    yield "mistyped-code", vector("a group's check is wrong", whole, code="-".join(groups))
    yield "cut-short", vector("half of the file", whole[: len(whole) // 2])
    yield "not-json", vector("no JSON", "hygieia")
    yield "duplicate-key", vector("the email twice", whole.replace("{", '{"email": "x@y.zz",', 1))
    yield from _fields()
    yield from _by_code()


def _fields() -> Iterator[Case]:
    certificate = boris().certificate.armored
    changes: dict[str, tuple[str, Any]] = {
        "email": ("another email", "eve@example.org"),
        "account": ("another account", "b" * 32),
        "salt": ("another salt", "0" * 32),
        "format": ("a newer format", 2),
        "kdf-weaker": ("weaker stretching", {"m": 8, "t": 1, "p": 1}),
        "kdf-heavier": ("a memory bomb", {"m": 4194304, "t": 1000, "p": 1}),
        "kdf-other": ("other stretching within the bounds", {"m": 65536, "t": 4, "p": 1}),
        "certificate": ("another certificate", certificate),
        "sealed_key": ("another sealed key", sealed().kit.recovery_key),
        "seal_mac": ("another MAC", "0" * 64),
        "recovery_key": ("another recovery key", sealed().kit.sealed_key),
        "recovery_mac": ("another recovery MAC", "0" * 64),
        "revocation": ("another revocation", "none"),
        "ipns_name": ("another name", _other_name()),
        "index_cid": ("no CID", "Qmabc"),
        "sequence": ("sequence 0", 0),
        "gateways": ("a gateway that is a script", ["javascript:alert(1)"]),
        "server": ("a server that is a file", "file:///etc/passwd"),
        "created": ("no time", "yesterday"),
    }
    for name, (what, value) in changes.items():
        yield f"changed-{name.replace('_', '-')}", changed(what, **{name.partition("-")[0]: value})
    body = json.loads(sealed().kit.to_bytes())
    del body["recovery_mac"]
    yield "field-missing", vector("no recovery_mac", json.dumps(body, indent=1))


def _by_code() -> Iterator[Case]:
    for name, what, value in (
        ("recovery_key", "another recovery key", sealed().kit.sealed_key),
        ("recovery_mac", "another recovery MAC", "0" * 64),
        ("certificate", "another certificate", boris().certificate.armored),
    ):
        label = f"changed-{name.replace('_', '-')}-by-code"
        yield label, changed(what, code=sealed().code, **{name: value})


def _other_name() -> str:
    from hygieia.vault.ipns import IpnsKey

    return IpnsKey(bytes(32)).name


def changed(what: str, *, code: str | None = None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401  (whatever JSON or arguments it is)
    body = json.loads(sealed().kit.to_bytes()) | fields
    return vector(what, json.dumps(body, indent=1), code=code)


def vector(
    what: str, text: str, *, password: str | None = None, code: str | None = None
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "what": what,
        "kind": "kit",
        "kit": text,
        "password": None if code is not None else password or PASSWORD,
        "code": code,
        "owner": key_parts(ana()),
        "keys": KEYS.to_bytes().decode(),
    }
    return made | judge(made)


def judge(made: dict[str, Any]) -> dict[str, Any]:
    try:
        kit = Kit.from_bytes(made["kit"].encode())
        if made["code"] is not None:
            key = open_with_code(kit, made["code"])
        else:
            key = open_with_password(kit, made["password"])[0]
        check_against(kit, KEYS, key.certificate)
    except HygieiaError as error:
        return {"error": error.code}
    return {"opens": {"key_id": key.key_id, "ipns_name": kit.ipns_name, "sequence": kit.sequence}}
