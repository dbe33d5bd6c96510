"""A file is read whole or in part from blocks that nobody trusts, asking only for what it needs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pytest

from hygieia.errors import BlockMissing, BlockRefused, DagRefused, LimitExceeded, NotFound
from hygieia.ipld.block import Block
from hygieia.ipld.car import CarReader, car_header, car_section
from hygieia.ipld.cid import CID, DAG_CBOR, DAG_PB, RAW
from hygieia.ipld.layout import Layout
from hygieia.ipld.unixfs import Child, decode_file, encode_file
from hygieia.ipld.walk import (
    CarFileWalk,
    FileWalk,
    Part,
    expand,
    payload_part,
    read_file,
    resolve,
)
from tests.unit.ipld.factories import Blocks, noise

SMALL = Layout(16, 3)
MIB = 1 << 20


def walk_with_prefetch(walk: FileWalk, blocks: Blocks, ahead: int, seed: int = 0) -> bytes:
    """Feed what is wanted in any order, some of it late, as parallel requests would."""
    order = random.Random(seed)
    flying: set[CID] = set()
    pieces: list[bytes] = []
    while not walk.finished:
        flying.update(walk.wanted(ahead))
        arrived = order.choice(sorted(flying, key=str))
        flying.remove(arrived)
        pieces += walk.feed(blocks.block(arrived))
    return b"".join(pieces)


def test_a_report_file_is_found_by_its_path_and_read_whole() -> None:
    blocks = Blocks()
    data = blocks.envelope(b"header", noise(MIB + 3))
    meta = blocks.envelope(b"header", b"meta")
    root = blocks.directory({"data.pgp": data, "meta.pgp": meta})
    assert b"".join(read_file(root.cid, blocks.get, path=["meta.pgp"])) == b"headermeta"
    whole = b"".join(read_file(root.cid, blocks.get, path=["data.pgp"]))
    assert whole == b"header" + noise(MIB + 3)


@pytest.mark.parametrize("ahead", [1, 2, 5, 100])
def test_blocks_may_come_in_any_order(ahead: int) -> None:
    blocks = Blocks()
    root = blocks.envelope(b"header", noise(700), SMALL)
    for seed in range(5):
        walk = FileWalk(root.cid, layout=SMALL)
        assert walk_with_prefetch(walk, blocks, ahead, seed) == b"header" + noise(700)


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 3), (3, 7), (5, 6), (6, 22), (100, 101), (690, None), (800, None), (9, 9)],
)
def test_a_range_asks_only_for_the_blocks_it_needs(start: int, end: int | None) -> None:
    blocks = Blocks()
    payload = noise(700)
    root = blocks.envelope(b"header", payload, SMALL)
    walk = FileWalk(root.cid, start=start, end=end, layout=SMALL)
    expected = (b"header" + payload)[start:end]
    assert walk_with_prefetch(walk, blocks, 1) == expected
    assert walk.size_bytes == 706
    leaves = [cid for cid in blocks.asked if cid.codec == RAW]
    assert len(leaves) <= 2 + len(expected) // 16


def test_a_payload_is_read_without_its_header() -> None:
    blocks = Blocks()
    root = blocks.envelope(b"header", noise(2 * MIB))
    payload = decode_file(blocks.data[root.cid]).children[1]
    assert b"".join(read_file(payload_part(payload), blocks.get)) == noise(2 * MIB)


def test_an_empty_file_is_read() -> None:
    blocks = Blocks()
    assert b"".join(read_file(blocks.file(b"").cid, blocks.get)) == b""


def fed_from_car(walk: FileWalk, blocks: Iterable[Block]) -> Iterator[bytes]:
    feeder = CarFileWalk(walk)
    for block in blocks:
        yield from feeder.feed(block)
    feeder.finish()


def test_a_car_in_order_is_read_as_it_comes() -> None:
    blocks = Blocks()
    root = blocks.envelope(b"header", noise(700), SMALL)
    walk_order = depth_first(blocks, root.cid)
    pieces = fed_from_car(FileWalk(root.cid, layout=SMALL), walk_order)
    assert b"".join(pieces) == b"header" + noise(700)


def depth_first(blocks: Blocks, root: CID) -> list[Block]:
    walk = FileWalk(root, any_layout=True)
    found: list[Block] = []
    while not walk.finished:
        found.append(blocks.block(walk.wanted()[0]))
        walk.feed(found[-1])
    return found


@pytest.mark.parametrize("repeats", [True, False], ids=["repeated", "left out"])
def test_a_car_may_repeat_equal_blocks_or_leave_them_out(repeats: bool) -> None:
    blocks = Blocks()
    data = b"0123456789abcdef" * 10
    root = blocks.file(data, SMALL)
    sent = depth_first(blocks, root.cid)
    assert len(sent) > len(set(sent))
    walk = FileWalk(root.cid, layout=SMALL)
    sent = sent if repeats else list(dict.fromkeys(sent))
    assert b"".join(fed_from_car(walk, sent)) == data


def test_a_car_with_a_strange_block_is_refused() -> None:
    blocks = Blocks()
    root = blocks.file(noise(100), SMALL)
    feeder = CarFileWalk(FileWalk(root.cid, layout=SMALL))
    feeder.feed(blocks.block(root.cid))
    with pytest.raises(DagRefused, match="order"):
        feeder.feed(Block.of(RAW, b"stranger"))


def test_a_car_that_ends_early_is_refused() -> None:
    blocks = Blocks()
    root = blocks.file(noise(100), SMALL)
    sections = [car_section(block) for block in depth_first(blocks, root.cid)[:-1]]
    found = CarReader().feed(car_header([root.cid]) + b"".join(sections))
    walk = FileWalk(root.cid, layout=SMALL)
    with pytest.raises(DagRefused, match="whole file"):
        list(fed_from_car(walk, iter(found)))


def test_a_lying_store_is_found_out_before_anything_is_released() -> None:
    blocks = Blocks()
    root = blocks.envelope(b"header", b"payload")
    for cid in list(blocks.data):
        lying = Blocks({**blocks.data, cid: b"something else"})
        with pytest.raises(BlockRefused):
            list(read_file(root.cid, lying.get))
        missing = Blocks({other: data for other, data in blocks.data.items() if other != cid})
        with pytest.raises(BlockMissing):
            list(read_file(root.cid, missing.get))


def test_a_block_nobody_asked_for_is_refused() -> None:
    blocks = Blocks()
    root = blocks.envelope(b"header", b"payload")
    walk = FileWalk(root.cid)
    with pytest.raises(DagRefused, match="not asked for"):
        walk.feed(blocks.block(root.cid))


def test_a_file_larger_than_allowed_is_refused_at_its_root() -> None:
    blocks = Blocks()
    root = blocks.envelope(b"header", noise(1000))
    with pytest.raises(LimitExceeded):
        list(read_file(root.cid, blocks.get, max_size_bytes=1005))
    assert blocks.asked == [root.cid]


@pytest.mark.parametrize("wrong", [Part, lambda cid: Part(cid, 7), lambda cid: Part(cid, None, 9)])
def test_promises_about_the_root_are_kept(wrong: type[Part]) -> None:
    blocks = Blocks()
    root = blocks.file(b"sixsix")
    part = wrong(root.cid)
    if part == Part(root.cid):
        assert b"".join(read_file(part, blocks.get)) == b"sixsix"
    else:
        with pytest.raises(DagRefused):
            list(read_file(part, blocks.get))


def test_a_path_leads_only_through_directories() -> None:
    blocks = Blocks()
    file = blocks.envelope(b"header", b"payload")
    root = blocks.directory({"a": blocks.directory({"b": file})})
    assert resolve(root.cid, ["a", "b"], blocks.get).cid == file.cid
    with pytest.raises(NotFound):
        resolve(root.cid, ["a", "c"], blocks.get)
    with pytest.raises(NotFound):
        list(read_file(root.cid, blocks.get, path=["b"]))
    for path in (["a", "b", "c"], ["a"]):
        with pytest.raises(DagRefused):
            list(read_file(root.cid, blocks.get, path=path))
    leaf = blocks.file(b"leaf")
    with pytest.raises(DagRefused):
        resolve(leaf.cid, ["a"], blocks.get)
    with pytest.raises(DagRefused):
        list(read_file(leaf.cid, blocks.get, path=["a"]))


def test_a_directory_with_a_false_tsize_is_refused_on_the_way() -> None:
    blocks = Blocks()
    inner = blocks.directory({"f": blocks.file(b"x")})
    with pytest.raises(DagRefused, match="Tsize"):
        resolve(Part(inner.cid, tsize=inner.tsize + 1), ["f"], blocks.get)


def test_a_block_of_another_codec_is_no_file() -> None:
    data = b"\xa0"
    blocks = Blocks({CID.of(DAG_CBOR, data): data})
    with pytest.raises(DagRefused):
        list(read_file(CID.of(DAG_CBOR, data), blocks.get))


def test_a_tree_under_a_payload_may_not_be_another_envelope() -> None:
    """Only the root may be header and payload; below it the profile's layout is the only one."""
    blocks = Blocks()
    inner = blocks.envelope(b"inner header", noise(MIB))
    part = payload_part(Child(inner.cid, inner.size_bytes, inner.tsize))
    with pytest.raises(DagRefused):
        list(read_file(part, blocks.get))


