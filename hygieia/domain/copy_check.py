"""Looking at one report's roots on every node, block by block, and mending what is short.

A DAG is walked once; each group of its blocks is read from one node after the other and hashed.
What one node lacks and another has is put back where that can be done, read once more, and its
root is pinned again. Memory: two groups of blocks, and the names of the blocks of one report.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hygieia.blocks.links import links_of
from hygieia.blocks.nodes import CopyKeeper, CopyNode, Lack, NodeKind, PeerStatus
from hygieia.domain.copies import NodeCopy
from hygieia.errors import IntegrityError, Unavailable
from hygieia.ipld.block import Block
from hygieia.ipld.cid import IDENTITY, RAW

if TYPE_CHECKING:
    from hygieia.ipld.cid import CID

GROUP: Final = 8
MAX_SEEN: Final = 200_000
"""Blocks of one report that are remembered as read: versions share most of theirs."""
REST_SECONDS: Final = 60.0
"""How long a node that did not answer is left alone."""
PEER_TRIES: Final = 3
PEER_PAUSE_SECONDS: Final = 1.0


class Pace:
    """Reads no more than so many bytes a second, all nodes together; None: as fast as it goes."""

    def __init__(
        self, bytes_a_second: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes_a_second = bytes_a_second
        self._clock = clock
        self._free_at = 0.0

    async def after(self, size_bytes: int) -> None:
        """Wait as long as reading so much should take."""
        if self._bytes_a_second is None:
            return
        now = self._clock()
        self._free_at = max(self._free_at, now) + size_bytes / self._bytes_a_second
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)


@dataclass(slots=True)
class _Tally:
    """What one node lacks of what is being looked at."""

    missing: int = 0
    damaged: int = 0
    unreachable: int = 0
    mended: int = 0

    def count(self, lack: Lack) -> None:
        match lack:
            case Lack.MISSING:
                self.missing += 1
            case Lack.DAMAGED:
                self.damaged += 1
            case Lack.UNREACHABLE:
                self.unreachable += 1

    def copy(self, node: CopyNode, at: str) -> NodeCopy:
        lacking = self.missing + self.damaged + self.unreachable
        if not lacking:
            return NodeCopy(node.name, node.kind, "whole", verified=at)
        if self.unreachable == lacking:
            return NodeCopy(node.name, node.kind, "unreachable", lacking)
        state = Lack.DAMAGED if self.damaged else Lack.MISSING
        return NodeCopy(
            node.name, node.kind, "damaged" if state is Lack.DAMAGED else "missing", lacking
        )


@dataclass(slots=True)
class Read:
    """How much a check has read and mended so far."""

    blocks: int = 0
    size_bytes: int = 0
    mended: int = 0


@dataclass(slots=True)
class CopyCheck:
    """Looks at roots on nodes, the server's own first. One check at a time."""

    nodes: Sequence[CopyNode]
    pace: Pace
    read: Read = field(default_factory=Read)
    clock: Callable[[], float] = time.monotonic
    _on_read: Callable[[int], None] | None = None
    _rests: dict[int, float] = field(default_factory=dict)
    _dropped: set[int] = field(default_factory=set)

    def begin(self, on_read: Callable[[int], None] | None) -> None:
        """Begin a run: what it may do once to each node it may do again."""
        self._on_read = on_read
        self._dropped.clear()

    async def look(self, roots: Sequence[tuple[CID, str]], at: str) -> tuple[NodeCopy, ...]:
        """What each node has of these roots, pinned each under its name. ``at``: the time now.

        Raises ``Unavailable`` when the server's own store does not answer.
        """
        tallies = [_Tally() for _ in self.nodes]
        seen: set[bytes] = set()
        for root, name in roots:
            before = [tally.mended for tally in tallies]
            await self._walk(root, tallies, seen)
            for node, tally, mended in zip(self.nodes, tallies, before, strict=True):
                if tally.mended > mended:
                    await node.keep(root, name)
        return tuple(tally.copy(node, at) for node, tally in zip(self.nodes, tallies, strict=True))

    async def _walk(self, root: CID, tallies: list[_Tally], seen: set[bytes]) -> None:
        waiting = [root]
        while waiting:
            group: dict[bytes, CID] = {}
            while waiting and len(group) < GROUP:
                cid = waiting.pop()
                if cid.hash_code != IDENTITY and cid.digest not in seen:
                    group.setdefault(cid.digest, cid)
            if len(seen) + len(group) > MAX_SEEN:
                seen.clear()
            seen.update(group)
            for cid, data in (await self._group(list(group.values()), tallies)).items():
                waiting.extend(reversed(_links(cid, data)))

    async def _group(self, cids: list[CID], tallies: list[_Tally]) -> dict[CID, bytes]:
        """Read a group on each node, mend what can be; the bytes of those had anywhere."""
        had: dict[CID, bytes] = {}
        lacks: list[dict[CID, Lack]] = []
        for place, node in enumerate(self.nodes):
            lacking: dict[CID, Lack] = {}
            size_bytes = 0
            for cid, reading in zip(cids, await self._read(place, node, cids), strict=True):
                if isinstance(reading, Lack):
                    lacking[cid] = reading
                else:
                    had.setdefault(cid, reading)
                    size_bytes += len(reading)
            lacks.append(lacking)
            await self._count(size_bytes, len(cids) - len(lacking), own=place == 0)
        for place, lacking in enumerate(lacks):
            if lacking:
                await self._mend(place, lacking, had, tallies[place])
        return had

    async def _read(self, place: int, node: CopyNode, cids: list[CID]) -> list[bytes | Lack]:
        if self._rests.get(place, 0.0) > self.clock():
            return [Lack.UNREACHABLE] * len(cids)
        readings = await node.read(cids)
        if cids and all(reading is Lack.UNREACHABLE for reading in readings):
            self._rests[place] = self.clock() + REST_SECONDS
        return readings

    async def _count(self, size_bytes: int, blocks: int, *, own: bool) -> None:
        self.read.blocks += blocks
        self.read.size_bytes += size_bytes
        if own and self._on_read is not None:
            self._on_read(size_bytes)
        await self.pace.after(size_bytes)

    async def _mend(
        self, place: int, lacking: dict[CID, Lack], had: dict[CID, bytes], tally: _Tally
    ) -> None:
        node = self.nodes[place]
        curable = [
            cid for cid, lack in lacking.items() if cid in had and lack is not Lack.UNREACHABLE
        ]
        cured = await _put_back(node, curable, had)
        stuck = [cid for cid in curable if cid not in cured and lacking[cid] is Lack.DAMAGED]
        if stuck and place not in self._dropped:
            self._dropped.add(place)
            if await node.drop_damaged():
                await node.read(stuck)  # Kubo goes on believing that it has them until asked
                cured |= await _put_back(node, stuck, had)
        tally.mended += len(cured)
        self.read.mended += len(cured)
        for cid, lack in lacking.items():
            if cid not in cured:
                tally.count(lack)


