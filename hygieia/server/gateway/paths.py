"""Follows a content path from its root CID: UnixFS directories, sharded ones, dag-cbor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hygieia.errors import DagRefused, InvalidInput, NotFound
from hygieia.ipld import dagcbor, hamt, unixfs
from hygieia.ipld.cid import CID, DAG_CBOR, DAG_PB, parse_any
from hygieia.ipld.unixfs import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.blocks.port import BlockStore


@dataclass(slots=True)
class Followed:
    """Where a path led: every block on the way, and the CID each segment came to."""

    end: CID
    passed: list[CID] = field(default_factory=list)
    roots: list[CID] = field(default_factory=list)


async def follow(blocks: BlockStore, root: CID, segments: Sequence[str]) -> Followed:
    """Follow a path. Raises ``NotFound`` (``BlockMissing``), ``DagRefused``."""
    way = Followed(root, [], [root])
    rest = list(segments)
    while rest:
        here = way.end
        way.passed.append(here)
        if here.codec == DAG_PB:
            way.end = await _entry(blocks, here, rest[0], way)
            used = 1
        elif here.codec == DAG_CBOR:
            way.end, used = _inside(await blocks.get(here), rest)
        else:
            raise NotFound("The path goes on where there is nothing below.")
        way.roots.append(way.end)
        rest = rest[used:]
    return way


async def _entry(blocks: BlockStore, directory: CID, name: str, way: Followed) -> CID:
    node = unixfs.decode_any(await blocks.get(directory))
    if node.kind is Kind.HAMT:
        return await _sharded_entry(blocks, node, name, way)
    if node.kind is Kind.DIRECTORY:
        for link in node.links:
            if link.name == name:
                return link.cid
    raise NotFound("The path names nothing in that directory.")


async def _sharded_entry(
    blocks: BlockStore, shard: unixfs.AnyNode, name: str, way: Followed
) -> CID:
    depth = 0
    while True:
        link, found = hamt.look_up(shard, name, depth)
        if found:
            return link.cid
        way.passed.append(link.cid)
        shard = unixfs.decode_any(await blocks.get(link.cid))
        if shard.kind is not Kind.HAMT:
            raise DagRefused("A sharded directory has a shard that is none.")
        depth += 1


def _inside(octets: bytes, segments: Sequence[str]) -> tuple[CID, int]:
    """The next link on the way through a dag-cbor block, and how many segments led to it."""
    try:
        value, used = dagcbor.follow(dagcbor.decode(octets), segments)
        if isinstance(value, CID):
            return value, used
        if isinstance(value, str):
            return parse_any(value), used
    except (DagRefused, InvalidInput) as error:
        raise NotFound("The path names nothing in that block.") from error
    raise NotFound("The path leads to a value inside a block; ask for the block.")
