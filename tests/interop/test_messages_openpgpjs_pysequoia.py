"""Envelopes and messages between ours, OpenPGP.js and Sequoia's Python binding."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator

import pysequoia
import pytest

from hygieia.openpgp.envelope import make_header, open_envelope, rewrap
from hygieia.openpgp.imported import Imported, Protection, open_message
from hygieia.openpgp.keys import UnlockedKey, generate_key
from hygieia.openpgp.packets import parse_header_leaf
from hygieia.openpgp.payload import encrypt_bytes
from hygieia.openpgp.session_keys import make_session_key, unwrap
from tests.interop.programs import OpenPgpJs, ana, ocb_key, old_key, secret_key_text
from tests.node_program import NodeRefused

CONTENTS = [b"", b"x", b"Befund\n" * 30_000, bytes(300_000), b"long" * 700_000]
SESSION_KEY = make_session_key()


@pytest.fixture(scope="module")
def openpgpjs() -> Iterator[OpenPgpJs]:
    with OpenPgpJs() as program:
        yield program


def envelope(content: bytes) -> bytes:
    """Ana's second among four recipients, so that the others must be tried."""
    others = [generate_key(f"Reader {number}", "r@example.org").certificate for number in range(3)]
    return make_header(SESSION_KEY, [*others, ana().certificate]) + encrypt_bytes(
        content, SESSION_KEY
    )


def imported(message: bytes, key: UnlockedKey) -> tuple[bytes, Imported]:
    out = io.BytesIO()
    found = open_message(io.BytesIO(message), key, out, spool=io.BytesIO())
    return out.getvalue(), found


def decryptor_of(key: UnlockedKey) -> pysequoia.PyDecryptor:
    return pysequoia.Tsk.from_bytes(secret_key_text(key).encode()).decryptor()


@pytest.mark.parametrize("content", CONTENTS)
def test_openpgpjs_opens_our_envelopes(openpgpjs: OpenPgpJs, content: bytes) -> None:
    answer = openpgpjs.ask("decrypt", key=secret_key_text(ana()), message=envelope(content))
    assert base64.b64decode(answer["content"]) == content


@pytest.mark.parametrize("content", CONTENTS)
def test_pysequoia_opens_our_envelopes(content: bytes) -> None:
    assert pysequoia.decrypt(envelope(content), decryptor_of(ana())).bytes == content


def test_openpgpjs_opens_a_payload_by_its_session_key(openpgpjs: OpenPgpJs) -> None:
    payload = encrypt_bytes(CONTENTS[2], SESSION_KEY, 400_000)
    answer = openpgpjs.ask("decryptWithSessionKey", sessionKey=SESSION_KEY.octets, message=payload)
    assert base64.b64decode(answer["content"]) == CONTENTS[2]


def test_openpgpjs_refuses_our_envelope_when_its_end_is_cut(openpgpjs: OpenPgpJs) -> None:
    with pytest.raises(NodeRefused):
        openpgpjs.ask("decrypt", key=secret_key_text(ana()), message=envelope(b"content")[:-1])


def test_a_reader_added_by_openpgpjs_and_one_by_us_open_the_same_payload(
    openpgpjs: OpenPgpJs,
) -> None:
    boris = generate_key("Boris Test", "boris@example.org")
    answer = openpgpjs.ask(
        "wrap", certificate=boris.certificate.armored, sessionKey=SESSION_KEY.octets
    )
    header = make_header(SESSION_KEY, [ana().certificate]) + base64.b64decode(answer["packets"])
    assert unwrap(parse_header_leaf(header), boris).session_key == SESSION_KEY
    result = rewrap(header, SESSION_KEY, add=[ocb_key().certificate])
    message = result.octets + encrypt_bytes(b"content", SESSION_KEY)
    for key in (ana(), boris, ocb_key()):
        assert b"".join(open_envelope(io.BytesIO(message), key)) == b"content"
    assert pysequoia.decrypt(message, decryptor_of(ocb_key())).bytes == b"content"


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize(
    ("mode", "protection"),
    [("seipd1", Protection.SEIPD1), ("gcm", Protection.SEIPD2), ("ocb", Protection.SEIPD2)],
)
def test_we_open_what_openpgpjs_encrypts(
    openpgpjs: OpenPgpJs, content: bytes, mode: str, protection: Protection
) -> None:
    if mode == "ocb":  # a few MB/s only
        content = content[:100_000]
    key = old_key() if mode == "seipd1" else ana()
    answer = openpgpjs.ask(
        "encrypt", certificates=[key.certificate.armored], content=content, mode=mode
    )
    opened, found = imported(base64.b64decode(answer["message"]), key)
    assert opened == content
    assert found.protection is protection
    assert found.content.file_name == b"scan.bin"


@pytest.mark.parametrize(("compression", "number"), [("zip", b"\x01"), ("zlib", b"\x02")])
@pytest.mark.parametrize("mode", ["seipd1", "gcm"])
def test_we_open_what_openpgpjs_signs_compresses_and_sends_to_nobody_named(
    openpgpjs: OpenPgpJs, mode: str, compression: str, number: bytes
) -> None:
    key = old_key(number) if mode == "seipd1" else ocb_key(number)
    answer = openpgpjs.ask(
        "encrypt",
        certificates=[key.certificate.armored],
        content=CONTENTS[2],
        mode=mode,
        compression=compression,
        anonymous=True,
        signWith=secret_key_text(ana()),
    )
    opened, found = imported(base64.b64decode(answer["message"]), key)
    assert opened == CONTENTS[2]
    assert found.content.compressed
    [signature] = found.content.signatures
    assert signature.issuer == ana().certificate.fingerprint


@pytest.mark.parametrize("key", [ana, old_key, ocb_key], ids=["gcm", "version 1", "ocb"])
@pytest.mark.parametrize("armored", [False, True], ids=["binary", "armored"])
@pytest.mark.parametrize("content", CONTENTS)
def test_we_open_what_pysequoia_encrypts_and_signs(
    key: Callable[[], UnlockedKey], armored: bool, content: bytes
) -> None:
    recipient = key()
    cert = pysequoia.Cert.from_bytes(recipient.certificate.armored.encode())
    signer = pysequoia.Tsk.from_bytes(secret_key_text(ana()).encode()).signer()
    message = pysequoia.encrypt(content, [cert], signer, armor=armored)
    opened, found = imported(message, recipient)
    assert opened == content
    assert found.protection is (Protection.SEIPD1 if recipient is old_key() else Protection.SEIPD2)
    assert len(found.content.signatures) == 1