async def _put_back(node: CopyNode, cids: Sequence[CID], had: dict[CID, bytes]) -> set[CID]:
    """Those that the node has again after being given them."""
    # Verified when they were read: from whichever node, they are what the CID says.
    if not cids or not await node.restore([Block(cid, had[cid]) for cid in cids]):
        return set()
    readings = zip(cids, await node.read(cids), strict=True)
    return {cid for cid, reading in readings if not isinstance(reading, Lack)}


async def look_at_peers(
    keeper: CopyKeeper, root: CID, name: str
) -> tuple[tuple[NodeCopy, ...], int]:
    """What Cluster's peers say of a root, and how many are short; they are told of it once more."""
    kind: NodeKind = "cluster"
    try:
        peers = await keeper.status(root)
        for _ in range(PEER_TRIES):
            if _peers_short(keeper, peers) == 0:
                break
            if any(peer.is_concerned for peer in peers):
                await keeper.recover(root)
            else:
                await keeper.pin(root, name)
            await asyncio.sleep(PEER_PAUSE_SECONDS)
            peers = await keeper.status(root)
    except Unavailable:
        return (NodeCopy("cluster", kind, "unreachable"),), 1
    copies = tuple(
        NodeCopy(peer.peer, kind, "pinned" if peer.is_pinned else "unpinned")
        for peer in peers
        if peer.status != "remote"
    )
    return copies, _peers_short(keeper, peers)


def _peers_short(keeper: CopyKeeper, peers: Sequence[PeerStatus]) -> int:
    concerned = sum(peer.is_concerned for peer in peers)
    return max(0, (keeper.wanted or max(concerned, 1)) - sum(peer.is_pinned for peer in peers))


def _links(cid: CID, data: bytes) -> list[CID]:
    if cid.codec == RAW:
        return []
    try:
        return links_of(cid, data)
    except IntegrityError:
        return []  # its bytes are intact and are no node: it links nothing
