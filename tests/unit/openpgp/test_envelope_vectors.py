"""Every vector of tests/vectors for headers, payloads, envelopes and imports, read by ours."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from hygieia.errors import HygieiaError
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.envelope import open_envelope
from hygieia.openpgp.imported import open_message
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.packets import parse_header_leaf, pkesk_digest
from hygieia.openpgp.padding import padding_bytes, padme
from hygieia.openpgp.payload import PayloadReader, PayloadWriter, encrypt_bytes
from hygieia.openpgp.session_keys import SessionKey, unwrap

FOLDER = Path(__file__).parents[2] / "vectors"
FOLDERS = (
    "headers",
    "session-keys",
    "payloads",
    "encryptions",
    "padding",
    "envelopes",
    "imports",
)
PATHS = sorted(path for folder in FOLDERS for path in (FOLDER / folder).glob("*.json"))


def octets_of(value: str | dict[str, Any]) -> bytes:
    """Hex, equal octets, repeated octets, or pieces of a payload that is encrypted anew."""
    if isinstance(value, str):
        return bytes.fromhex(value)
    if "payload" in value:
        whole = _encrypt(value["payload"])
        return b"".join(
            bytes.fromhex(piece) if isinstance(piece, str) else whole[piece[0] : piece[1]]
            for piece in value["pieces"]
        )
    return bytes.fromhex(value.get("octet") or value["octets"]) * int(value["count"])


def _encrypt(vector: dict[str, Any]) -> bytes:
    key = SessionKey(bytes.fromhex(vector["session_key"]))
    salt = bytes.fromhex(vector["salt"])
    return encrypt_bytes(octets_of(vector["content"]), key, vector.get("floor", 0), salt=salt)


def _key(vector: dict[str, Any]) -> UnlockedKey:
    certificate = Certificate.parse(vector["certificate"])
    secrets = (bytes.fromhex(vector[name]) for name in ("signing_secret", "decryption_secret"))
    return UnlockedKey(certificate, *secrets)


def _about(content: bytes) -> dict[str, Any]:
    return {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def read_header(vector: dict[str, Any]) -> dict[str, Any]:
    packets = parse_header_leaf(octets_of(vector["data"]))
    if "count" in vector["expect"]:
        return {"count": len(packets)}
    return {"digests": [pkesk_digest(packet) for packet in packets]}


def read_session_key(vector: dict[str, Any]) -> dict[str, Any]:
    packets = parse_header_leaf(octets_of(vector["data"]))
    return {"session_key": unwrap(packets, _key(vector)).session_key.octets.hex()}


def read_payload(vector: dict[str, Any]) -> dict[str, Any]:
    reader = PayloadReader(SessionKey(bytes.fromhex(vector["session_key"])))
    content = reader.update(octets_of(vector["data"]))
    return _about(b"".join(content + reader.finish()))


def write_payload(vector: dict[str, Any]) -> dict[str, Any]:
    key = SessionKey(bytes.fromhex(vector["session_key"]))
    writer = PayloadWriter(key, salt=bytes.fromhex(vector["salt"]))
    leaves = writer.update(octets_of(vector["content"]))
    streamed = b"".join(leaves + writer.finish(vector["floor"]))
    assert streamed == _encrypt(vector)
    return _about(streamed)


def read_padme(vector: dict[str, Any]) -> dict[str, Any]:
    assert [[length, padme(length)] for length, _ in vector["cases"]] == vector["cases"]
    return {}


def read_padding(vector: dict[str, Any]) -> dict[str, Any]:
    cases = vector["cases"]
    assert [[size, floor, padding_bytes(size, floor)] for size, floor, _ in cases] == cases
    return {}


def read_envelope(vector: dict[str, Any]) -> dict[str, Any]:
    return _about(b"".join(open_envelope(io.BytesIO(octets_of(vector["data"])), _key(vector))))


def read_import(vector: dict[str, Any]) -> dict[str, Any]:
    out = io.BytesIO()
    source = io.BytesIO(octets_of(vector["data"]))
    found = open_message(source, _key(vector), out, spool=io.BytesIO())
    content = found.content
    return {
        **_about(out.getvalue()),
        "file_name": content.file_name.decode(),
        "seipd": int(found.protection.value[-1]),
        "compressed": content.compressed,
        "issuers": [each.issuer for each in content.signatures],
    }


READERS = {
    "header": read_header,
    "session-key": read_session_key,
    "payload": read_payload,
    "encrypt": write_payload,
    "padme": read_padme,
    "padding": read_padding,
    "envelope": read_envelope,
    "import": read_import,
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_vector_is_read_as_published(path: Path) -> None:
    vector = json.loads(path.read_bytes())
    try:
        found = READERS[vector["kind"]](vector)
    except HygieiaError as refusal:
        found = {"refused": refusal.code}
    assert found == vector["expect"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_has_vectors(folder: str) -> None:
    assert [path for path in PATHS if path.parent.name == folder]
