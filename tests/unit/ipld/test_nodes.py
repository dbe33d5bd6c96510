"""dag-pb, UnixFS and dag-cbor: one encoding for the vault, more for the public gateway."""

from __future__ import annotations

import pytest

from hygieia.errors import DagRefused, InvalidInput, NotFound
from hygieia.ipld import dagcbor, dagpb, hamt, unixfs, varint
from hygieia.ipld.builder import FileBuilder, directory, leaf
from hygieia.ipld.cid import CID, DAG_PB, IDENTITY, RAW
from hygieia.ipld.dagpb import Link, Node
from hygieia.ipld.layout import PROFILE, Layout
from hygieia.ipld.protobuf import bytes_field, varint_field
from hygieia.ipld.unixfs import Child, Kind
from hygieia.ipld.walk import Part, expand_any
from hygieia.limits import MAX_DAG_DEPTH, MAX_INTEGER, MAX_NODE_LINKS_READ
from tests.unit.ipld.factories import noise

LEAF = CID.of(RAW, b"leaf")


def test_a_node_is_written_and_read() -> None:
    links = (Link(LEAF, "a", 4), Link(LEAF, "b", 300))
    assert dagpb.decode_node(dagpb.encode_node(links, b"data")) == Node(links, b"data")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x0a\x01",
        b"\x0a\x00\x0a\x00",
        b"\x12\x00",
        b"\x12\x02\x0a\x00",
        b"\x08\x00",
        b"\x1a\x00",
        b"\x15\x00\x00\x00\x00",
        b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
        b"\xff" * 20,
    ],
)
def test_octets_that_are_no_node_are_refused(octets: bytes) -> None:
    with pytest.raises(DagRefused):
        dagpb.decode_node(octets)


def test_a_node_of_other_writers_is_read_leniently() -> None:
    link = bytes_field(1, LEAF.encode())
    octets = bytes_field(1, b"\x08\x01") + bytes_field(2, link)
    assert dagpb.decode_any(octets) == Node((Link(LEAF, "", 0),), b"\x08\x01")
    with pytest.raises(DagRefused):
        dagpb.decode_node(octets)


@pytest.mark.parametrize(
    "link",
    [
        bytes_field(1, LEAF.encode()) * 2,
        bytes_field(2, b"name"),
        bytes_field(1, LEAF.encode()) + varint_field(2, 1),
        bytes_field(1, LEAF.encode()) + varint_field(64, 1),
    ],
)
def test_malformed_links_are_refused_even_leniently(link: bytes) -> None:
    with pytest.raises(DagRefused):
        dagpb.decode_any(bytes_field(2, link) + bytes_field(1, b""))


def test_a_node_with_too_many_links_is_refused() -> None:
    octets = dagpb.encode_node([Link(LEAF, "", 4)] * 8193, b"")
    with pytest.raises(DagRefused, match="too many"):
        dagpb.decode_any(octets)


def test_a_vault_node_with_too_many_links_is_refused() -> None:
    one = dagpb.encode_link(LEAF, b"", 4)
    most = one * MAX_NODE_LINKS_READ + b"\x0a\x00"
    assert len(dagpb.decode_node(most).links) == MAX_NODE_LINKS_READ
    with pytest.raises(DagRefused):
        dagpb.decode_node(one + most)


def test_a_tsize_that_javascript_cannot_hold_is_refused() -> None:
    links = [Link(LEAF, "a", MAX_INTEGER)]
    assert dagpb.decode_node(dagpb.encode_node(links, b"")).links == tuple(links)
    with pytest.raises(DagRefused):
        dagpb.decode_node(dagpb.encode_node([Link(LEAF, "a", MAX_INTEGER + 1)], b""))


def test_a_directory_keeps_its_entries_in_order_of_their_octets() -> None:
    built = leaf(b"x")[1]
    block, _ = directory([(name, built) for name in ("ä", "b", "a.b", "a", "Z")])
    node = unixfs.decode_directory(block.data)
    assert [entry.name for entry in node.entries] == ["Z", "a", "a.b", "b", "ä"]
    assert node.find("a") == Link(built.cid, "a", 1)
    assert node.find("c") is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0", "\x7f", "\x85", "x" * 256, "\ud800"])
def test_a_directory_is_never_built_with_a_bad_name(name: str) -> None:
    with pytest.raises(DagRefused):
        directory([(name, leaf(b"x")[1])])


def test_a_directory_is_never_built_with_a_name_twice() -> None:
    with pytest.raises(DagRefused):
        directory([("a", leaf(b"x")[1])] * 2)


