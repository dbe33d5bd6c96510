"""A report and an index root have one shape; every other one is refused (threat BK-05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hygieia.errors import DagRefused
from hygieia.ipld import shapes
from hygieia.ipld.builder import Built, directory, join, leaf
from hygieia.ipld.dagpb import Link
from hygieia.ipld.unixfs import decode_directory

if TYPE_CHECKING:
    from hygieia.ipld.block import Block

HEADER = leaf(b"recipients")[1]


def envelope(payload: bytes = b"payload") -> tuple[Block, Built]:
    return join(HEADER, leaf(payload)[1])


def test_an_envelope_is_a_header_leaf_and_a_payload() -> None:
    block, built = envelope()
    node = shapes.read_envelope(block.data)
    assert node.header.cid == HEADER.cid
    assert node.size_bytes == built.size_bytes
    assert node.tsize == built.tsize


def test_an_envelope_with_a_false_tsize_in_its_directory_is_refused() -> None:
    block, built = envelope()
    with pytest.raises(DagRefused):
        shapes.read_envelope(block.data, Link(built.cid, "data.pgp", built.tsize + 1))


def test_an_envelope_with_a_third_part_is_refused() -> None:
    _, inner = envelope()
    with pytest.raises(DagRefused):
        shapes.read_envelope(join(inner, HEADER)[0].data)


def test_an_oversize_header_is_refused() -> None:
    block, _ = join(leaf(bytes(262_145))[1], HEADER)
    with pytest.raises(DagRefused):
        shapes.read_envelope(block.data)


def test_a_small_payload_that_is_not_one_leaf_is_refused() -> None:
    _, inner = envelope()
    block, _ = join(HEADER, inner)
    with pytest.raises(DagRefused):
        shapes.read_envelope(block.data)


def test_a_report_has_exactly_its_two_entries() -> None:
    built = envelope()[1]
    block, _ = directory([("meta.pgp", built), ("data.pgp", built)])
    assert shapes.read_report(block.data).data.name == "data.pgp"
    for names in (("data.pgp",), ("data.pgp", "meta.pgp", "x"), ("data.pgp", "Meta.pgp")):
        other, _ = directory([(name, built) for name in names])
        with pytest.raises(DagRefused):
            shapes.read_report(other.data)


def test_a_report_over_plain_leaves_is_refused() -> None:
    block, _ = directory([("meta.pgp", HEADER), ("data.pgp", HEADER)])
    with pytest.raises(DagRefused):
        shapes.read_report(block.data)


def test_an_index_over_plain_leaves_is_refused() -> None:
    built = envelope()[1]
    block, _ = directory([("index.pgp", built), ("contents", HEADER)])
    with pytest.raises(DagRefused):
        shapes.read_index_root(block.data)


def test_beside_index_and_contents_only_pairs_may_stand() -> None:
    built = envelope()[1]
    plain = [("index.pgp", built), ("contents", built)]
    assert shapes.read_index_root(directory(plain)[0].data).pairs is None
    with_pairs = directory([*plain, ("pairs", built)])[0]
    pairs = shapes.read_index_root(with_pairs.data).pairs
    assert pairs == decode_directory(with_pairs.data).find("pairs")
    with pytest.raises(DagRefused):
        shapes.read_index_root(directory([*plain, ("pears", built)])[0].data)
