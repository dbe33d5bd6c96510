"""Every vector for words, stretching, certificates, seals, codes and notes gives its verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hygieia.errors import CertificateRefused, HygieiaError
from hygieia.openpgp import kdf, notes, sealing
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.kdf import Stretched
from hygieia.openpgp.parameters import KdfParams, normalise_email
from hygieia.openpgp.recovery_code import parse_code
from hygieia.openpgp.sealing import RecoverySeal, SealedKey
from hygieia.openpgp.strict_json import loads_object
from hygieia.openpgp.times import parse_time

FOLDER = Path(__file__).parents[2] / "vectors"
ROOMS = ("json", "words", "kdf", "recovery-codes", "certificates", "seals", "notes")
VECTORS = sorted(path for room in ROOMS for path in (FOLDER / room).glob("*.json"))

Answer = dict[str, Any]


def read_json(vector: Answer) -> Answer:
    loads_object(bytes.fromhex(vector["data"]), max_bytes=vector["max_bytes"])
    return {}


def read_time(vector: Answer) -> Answer:
    return {"value": int(parse_time(vector["text"]).timestamp())}


def check_params(vector: Answer) -> Answer:
    KdfParams(**vector["kdf"]).check()
    return {}


def stretch(vector: Answer) -> Answer:
    email, account = vector["email"], vector["account"]
    stretched = kdf.stretch(vector["password"], email, account, KdfParams(**vector["kdf"]))
    return {"salt": kdf.salt_for(email, account), **asdict(stretched)}


def read_certificate(vector: Answer) -> Answer:
    now = parse_time(vector["now"])
    certificate = Certificate.parse(vector["armored"], now=now)
    try:
        encryption = certificate.encryption_subkey(now).fingerprint.hex()
    except CertificateRefused:
        encryption = None
    return {
        "key_id": certificate.key_id,
        "fingerprint": certificate.fingerprint,
        "name": certificate.name,
        "email": certificate.email,
        "encryption": encryption,
    }


def merge(vector: Answer) -> Answer:
    now = parse_time(vector["now"])
    pinned = Certificate.parse(vector["pinned"], now=now)
    merged = pinned.merge(Certificate.parse(vector["received"], now=now), now=now)
    return {"revoked": merged.is_revoked, "packets": len(merged.packets)}


def unseal(vector: Answer) -> Answer:
    params = KdfParams(**vector["kdf"])
    sealed = SealedKey(vector["certificate"], vector["sealed_key"], vector["seal_mac"], params)
    key = sealing.unseal_key(
        sealed,
        Stretched(vector["seal_passphrase"], ""),
        email=vector["email"],
        account=vector["account"],
        current_certificate=vector["current_certificate"],
    )
    return {"key_id": key.key_id, "revoked": key.certificate.is_revoked}


def recover(vector: Answer) -> Answer:
    seal = RecoverySeal(vector["recovery_key"], vector["recovery_mac"])
    certificate = Certificate.parse(vector["certificate"])
    return {"key_id": sealing.unseal_with_code(seal, vector["code"], certificate).key_id}


def open_revocation(vector: Answer) -> Answer:
    revocation = sealing.open_revocation(vector["text"], vector["code"])
    certificate = Certificate.parse(vector["certificate"])
    return {"revoked": certificate.with_revocation(revocation).is_revoked}


def judge(vector: Answer) -> Answer:
    note = notes.parse_note(bytes.fromhex(vector["data"]), vector["context"])
    now = parse_time(vector["now"])
    certificate = Certificate.parse(vector["certificate"], now=now)
    return {"verdict": notes.verify_note(note, certificate, now=now).value}


READERS: dict[str, Callable[[Answer], Answer]] = {
    "json": read_json,
    "email": lambda vector: {"value": normalise_email(vector["text"])},
    "password": lambda vector: {"value": kdf.normalise_password(vector["text"])},
    "time": read_time,
    "kdf-params": check_params,
    "stretch": stretch,
    "recovery-code": lambda vector: {"value": parse_code(vector["text"])},
    "certificate": read_certificate,
    "merge": merge,
    "seal": unseal,
    "recovery": recover,
    "revocation": open_revocation,
    "note": judge,
}


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_vector_gives_the_verdict_written_in_it(path: Path) -> None:
    vector = json.loads(path.read_text("ascii"))
    read, expect = READERS[vector["kind"]], vector["expect"]
    if "refused" not in expect:
        assert read(vector) == expect
        return
    with pytest.raises(HygieiaError) as refusal:
        read(vector)
    assert refusal.value.code == expect["refused"]
    if "group" in expect:
        assert str(refusal.value).startswith(f"Group {expect['group']} ")


def test_every_room_has_vectors_that_pass_and_vectors_that_fail() -> None:
    for room in ROOMS:
        names = [path.stem for path in VECTORS if path.parent.name == room]
        passing = [name for name in names if "ok" in name.split("-")]
        assert 0 < len(passing) < len(names), room
