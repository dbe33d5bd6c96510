"""What a commit's inspection needs to know of blocks, without reading most of them.

A file's leaves matter by their size alone, its first leaf by its first octets too; only nodes and
recipients headers are read whole. ``BlockFacts`` remembers that much of each block that passes
through an upload, within a fixed amount of memory. It is a cache and no more: another instance of
the server, or this one after a restart, asks the store.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.ipld.cid import CID, DAG_PB

if TYPE_CHECKING:
    from hygieia.blocks.port import AnyBlock, BlockStore

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


@dataclass(frozen=True, slots=True)
class _Group:
    """Blocks to read at a time; ``whole`` names those, of all, whose octets are all wanted."""

    cids: list[CID]
    whole: set[CID]


class BlockFacts:
    """Facts of recent blocks, least recently used first out."""

    def __init__(self, blocks: BlockStore, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._blocks = blocks
        # Of octets and numbers only: the garbage collector, which stops the event loop, skips them.
        self._known: OrderedDict[bytes, tuple[int, bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._memory_bytes = memory_bytes
        self._used_bytes = 0

    def learn(self, blocks: Iterable[AnyBlock]) -> None:
        """Remember blocks that the store has taken. Safe in any thread, where many belong."""
        for block in blocks:
            self._remember(block.cid, len(block.data), _start_of(block.cid, block.data))

    def known(self, wanted: Wanted) -> Facts | None:
        """The facts asked for if all of them are remembered. Safe in any thread."""
        found: Facts = {}
        whole = set(wanted.whole)
        for cid in wanted:
            entry = self._known.get(cid.encode())
            if entry is None:
                return None
            found[cid] = fact = Fact(*entry)
            if cid in whole and not fact.is_whole:
                return None
        return found

    async def ask(self, all_wanted: Sequence[Wanted]) -> Facts:
        """Ask the store for facts. What it does not have, or is too large a node, is left out."""
        cids = await asyncio.to_thread(_all_of, all_wanted)
        sizes = await self._blocks.sizes(cids)
        facts, to_read = await asyncio.to_thread(_plan, all_wanted, cids, sizes)
        for group in to_read:
            found = await self._blocks.get_many(group.cids)
            await asyncio.to_thread(self._take, group, found, facts)
        return facts

    def _take(self, group: _Group, found: Sequence[bytes], facts: Facts) -> None:
        for cid, octets in zip(group.cids, found, strict=True):
            start = octets if cid in group.whole else octets[:START_BYTES]
            facts[cid] = Fact(len(octets), start)
            self._remember(cid, len(octets), _start_of(cid, octets))

    def _remember(self, cid: CID, size_bytes: int, start: bytes) -> None:
        key = cid.encode()
        with self._lock:
            previous = self._known.pop(key, None)
            if previous is not None:
                self._used_bytes -= len(previous[1]) + _OVERHEAD_BYTES
            self._known[key] = (size_bytes, start)
            self._used_bytes += len(start) + _OVERHEAD_BYTES
            while self._used_bytes > self._memory_bytes:
                _, (_, dropped) = self._known.popitem(last=False)
                self._used_bytes -= len(dropped) + _OVERHEAD_BYTES


def _start_of(cid: CID, octets: bytes) -> bytes:
    small = len(octets) <= (MAX_NODE_BYTES if cid.codec == DAG_PB else WHOLE_LEAF_BYTES)
    # Copied when it is a view: what is remembered never keeps the batch that a block came in.
    return bytes(octets if small else octets[:START_BYTES])


def _all_of(all_wanted: Sequence[Wanted]) -> list[CID]:
    return list(dict.fromkeys(cid for wanted in all_wanted for cid in wanted))


def _plan(
    all_wanted: Sequence[Wanted], cids: Sequence[CID], sizes: Sequence[int | None]
) -> tuple[Facts, list[_Group]]:
    """What the sizes alone tell, and what is to be read, in groups that fit in memory together."""
    facts = {
        cid: Fact(size, b"") for cid, size in zip(cids, sizes, strict=True) if size is not None
    }
    whole = {cid for wanted in all_wanted for cid in wanted.whole}
    starts = {cid for wanted in all_wanted for cid in wanted.starts}
    groups = [_Group([], whole)]
    group_bytes = 0
    for cid, fact in facts.items():
        if cid not in starts and (cid not in whole or fact.size_bytes > MAX_NODE_BYTES):
            continue
        if groups[-1].cids and group_bytes + fact.size_bytes > _READ_GROUP_BYTES:
            groups.append(_Group([], whole))
            group_bytes = 0
        groups[-1].cids.append(cid)
        group_bytes += fact.size_bytes
    return facts, [group for group in groups if group.cids]