@pytest.mark.parametrize("true_size", [40, 32])
def test_a_node_of_another_size_than_its_parent_says_is_refused(true_size: int) -> None:
    """Every Tsize is exact and every node has the layout of its own size; only one size lies."""
    blocks = Blocks()
    first, second = blocks.file(noise(true_size), SMALL), blocks.file(noise(32, seed=2), SMALL)
    promised = [Child(first.cid, 48, first.tsize), Child(second.cid, 32, second.tsize)]
    root = Block.of(DAG_PB, encode_file(promised))
    blocks.add(root)
    walk = FileWalk(root.cid, layout=SMALL)
    with pytest.raises(DagRefused, match="another size"):
        walk_with_prefetch(walk, blocks, 1)


@pytest.mark.parametrize("sizes", [[16, 8], [48, 8]], ids=["node for a leaf", "leaf for a node"])
def test_a_block_of_the_wrong_kind_is_refused_before_it_is_asked_for(sizes: list[int]) -> None:
    codec = DAG_PB if sizes[0] == 16 else RAW
    children = [
        Child(CID.of(codec, b"any"), size, 200 if codec == DAG_PB else size) for size in sizes
    ]
    octets = encode_file(children)
    with pytest.raises(DagRefused, match="a leaf where a node should be"):
        expand(Part(CID.of(DAG_PB, octets), level=1 if codec == DAG_PB else 2), octets, SMALL)
