"""The vault has one kind of CID; the public gateway recognises more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.errors import BlockRefused, InvalidInput
from hygieia.ipld.block import Block, UnverifiedBlock, verify, verify_any
from hygieia.ipld.cid import (
    CID,
    DAG_CBOR,
    DAG_PB,
    IDENTITY,
    RAW,
    SHA2_256,
    decode_any,
    is_vault_text,
    parse_any,
    read_any,
)
from hygieia.limits import MAX_BLOCK_BYTES

HELLO = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"


def test_a_cid_is_made_read_and_written() -> None:
    cid = CID.of(RAW, b"hello world")
    assert str(cid) == HELLO
    assert CID.parse(HELLO) == cid == CID.decode(cid.encode())
    assert repr(cid) == f"CID('{HELLO}')"
    assert len({cid, CID.parse(HELLO)}) == 1


@pytest.mark.parametrize("text", ["", "b", "Qm", HELLO[:-1], HELLO + "a", "ß" * 59, "b" + "1" * 58])
def test_what_is_no_cid_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        CID.parse(text)


@pytest.mark.parametrize(
    "text", ["", "b", "ba", "k", "zz0", "f0", "q123", "bAFK", "z" * 600, "ä123", "Qm" + "0" * 44]
)
def test_the_lenient_reader_refuses_what_is_no_cid_at_all(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_any(text)


@given(st.binary(min_size=32, max_size=32), st.sampled_from((RAW, DAG_PB)))
def test_every_vault_cid_is_known_by_its_text(digest: bytes, codec: int) -> None:
    text = str(CID(codec, SHA2_256, digest))
    assert is_vault_text(text)
    assert str(CID.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        str(CID(DAG_CBOR, SHA2_256, bytes(32))),
        str(CID(RAW, 0x13, bytes(32))),
        HELLO[:-1] + "f",
        HELLO + "\n",
        HELLO.upper(),
    ],
)
def test_text_that_is_nearly_a_vault_cid_is_not_one(text: str) -> None:
    assert not is_vault_text(text)
    with pytest.raises(InvalidInput):
        CID.parse(text)


@pytest.mark.parametrize("space", [" ", "\n", "\t"])
def test_base16_has_no_white_space(space: str) -> None:
    text = "f" + CID.parse(HELLO).encode().hex()
    assert parse_any(text) == CID.parse(HELLO)
    with pytest.raises(InvalidInput):
        parse_any(text[:9] + space + text[9:])


def test_identity_cids_are_recognised_but_are_not_the_vaults() -> None:
    cid = parse_any("bafkqabtimvwgy3yk")
    assert (cid.hash_code, cid.digest, cid.is_vault) == (IDENTITY, b"hello\n", False)
    assert verify_any(cid, b"hello\n").data == b"hello\n"
    with pytest.raises(BlockRefused):
        verify(cid, b"hello\n")
    with pytest.raises(BlockRefused):
        verify_any(cid, b"hello")


def test_version_0_is_recognised_and_written_back() -> None:
    text = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
    cid = parse_any(text)
    assert (cid.version, cid.codec, str(cid)) == (0, DAG_PB, text)
    assert decode_any(cid.encode()) == cid


def test_a_cid_is_read_from_the_middle_of_bytes() -> None:
    cid = CID.of(DAG_CBOR, b"\xa0")
    assert read_any(b"xx" + cid.encode() + b"yy", 2) == (cid, 38)


@pytest.mark.parametrize(
    "binary",
    [
        b"",
        b"\x01",
        b"\x02\x55\x12\x20" + bytes(32),
        b"\x01\x55\x12\x04" + bytes(4),
        b"\x01\x55\x00\x81\x01" + bytes(129),
        b"\x01\x55\x12\x20" + bytes(33),
        b"\x01\x55\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x20" + bytes(32),
    ],
)
def test_malformed_binary_cids_are_refused(binary: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_any(binary)


def test_other_hashes_are_checked_where_they_are_known() -> None:
    import hashlib

    data = b"data"
    known = {
        0x13: hashlib.sha512(data).digest(),
        0xB220: hashlib.blake2b(data, digest_size=32).digest(),
    }
    for code, digest in known.items():
        assert verify_any(CID(RAW, code, digest), data) == Block(CID(RAW, code, digest), data)
        assert decode_any(CID(RAW, code, digest).encode()) == CID(RAW, code, digest)
    with pytest.raises(BlockRefused, match="not known"):
        verify_any(CID(RAW, 0x11, bytes(20)), data)


def test_a_block_is_at_most_2_mib() -> None:
    assert Block.of(RAW, bytes(MAX_BLOCK_BYTES)).cid.is_vault
    with pytest.raises(BlockRefused):
        Block.of(RAW, bytes(MAX_BLOCK_BYTES + 1))


def test_a_received_block_becomes_a_block_by_hashing_it() -> None:
    cid = CID.of(RAW, b"data")
    assert UnverifiedBlock(cid, b"data").verify() == Block(cid, b"data")
    with pytest.raises(BlockRefused):
        UnverifiedBlock(cid, b"date").verify()