def test_the_gateway_recognises_every_kind_of_unixfs_node() -> None:
    for kind, data in {
        Kind.RAW: b"\x08\x00\x12\x01x",
        Kind.DIRECTORY: b"\x08\x01",
        Kind.FILE: b"\x08\x02\x12\x01x\x18\x01",
        Kind.METADATA: b"\x08\x03",
        Kind.SYMLINK: b"\x08\x04\x12\x01x",
        Kind.HAMT: b"\x08\x05\x28\x22\x30\x80\x02",
    }.items():
        assert unixfs.decode_any(bytes_field(1, data)).kind is kind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x12\x01x",
        b"\x08\x06",
        b"\x08\x02\x08\x02",
        b"\x08\x02\x12\x01x\x12\x01x",
        b"\x08\x02\x3a\x00",
        b"\x08\x05\x28\x22\x30\x80\x80\x80\x80\x04",
        b"\x08\x05\x28\x22\x30\x03",
        b"\x08\x05",
    ],
)
def test_malformed_unixfs_data_is_refused_even_leniently(data: bytes) -> None:
    with pytest.raises(DagRefused):
        unixfs.decode_any(bytes_field(1, data))
    with pytest.raises(DagRefused):
        unixfs.decode_any(b"")


def test_packed_block_sizes_are_read_leniently() -> None:
    octets = dagpb.encode_node([Link(LEAF, "", 4)] * 2, b"\x08\x02\x18\x08\x22\x02\x04\x04")
    node = unixfs.decode_any(octets)
    assert node.block_sizes == (4, 4)
    assert len(expand_any(Part(LEAF), octets).parts) == 2


@pytest.mark.parametrize(
    ("links", "data"),
    [
        (1, b"\x08\x02\x18\x04"),
        (1, b"\x08\x02\x18\x05\x20\x04"),
        (0, b"\x08\x01"),
        (1, b"\x08\x02\x18\xff\xff\xff\xff\xff\xff\xff\x7f\x20\xff\xff\xff\xff\xff\xff\xff\x7f"),
    ],
)
def test_lenient_files_still_need_sizes_that_agree(links: int, data: bytes) -> None:
    octets = dagpb.encode_node([Link(LEAF, "", 4)] * links, data)
    with pytest.raises(DagRefused):
        expand_any(Part(LEAF), octets)


def test_a_lenient_file_may_not_be_deeper_than_the_limit() -> None:
    octets = dagpb.encode_node([Link(LEAF, "", 4)], b"\x08\x02\x18\x04\x20\x04")
    part = Part(LEAF)
    for _ in range(MAX_DAG_DEPTH):
        part = expand_any(part, octets).parts[0]
    with pytest.raises(DagRefused, match="too deep"):
        expand_any(part, octets)


def test_the_builder_takes_leaves_hashed_elsewhere() -> None:
    layout = Layout(16, 3)
    whole, parts = FileBuilder(layout), FileBuilder(layout)
    data = noise(200)
    expected = [*whole.update(data), *whole.finish()[0]]
    nodes = []
    for start in range(0, 200, 16):
        chunk = data[start : start + 16]
        nodes += parts.add_hashed(CID.of(RAW, chunk), len(chunk))
    rest, built = parts.finish()
    assert [b for b in expected if b.cid.codec != RAW] == [*nodes, *rest]
    assert built.size_bytes == 200
    assert built.tsize == 200 + sum(len(node.data) for node in [*nodes, *rest])


def test_the_builder_refuses_leaves_that_break_the_layout() -> None:
    for size in (0, 17):
        with pytest.raises(InvalidInput):
            FileBuilder(Layout(16, 3)).add_hashed(LEAF, size)
    builder = FileBuilder(Layout(16, 3))
    builder.add_hashed(LEAF, 15)
    with pytest.raises(InvalidInput):
        builder.add_hashed(LEAF, 16)


def test_the_profiles_layout_is_one_mebibyte_and_1024_links() -> None:
    assert [PROFILE.level(size) for size in (0, 1 << 20, (1 << 20) + 1, 1 << 30)] == [0, 0, 1, 1]
    assert PROFILE.level((1 << 30) + 1) == 2
    assert PROFILE.child_sizes((1 << 30) + 1, 2) == [1 << 30, 1]


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, (1 << 63) - 1])
def test_varints_have_one_encoding(number: int) -> None:
    octets = varint.encode(number)
    assert varint.decode(octets) == (number, len(octets))
    assert varint.decode_protobuf(octets, 0) == (number, len(octets))


