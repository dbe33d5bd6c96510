"""Blocks in the order of a CAR, fetched ahead in threads, within fixed memory.

A depth-first walk whose next blocks are being read while the last are being sent. Links say how
large blocks are; that is used to plan, never trusted: the store ends a read early at its limit.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from hygieia.blocks.links import links_of
from hygieia.errors import BlockMissing, BlockRefused, DagRefused, LimitExceeded, Unavailable
from hygieia.ipld import dagpb, hamt, unixfs
from hygieia.ipld.cid import CID, DAG_PB, IDENTITY, RAW
from hygieia.ipld.unixfs import Kind
from hygieia.ipld.walk import Part, expand_any
from hygieia.limits import MAX_BLOCK_BYTES
from hygieia.server.gateway.asked import CarParameters, Scope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hygieia.blocks.bulk import BulkReads
    from hygieia.blocks.port import BlockStore

READS_AHEAD: Final = 2
BYTES_A_READ: Final = 2 << 20
BLOCKS_A_READ: Final = 64
MAX_CAR_DEPTH: Final = 64
MAX_CAR_BLOCKS: Final = 1 << 18
"""Blocks of one answer: the memory of "no duplicates" and the work of a diamond are bounded."""
READY_BYTES: Final = 4 << 20
_NODE_BYTES: Final = 4096
_LEAST_BYTES: Final = 512


@dataclass(slots=True, eq=False)
class _Visit:
    """A block in its turn. ``part`` where it belongs to a file read in part."""

    cid: CID
    claimed_bytes: int
    scope: Scope
    depth: int
    part: Part | None = None
    data: bytes | None = None
    read: asyncio.Task[None] | None = None


class CarFeed:
    """The blocks of one CAR: those on the path first, then the DAG below its end."""

    def __init__(
        self,
        blocks: BlockStore,
        passed: Sequence[CID],
        end: CID,
        wanted: CarParameters,
        bulk: BulkReads | None = None,
    ) -> None:
        self._blocks = blocks
        self._bulk = bulk
        self._wanted = wanted
        self._waiting: deque[_Visit] = deque(
            _Visit(cid, _NODE_BYTES, Scope.BLOCK, 0) for cid in passed
        )
        self._waiting.append(_Visit(end, _NODE_BYTES, wanted.scope, 0, Part(end)))
        self._range: tuple[int, int] | None = None
        self._seen: set[CID] = set()
        self._count = 0
        self._ready_bytes = 0
        self._reads: set[asyncio.Task[None]] = set()

    async def __aiter__(self) -> AsyncIterator[tuple[CID, bytes]]:
        """Yield (CID, bytes). Raises ``BlockMissing``, ``BlockRefused``, ``LimitExceeded``."""
        try:
            while self._waiting:
                visit = self._waiting.popleft()
                if visit.cid in self._seen:
                    self._ready_bytes -= len(visit.data or b"")
                    continue
                data = await self._take(visit)
                # A node of a thousand links takes 15 ms to read: not on the event loop.
                in_thread = len(data) > _NODE_BYTES and visit.cid.codec != RAW
                below = (
                    await asyncio.to_thread(self._below, visit, data)
                    if in_thread
                    else self._below(visit, data)
                )
                self._waiting.extendleft(reversed(below))
                self._note(visit.cid)
                if visit.cid.hash_code != IDENTITY:  # its bytes stand in the link to it
                    yield visit.cid, data
        finally:
            self.close()

    def close(self) -> None:
        """Stop reading ahead."""
        for read in self._reads:
            read.cancel()

    def _note(self, cid: CID) -> None:
        self._count += 1
        if self._count > MAX_CAR_BLOCKS:
            raise LimitExceeded("This CAR would have too many blocks; ask for its parts.")
        if not self._wanted.duplicates:
            self._seen.add(cid)

    # -- reading ahead -----------------------------------------------------------------------

    async def _take(self, visit: _Visit) -> bytes:
        while visit.data is None:
            if visit.read is None:
                self._start_read([visit])
            self._read_ahead()
            if visit.read is not None:
                await visit.read
        data, visit.data = visit.data, None
        self._ready_bytes -= len(data)
        self._read_ahead()
        return data

    def _read_ahead(self) -> None:
        group: list[_Visit] = []
        size_bytes = 0
        for visit in islice(self._waiting, READS_AHEAD * BLOCKS_A_READ):
            if len(self._reads) >= READS_AHEAD or self._ready_bytes >= READY_BYTES:
                return
            if visit.read is not None or visit.cid in self._seen:
                continue
            group.append(visit)
            size_bytes += max(_LEAST_BYTES, visit.claimed_bytes)
            if size_bytes >= BYTES_A_READ or len(group) == BLOCKS_A_READ:
                self._start_read(group)
                group, size_bytes = [], 0
        if group and len(self._reads) < READS_AHEAD:
            self._start_read(group)

    def _start_read(self, group: list[_Visit]) -> None:
        read = asyncio.create_task(self._read(group))
        self._reads.add(read)
        read.add_done_callback(self._end_read)
        for visit in group:
            visit.read = read

    async def _read(self, group: list[_Visit]) -> None:
        cids = [visit.cid for visit in group]
        found = await self._get_many(cids)
        for visit, data in zip(group, found, strict=False):
            visit.data = data
            self._ready_bytes += len(data)
        for visit in group[len(found) :]:
            visit.read = None  # did not fit: the links understated their sizes

    async def _get_many(self, cids: Sequence[CID]) -> list[bytes]:
        """Leaves as they come: whoever asks for a CAR hashes them. Nodes, which are read here, hashed."""
        if self._bulk is not None and all(cid.codec == RAW for cid in cids):
            # What it lacks, or why it fails, is for the store to say.
            with contextlib.suppress(BlockMissing, BlockRefused, Unavailable):
                return await self._bulk.blocks(cids, max_bytes=BYTES_A_READ)
        return await self._blocks.get_many(cids, max_bytes=BYTES_A_READ)

    def _end_read(self, read: asyncio.Task[None]) -> None:
        self._reads.discard(read)
        if not read.cancelled():
            read.exception()  # whoever needs the block meets it; nobody may any more

    # -- the walk ----------------------------------------------------------------------------

    def _below(self, visit: _Visit, data: bytes) -> list[_Visit]:
        if visit.scope is Scope.BLOCK or visit.cid.codec == RAW:
            return []
        if visit.depth >= MAX_CAR_DEPTH:
            raise LimitExceeded("This DAG is too deep for a CAR.")
        try:
            if visit.scope is Scope.ALL:
                return _all_links(visit, data)
            return self._entity_links(visit, data)
        except DagRefused:
            return []  # its bytes are intact, but it is no node: it has nothing below

    def _entity_links(self, visit: _Visit, data: bytes) -> list[_Visit]:
        if visit.cid.codec != DAG_PB:
            return []
        node = unixfs.decode_any(data)
        if node.kind is Kind.HAMT:
            digits = hamt.prefix_length(node)
            return [
                _Visit(link.cid, _NODE_BYTES, Scope.ENTITY, visit.depth + 1)
                for link in node.links
                if len(link.name) == digits
            ]
        if node.kind not in (Kind.FILE, Kind.RAW):
            return []
        found = expand_any(visit.part or Part(visit.cid), data)
        if self._range is None:
            asked = self._wanted.entity_bytes
            self._range = asked.within(found.size_bytes) if asked else (0, found.size_bytes)
        first, end = self._range
        return [
            _Visit(p.cid, _claimed(p.cid, p.size_bytes or 0), Scope.ENTITY, visit.depth + 1, p)
            for p in found.parts
            if p.start < end and p.start + (p.size_bytes or 0) > first
        ]


def _all_links(visit: _Visit, data: bytes) -> list[_Visit]:
    if visit.cid.codec == DAG_PB:
        return [
            _Visit(link.cid, _claimed(link.cid, link.tsize), Scope.ALL, visit.depth + 1)
            for link in dagpb.decode_any(data).links
        ]
    return [
        _Visit(cid, _NODE_BYTES, Scope.ALL, visit.depth + 1) for cid in links_of(visit.cid, data)
    ]


def _claimed(cid: CID, size_bytes: int) -> int:
    """How much reading this block is planned as: a node is small, whatever is below it."""
    return min(size_bytes, MAX_BLOCK_BYTES if cid.codec == RAW else _NODE_BYTES)
