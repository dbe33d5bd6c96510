"""A CAR is read piece by piece, each octet once, holding no more than one section."""

from __future__ import annotations

import pytest

from hygieia.errors import BlockRefused, LimitExceeded
from hygieia.ipld import varint
from hygieia.ipld.block import Block
from hygieia.ipld.car import CarReader, car_header, car_section, section_head
from hygieia.ipld.cid import CID, DAG_CBOR, IDENTITY, RAW
from tests.unit.ipld.factories import noise

BLOCKS = [Block.of(RAW, noise(size, size)) for size in (0, 1, 1000, 70000, 1 << 20)]
CAR = car_header() + b"".join(map(car_section, BLOCKS))


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("size", [997, 1 << 16, 1 << 18, 1 << 30])
def test_pieces_of_any_size_give_the_same_blocks(size: int, share: bool) -> None:
    reader = CarReader(share=share)
    found = [
        block
        for start in range(0, len(CAR), size)
        for block in reader.feed(CAR[start : start + size])
    ]
    reader.finish()
    assert found == BLOCKS
    assert (reader.roots, reader.block_count) == ((), len(BLOCKS))


def test_large_blocks_are_views_into_what_was_fed_when_shared() -> None:
    reader = CarReader(share=True)
    found = reader.feed(CAR)
    kinds = {len(block.data): type(block.data) for block in found}
    assert kinds == {0: bytes, 1: bytes, 1000: bytes, 70000: bytes, 1 << 20: memoryview}


def test_what_is_shared_never_changes_as_more_is_fed() -> None:
    reader, found = CarReader(share=True), []
    stream = car_header() + b"".join(map(car_section, BLOCKS * 3))
    for start in range(0, len(stream), 300_000):
        found += reader.feed(stream[start : start + 300_000])
    assert [bytes(block.data) for block in found] == [block.data for block in BLOCKS * 3]


def test_a_section_is_its_head_and_the_blocks_bytes() -> None:
    block = BLOCKS[2]
    assert section_head(block.cid, 1000) + block.data == car_section(block)


def test_what_a_reader_holds_is_bounded_by_a_section_and_a_piece() -> None:
    reader = CarReader()
    most = 0
    for start in range(0, len(CAR), 4096):
        reader.feed(CAR[start : start + 4096])
        most = max(most, len(reader._buffer))
    assert most <= 2 * ((1 << 20) + 64 + 4096)


def test_blocks_are_handed_out_unhashed_only_when_asked_so() -> None:
    cid = CID.of(RAW, b"right")
    car = car_header() + section_head(cid, 5) + b"wrong"
    (found,) = CarReader().feed_unverified(car)
    with pytest.raises(BlockRefused):
        found.verify()
    with pytest.raises(BlockRefused):
        CarReader().feed(car)


def test_other_peoples_cars_are_read_when_asked_so() -> None:
    blocks = [
        Block(CID(RAW, IDENTITY, b"held"), b"held"),
        Block(CID.of(DAG_CBOR, b"\xa0"), b"\xa0"),
        Block(CID(0x70, 0x12, CID.of(0x70, b"\x0a\0").digest, 0), b"\x0a\0"),
    ]
    car = car_header([blocks[1].cid]) + b"".join(map(car_section, blocks))
    reader = CarReader(vault_only=False)
    assert reader.feed(car) == blocks
    assert reader.roots == (blocks[1].cid,)
    with pytest.raises(BlockRefused):
        CarReader().feed(car)


def test_a_car_with_too_many_blocks_is_refused() -> None:
    reader = CarReader(max_blocks=2)
    reader.feed(car_header() + car_section(BLOCKS[0]) * 2)
    with pytest.raises(LimitExceeded, match="too many"):
        reader.feed(car_section(BLOCKS[0]))


def test_a_block_just_over_2_mib_is_refused() -> None:
    data = bytes((1 << 21) + 1)
    with pytest.raises(BlockRefused, match="2 MiB"):
        CarReader().feed(car_header() + section_head(CID.of(RAW, data), len(data)) + data)


@pytest.mark.parametrize(
    "header",
    [
        b"\xa0",
        b"\x01",
        b"\xa2\x65roots\x01\x67version\x01",
        b"\xa2\x65roots\x81\x01\x67version\x01",
        b"\xa2\x65roots\x80\x67version\xf5",
        b"\xa3\x61x\x01\x65roots\x80\x67version\x01",
        b"\xff",
    ],
)
def test_malformed_headers_are_refused(header: bytes) -> None:
    with pytest.raises(BlockRefused):
        CarReader().feed(varint.encode(len(header)) + header)
