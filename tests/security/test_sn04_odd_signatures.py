"""SN-04: a note with a signature of the wrong kind, context, hash, time or number."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from hygieia.errors import NoteRefused
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.notes import Note, parse_note, require_valid
from hygieia.openpgp.times import parse_time

NOTES = Path(__file__).parents[1] / "vectors" / "notes"
HOSTILE = [
    "another-context",
    "by-the-encryption-subkey",
    "from-the-future",
    "key-only-certifies",
    "no-notation",
    "notation-of-another-context",
    "notation-unhashed",
    "sha1",
    "text-mode",
    "two-armored-signatures",
    "two-notations",
    "two-signatures",
    "duplicate-key",
    "unknown-signer",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused(name: str) -> None:
    vector = json.loads((NOTES / f"{name}.json").read_text("ascii"))
    now = parse_time(vector["now"])
    certificate = Certificate.parse(vector["certificate"], now=now)
    with pytest.raises(NoteRefused):
        read(bytes.fromhex(vector["data"]), vector["context"], certificate, now)


def read(data: bytes, context: str, certificate: Certificate, now: datetime) -> Note:
    return require_valid(parse_note(data, context), certificate, now=now)
