"""What a commit's inspection needs to know of blocks, without reading most of them.

A file's leaves matter by their size alone, its first leaf by its first octets too; only nodes and
recipients headers are read whole. ``BlockFacts`` remembers that much of each block that passes
through an upload, within a fixed amount of memory. It is a cache and no more: another instance of
the server, or this one after a restart, asks the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.ipld.cid import CID, DAG_PB

if TYPE_CHECKING:
    from hygieia.blocks.port import BlockStore
    from hygieia.ipld.block import Block

START_BYTES: Final = 128
WHOLE_LEAF_BYTES: Final = 2048
MAX_NODE_BYTES: Final = 1 << 20
MEMORY_BYTES: Final = 32 << 20
_OVERHEAD_BYTES: Final = 400
_READ_GROUP_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Fact:
    """One block: its size and its beginning, which may be all of it."""

    size_bytes: int
    start: bytes

    @property
    def is_whole(self) -> bool:
        """Whether ``start`` is the whole block."""
        return len(self.start) == self.size_bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an inspection asks for next: blocks whole, by their start, or only their sizes."""

    whole: Sequence[CID] = ()
    starts: Sequence[CID] = ()
    sizes: Sequence[CID] = ()

    def __iter__(self) -> Iterator[CID]:
        yield from self.whole
        yield from self.starts
        yield from self.sizes


Facts = dict[CID, Fact]


class BlockFacts:
    """Facts of recent blocks, least recently used first out."""

    def __init__(self, blocks: BlockStore, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._blocks = blocks
        self._known: OrderedDict[CID, Fact] = OrderedDict()
        self._memory_bytes = memory_bytes
        self._used_bytes = 0

    def learn(self, blocks: Iterable[Block]) -> None:
        """Remember verified blocks. Cheap: octets are shared, not hashed."""
        for block in blocks:
            self._remember(block.cid, _fact_of(block.cid, block.data))

    def known(self, wanted: Wanted) -> Facts | None:
        """The facts asked for if all of them are remembered. Safe in any thread."""
        found: Facts = {}
        whole = set(wanted.whole)
        for cid in wanted:
            fact = self._known.get(cid)
            if fact is None or (cid in whole and not fact.is_whole):
                return None
            found[cid] = fact
        return found

    async def ask(self, all_wanted: Sequence[Wanted]) -> Facts:
        """Ask the store for facts. What it does not have, or is too large a node, is left out."""
        cids = list(dict.fromkeys(cid for wanted in all_wanted for cid in wanted))
        sizes = await self._blocks.sizes(cids)
        size_of = {cid: size for cid, size in zip(cids, sizes, strict=True) if size is not None}
        facts = {cid: Fact(size, b"") for cid, size in size_of.items()}
        whole = {cid for wanted in all_wanted for cid in wanted.whole}
        starts = {cid for wanted in all_wanted for cid in wanted.starts}
        to_read = [
            cid
            for cid in cids
            if (cid in whole and size_of.get(cid, 0) <= MAX_NODE_BYTES) or cid in starts
        ]
        for group in _groups([cid for cid in to_read if cid in size_of], size_of):
            for cid, octets in zip(group, await self._blocks.get_many(group), strict=True):
                facts[cid] = Fact(len(octets), octets if cid in whole else octets[:START_BYTES])
                self._remember(cid, _fact_of(cid, octets))
        return facts

    def _remember(self, cid: CID, fact: Fact) -> None:
        previous = self._known.pop(cid, None)
        if previous is not None:
            self._used_bytes -= len(previous.start) + _OVERHEAD_BYTES
        self._known[cid] = fact
        self._used_bytes += len(fact.start) + _OVERHEAD_BYTES
        while self._used_bytes > self._memory_bytes:
            _, dropped = self._known.popitem(last=False)
            self._used_bytes -= len(dropped.start) + _OVERHEAD_BYTES


def _fact_of(cid: CID, octets: bytes) -> Fact:
    small = len(octets) <= (MAX_NODE_BYTES if cid.codec == DAG_PB else WHOLE_LEAF_BYTES)
    # Copied when it is a view: a fact never keeps the batch that the block came in.
    return Fact(len(octets), bytes(octets if small else octets[:START_BYTES]))


def _groups(cids: list[CID], size_of: dict[CID, int]) -> Generator[list[CID], None, None]:
    """Cut into groups that fit in memory together."""
    group: list[CID] = []
    group_bytes = 0
    for cid in cids:
        if group and group_bytes + size_of[cid] > _READ_GROUP_BYTES:
            yield group
            group, group_bytes = [], 0
        group.append(cid)
        group_bytes += size_of[cid]
    if group:
        yield group