def test_varints_that_are_padded_long_or_cut_are_refused() -> None:
    for octets in (b"\x80\x00", b"\xff" * 9 + b"\x01"):
        with pytest.raises(ValueError, match="varint"):
            varint.decode(octets)
    for octets in (b"", b"\x80"):
        with pytest.raises(EOFError):
            varint.decode(octets)
    for octets in (b"\xff" * 10, b"\xff" * 9 + b"\x02", b"\x80"):
        with pytest.raises(ValueError, match="varint"):
            varint.decode_protobuf(octets, 0)


def test_dag_cbor_is_written_and_read() -> None:
    value: dagcbor.Value = {
        "list": [None, True, False, -1, 24, 1 << 16, 1 << 40, 1.5],
        "map": {"link": LEAF, "bytes": b"x" * 300},
        "text": "ä",
    }
    assert dagcbor.decode(dagcbor.encode(value)) == value
    assert list(dagcbor.links(dagcbor.decode(dagcbor.encode(value)))) == [LEAF]


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x18\x01",
        b"\x1b",
        b"\x9f\xff",
        b"\x5f\xff",
        b"\x61\xff",
        b"\xa2\x61a\x01\x61a\x01",
        b"\xa1\x01\x01",
        b"\x9a\xff\xff\xff\xff",
        b"\xba\xff\xff\xff\xff",
        b"\x5a\xff\xff\xff\xff",
        b"\xc1\x00",
        b"\xd8\x2a\x41\x01",
        b"\xd8\x2a\x42\x00\x01",
        b"\xf7",
        b"\xfb\x7f\xf0" + bytes(6),
        b"\xf9\x00\x00",
        b"\x01\x01",
        b"\x81" * 100 + b"\x01",
        b"\xd8\x2a" * 100,
    ],
)
def test_malformed_dag_cbor_is_refused(octets: bytes) -> None:
    with pytest.raises(DagRefused):
        dagcbor.decode(octets)


def test_a_path_is_followed_into_dag_cbor_up_to_a_link() -> None:
    value: dagcbor.Value = {"a": [{"b": LEAF}], "c": 1}
    assert dagcbor.follow(value, ["a", "0", "b", "rest"]) == (LEAF, 3)
    assert dagcbor.follow(value, ["c"]) == (1, 1)
    for path in (["x"], ["a", "1"], ["a", "-1"], ["c", "d"], ["a", "²"]):
        with pytest.raises(DagRefused):
            dagcbor.follow(value, path)


def test_murmur3_gives_the_published_values() -> None:
    assert hamt.murmur3_64(b"") == 0
    assert hamt.murmur3_64(b"hello") == 0xCBD8A7B341BD9B02
    assert hamt.murmur3_64(b"hello, world") == 0x342FAC623A5EBC8E


def test_a_sharded_directory_has_bounds() -> None:
    data = b"\x08\x05\x28\x22\x30\x80\x02"
    shard = unixfs.decode_any(bytes_field(1, data))
    assert hamt.prefix_length(shard) == 2
    with pytest.raises(NotFound):
        hamt.look_up(shard, "name", 0)
    with pytest.raises(DagRefused, match="too deep"):
        hamt.look_up(shard, "name", 8)
    other = unixfs.decode_any(bytes_field(1, data.replace(b"\x22", b"\x23")))
    with pytest.raises(DagRefused, match="another hash"):
        hamt.look_up(other, "name", 0)


@pytest.mark.parametrize("tsize", [3, 5])
def test_a_leaf_whose_tsize_is_not_its_size_is_refused_at_its_parent(tsize: int) -> None:
    assert unixfs.decode_file(unixfs.encode_file([Child(LEAF, 4, 4)])).size_bytes == 4
    with pytest.raises(DagRefused):
        unixfs.decode_file(unixfs.encode_file([Child(LEAF, 4, tsize)]))


def test_a_node_whose_tsize_is_below_its_size_is_refused_at_its_parent() -> None:
    node = CID.of(DAG_PB, b"node")
    assert unixfs.decode_file(unixfs.encode_file([Child(node, 4, 50)])).size_bytes == 4
    with pytest.raises(DagRefused):
        unixfs.decode_file(unixfs.encode_file([Child(node, 4, 3)]))


def test_a_vault_node_links_no_identity_cid() -> None:
    octets = dagpb.encode_node([Link(CID(RAW, IDENTITY, b"x"), "a", 1)], b"\x08\x01")
    assert dagpb.decode_any(octets).links[0].cid.hash_code == IDENTITY
    with pytest.raises(DagRefused, match="not of the vault"):
        unixfs.decode_directory(octets)
