"""What holds of blocks, files, CARs and records whatever they are made of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from hygieia.errors import HygieiaError, IntegrityError
from hygieia.ipld import dagcbor, dagpb, ipns, unixfs, varint
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Chunker, FileBuilder, directory, leaf
from hygieia.ipld.car import CarReader, car_header, car_section
from hygieia.ipld.cid import CID, DAG_PB, RAW, decode_any, parse_any
from hygieia.ipld.dagpb import Link
from hygieia.ipld.layout import Layout
from hygieia.ipld.protobuf import bytes_field, varint_field
from hygieia.ipld.walk import FileWalk, read_file
from tests.unit.ipld.factories import Blocks, noise

CIDS = st.builds(CID.of, st.sampled_from([RAW, DAG_PB]), st.binary(max_size=8))
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/", min_codepoint=0xA0), min_size=1
).filter(lambda name: len(name.encode()) <= 255)
LAYOUTS = st.builds(Layout, st.integers(1, 8), st.integers(2, 5))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 64), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9)
    | st.binary(max_size=30)
    | CIDS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()


@given(st.integers(0, (1 << 63) - 1))
def test_a_varint_reads_back(number: int) -> None:
    assert varint.decode(varint.encode(number)) == (number, len(varint.encode(number)))


@given(CIDS)
def test_a_cid_reads_back_from_text_and_octets(cid: CID) -> None:
    assert CID.parse(str(cid)) == CID.decode(cid.encode()) == parse_any(str(cid)) == cid


@given(st.binary(max_size=60))
def test_octets_that_read_as_a_cid_are_its_one_encoding(octets: bytes) -> None:
    try:
        cid = decode_any(octets)
    except HygieiaError:
        return
    assert cid.encode() == octets


@given(VALUES)
def test_dag_cbor_reads_back(value: dagcbor.Value) -> None:
    assert dagcbor.decode(dagcbor.encode(value)) == value


@given(st.binary(max_size=80))
def test_arbitrary_octets_raise_nothing_but_our_errors(octets: bytes) -> None:
    cid = CID.of(DAG_PB, octets)
    for read in (
        dagcbor.decode,
        dagpb.decode_any,
        dagpb.decode_node,
        unixfs.decode_any,
        unixfs.decode_file,
        unixfs.decode_directory,
        CarReader().feed,
        CarReader(vault_only=False).feed,
        lambda data: ipns.verify_record(PUBLIC, data),
        lambda data: list(read_file(cid, lambda _: data)),
        lambda data: FileWalk(cid, any_layout=True).feed(Block(cid, data)),
    ):
        try:
            read(octets)
        except IntegrityError:
            continue


@given(
    st.lists(st.builds(Link, CIDS, NAMES, st.integers(0, 1 << 53)), max_size=5),
    st.binary(max_size=9),
)
def test_a_node_has_one_encoding(links: list[Link], data: bytes) -> None:
    octets = dagpb.encode_node(links, data)
    try:
        node = dagpb.decode_node(octets)
    except IntegrityError:
        assert any(link.tsize >= 1 << 53 for link in links)
    else:
        assert (list(node.links), node.data) == (links, data)


FIELDS = st.lists(
    st.one_of(
        st.builds(bytes_field, st.integers(1, 3), st.binary(max_size=3)),
        st.builds(varint_field, st.integers(1, 3), st.integers(0, 300)),
        st.builds(dagpb.encode_link, CIDS, st.binary(max_size=2), st.integers(0, 300)),
        st.just(b"\x0a\x82\x00\x08\x01"),
        st.just(b"\x0a\x02\x08\x01"),
        st.just(b"\x0a\x06\x08\x02\x18\x02\x20\x02"),
    ),
    max_size=4,
).map(b"".join)


@given(FIELDS)
@settings(max_examples=300)
def test_the_strict_reader_takes_just_what_encodes_again_to_itself(octets: bytes) -> None:
    try:
        node = dagpb.decode_any(octets)
    except IntegrityError:
        canonical = False
    else:
        canonical = node.data is not None and dagpb.encode_node(node.links, node.data) == octets
    try:
        assert dagpb.decode_node(octets) == dagpb.decode_any(octets)
    except IntegrityError:
        assert not canonical
    else:
        assert canonical


@given(st.data())
def test_a_flipped_bit_in_a_node_gives_another_node_or_a_refusal(data: st.DataObject) -> None:
    blocks = Blocks()
    root = blocks.envelope(noise(20), noise(40))
    octets = bytearray(blocks.data[root.cid])
    bit = data.draw(st.integers(0, len(octets) * 8 - 1))
    octets[bit // 8] ^= 1 << bit % 8
    try:
        node = unixfs.decode_file(bytes(octets))
    except IntegrityError:
        return
    assert unixfs.encode_file(node.children) == bytes(octets)


@given(st.lists(NAMES, max_size=6, unique=True))
def test_a_directory_reads_back_whatever_its_names(names: list[str]) -> None:
    built = leaf(b"x")[1]
    block, root = directory([(name, built) for name in names])
    node = unixfs.decode_directory(block.data)
    assert {entry.name for entry in node.entries} == set(names)
    assert root.tsize == len(block.data) + len(names)


@given(st.binary(max_size=200), LAYOUTS, st.lists(st.integers(1, 20), max_size=20))
def test_a_file_is_the_same_however_its_bytes_arrive(
    data: bytes, layout: Layout, cuts: list[int]
) -> None:
    whole = FileBuilder(layout)
    expected = [*whole.update(data), *whole.finish()[0]]
    chunker, parts, blocks, position = Chunker(layout), FileBuilder(layout), list[Block](), 0
    chunks: list[bytes] = []
    for cut in [*cuts, len(data)]:
        chunks += chunker.update(data[position : position + cut])
        position += cut
    chunks += chunker.finish()
    for chunk in chunks:
        blocks += parts.add_leaf(Block.of(RAW, chunk))
    assert [*blocks, *parts.finish()[0]] == expected


@given(
    st.integers(1, 300),
    LAYOUTS,
    st.integers(0, 320),
    st.none() | st.integers(0, 320),
    st.integers(1, 9),
    st.booleans(),
)
@settings(max_examples=200)
def test_any_range_of_any_file_reads_as_a_slice(
    size: int, layout: Layout, start: int, end: int | None, ahead: int, any_layout: bool
) -> None:
    blocks = Blocks()
    header = noise(min(5, layout.chunk_bytes - 1), 3)
    payload = noise(size, 4)
    root = blocks.envelope(header, payload, layout) if header else blocks.file(payload, layout)
    walk = FileWalk(root.cid, start=start, end=end, layout=layout, any_layout=any_layout)
    read: list[bytes] = []
    while not walk.finished:
        for cid in reversed(walk.wanted(ahead)):
            read += walk.feed(blocks.block(cid))
    assert b"".join(read) == (header + payload)[start:end]
    assert walk.size_bytes == len(header + payload)


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 64), st.lists(CIDS, max_size=2))
def test_a_car_reads_back_in_pieces_of_any_size(
    contents: list[bytes], size: int, roots: list[CID]
) -> None:
    blocks = [Block.of(RAW, content) for content in contents]
    car = car_header(roots) + b"".join(map(car_section, blocks))
    reader = CarReader()
    found = [
        b for start in range(0, len(car), size) for b in reader.feed(car[start : start + size])
    ]
    reader.finish()
    assert (found, reader.roots) == (blocks, tuple(roots))


@given(st.data())
def test_a_car_cut_or_changed_anywhere_is_refused(data: st.DataObject) -> None:
    car = bytearray(car_header() + car_section(Block.of(RAW, noise(30))))
    bit = data.draw(st.integers(0, len(car) * 8 - 1))
    if data.draw(st.booleans()):
        del car[bit // 8 :]
    else:
        car[bit // 8] ^= 1 << bit % 8
    if bytes(car) != car_header():
        with pytest.raises(IntegrityError):
            read_whole_car(bytes(car))


def read_whole_car(car: bytes) -> None:
    reader = CarReader()
    reader.feed(car)
    reader.finish()


@given(st.integers(0, (1 << 53) - 1), st.integers(0, 1 << 30), st.datetimes(datetime(2027, 1, 1)))  # noqa: DTZ001  (hypothesis wants naive bounds)
def test_an_ipns_record_reads_back(sequence: int, ttl: int, until: datetime) -> None:
    until = until.replace(microsecond=0, tzinfo=UTC)
    value = f"/ipfs/{CID.of(RAW, b'root')}"
    record = ipns.create_record(PUBLIC, KEY.sign, value, sequence, until, ttl)
    read = ipns.parse_record(ipns.name_of(PUBLIC), record, datetime(2026, 11, 21, tzinfo=UTC))
    assert (read.value, read.sequence, read.validity, read.ttl_seconds) == (
        value,
        sequence,
        until,
        ttl,
    )


@given(st.integers(0))
def test_an_ipns_record_with_a_bit_changed_never_says_something_else(bit: int) -> None:
    value = f"/ipfs/{CID.of(RAW, b'root')}"
    until = datetime(2126, 1, 1, tzinfo=UTC)
    octets = bytearray(ipns.create_record(PUBLIC, KEY.sign, value, 7, until, 300))
    bit %= len(octets) * 8
    octets[bit // 8] ^= 1 << bit % 8
    try:
        read = ipns.verify_record(PUBLIC, bytes(octets))
    except IntegrityError:
        return
    assert (read.value, read.sequence, read.validity) == (value, 7, until)
