"""MS-17: chunks reordered, dropped or repeated; a cut at a chunk's end; no final tag."""

from __future__ import annotations

import itertools

import pytest

from hygieia.errors import IntegrityError
from hygieia.openpgp.aead import ChunkOpener, ChunkSealer
from hygieia.openpgp.payload import PayloadReader, encrypt_bytes
from hygieia.openpgp.session_keys import SessionKey
from tests.unit.openpgp.openpgp_cases import CHUNK

KEY, SALT = SessionKey(bytes(32)), bytes(32)


def chunks() -> list[bytes]:
    sealer = ChunkSealer(KEY, SALT)
    return [sealer.seal(bytes([number]) * CHUNK) for number in range(3)] + [sealer.finish()]


SOUND = (0, 1, 2, 3)
ORDERS = [
    order
    for count in range(5)
    for order in itertools.product(range(4), repeat=count)
    if order != SOUND
]


def test_no_other_order_of_chunks_and_final_tag_is_accepted() -> None:
    parts = chunks()
    for order in ORDERS:
        opener = ChunkOpener(KEY.octets, SALT)
        with pytest.raises(IntegrityError):
            _open(opener, b"".join(parts[number] for number in order))


def _open(opener: ChunkOpener, sealed: bytes) -> None:
    opener.update(memoryview(sealed))
    opener.finish()


def test_a_payload_cut_at_a_chunk_is_an_error_after_what_was_authentic() -> None:
    payload = encrypt_bytes(bytes(4 * CHUNK), KEY, salt=SALT)
    size = 36 + 3 * (CHUNK + 16)
    cut = b"\xd2\xff" + size.to_bytes(4, "big") + _body(payload)[:size]
    reader = PayloadReader(KEY)
    released = b"".join(reader.update(cut))
    assert released == bytes(len(released))
    with pytest.raises(IntegrityError):
        reader.finish()


def _body(payload: bytes) -> bytes:
    """The packet's body: a first part of 1 MiB, then the last one."""
    mib = 1 << 20
    assert payload[:2] == b"\xd2\xf4"
    return payload[2 : 2 + mib]
