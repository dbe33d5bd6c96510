"""A kit whose file was changed while nobody looked: by field, at a recovery and at a reset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hygieia.openpgp.kdf import salt_for
from tests.running import Person
from tests.security.forged_keys import EVE, eves_open_key
from tests.security.hostile import HostileProxy
from tests.security.victims import PASSWORD, Victim, refused, run_here, unchanged

EVE_AT = "eve@example.org"
OTHER_NAME = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"
ZEROS = "0" * 64

# What is changed, and the codes with the password and with the recovery code. None: it opens.
CHANGES: dict[str, tuple[dict[str, Any], str | None, str | None]] = {
    "newer format": ({"format": 2}, "kit-refused", "kit-refused"),
    "another email": ({"email": EVE_AT}, "kit-refused", "kit-refused"),
    "another email and its salt": (
        {"email": EVE_AT, "salt": "EVES"},
        "sealed-key-refused",
        None,
    ),
    "another salt": ({"salt": "0" * 32}, "kit-refused", "kit-refused"),
    "weak stretching": ({"kdf": {"m": 8, "t": 1, "p": 1}}, "kit-refused", "kit-refused"),
    "other stretching": ({"kdf": {"m": 65536, "t": 4, "p": 1}}, "sealed-key-refused", None),
    "Eve's certificate": (
        {"certificate": EVE.certificate},
        "sealed-key-refused",
        "sealed-key-refused",
    ),
    "Eve's open key": ({"sealed_key": eves_open_key()}, "sealed-key-refused", None),
    "another seal MAC": ({"seal_mac": ZEROS}, "sealed-key-refused", None),
    "another recovery key": (
        {"recovery_key": eves_open_key()},
        "kit-refused",
        "sealed-key-refused",
    ),
    "another recovery MAC": ({"recovery_mac": ZEROS}, "kit-refused", "sealed-key-refused"),
    "another revocation": ({"revocation": eves_open_key()}, "kit-refused", "kit-refused"),
    "another vault's name": ({"ipns_name": OTHER_NAME}, "kit-refused", "kit-refused"),
    "a sequence that was never reached": ({"sequence": 10**6}, "rollback", "rollback"),
    "no recovery key": ({"recovery_key": ""}, "kit-refused", "kit-refused"),
    "an address for scripts": (
        {"gateways": ["javascript:alert(1)"]},
        "kit-refused",
        "kit-refused",
    ),
}


def _changed(victim: Victim, folder: Path, changes: dict[str, Any]) -> Path:
    kit = json.loads(victim.kit.read_text()) | changes
    if kit["salt"] == "EVES":
        kit["salt"] = salt_for(kit["email"], kit["account"])
    path = folder / "kit.json"
    path.write_text(json.dumps(kit))
    return path


@pytest.fixture
def code_file(victim: Victim, tmp_path: Path) -> Path:
    path = tmp_path / "code"
    path.write_text(victim.code)
    return path


@pytest.mark.parametrize("change", CHANGES)
def test_a_recovery_restores_nothing_from_a_changed_kit(
    change: str,
    proxy: HostileProxy,
    victim: Victim,
    new_device: Person,
    code_file: Path,
    tmp_path: Path,
) -> None:
    changes, with_password, with_code = CHANGES[change]
    kit, out = _changed(victim, tmp_path, changes), tmp_path / "out"
    arguments = ["recover", str(kit), "--gateway", proxy.address, "--out", str(out)]
    with unchanged(tmp_path):
        if with_password is not None:
            refused(new_device, *arguments, code=with_password)
        if with_code is not None:
            refused(new_device, *arguments, "--code-file", str(code_file), code=with_code)
    assert not out.exists()
    assert all(request.method == "GET" for request in proxy.seen)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"recovery_key": eves_open_key()}, "sealed-key-refused"),
        ({"certificate": EVE.certificate}, "sealed-key-refused"),
        ({"account": "0" * 32}, "kit-refused"),
    ],
)
def test_a_reset_sends_nothing_of_a_changed_kit(
    changes: dict[str, Any],
    code: str,
    proxy: HostileProxy,
    victim: Victim,
    new_device: Person,
    code_file: Path,
    tmp_path: Path,
) -> None:
    kit = _changed(victim, tmp_path, changes)
    new = tmp_path / "new"
    new.write_text("nine patient owls rehearse at dusk")
    arguments = ["--code-file", str(code_file), "--new-password-file", str(new)]
    refused(new_device, "reset-password", str(kit), *arguments, code=code)
    assert proxy.seen == []


@pytest.mark.parametrize("cut", [0, 1, 500, -2])
def test_a_kit_cut_short_is_said_to_be_one(
    cut: int, proxy: HostileProxy, victim: Victim, new_device: Person, tmp_path: Path
) -> None:
    kit = tmp_path / "kit.json"
    kit.write_bytes(victim.kit.read_bytes()[:cut].rstrip(b"}\n"))
    refused(
        new_device, "recover", str(kit), "--gateway", proxy.address, "--list", code="kit-refused"
    )
    assert proxy.seen == []


def test_the_file_alone_and_the_code_alone_open_nothing(victim: Victim) -> None:
    """LT-02: neither holds what the other has, nor the password."""
    kit = victim.kit.read_text()
    assert victim.code not in kit
    assert PASSWORD not in kit
    page = (victim.kit.parent / "hygieia-code.html").read_text("utf-8")
    made = json.loads(kit)
    for part in ("sealed_key", "seal_mac", "recovery_key", "recovery_mac", "revocation"):
        assert made[part] not in page
    assert PASSWORD not in page


def test_where_a_kit_sends_one_is_believed_by_nobody(
    proxy: HostileProxy, victim: Victim, new_device: Person, tmp_path: Path
) -> None:
    """Addresses in a changed kit lead to wrong servers, which can only refuse to help."""
    kit = _changed(
        victim, tmp_path, {"gateways": ["http://127.0.0.1:9"], "server": "http://127.0.0.1:9"}
    )
    arguments = ["recover", str(kit), "--gateway", proxy.address, "--list"]
    done = run_here(new_device, "--json", *arguments)
    assert done.exit_code == 0, done
    assert len(done.document["reports"]) == 3
