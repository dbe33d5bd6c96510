"""One sweep: end the pins that nobody wants any more, then let Kubo collect its garbage.

Kubo stops all imports while it collects. So a sweep looks first, without stopping anybody, whether
there is garbage at all.

Kubo's pin of a root is ended here only. The books are looked at before and *after*: a pin made
meanwhile wrote to the books first, so either this sweep sees it and pins again before anything is
removed, or its own pin comes after ours was ended.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Protocol

from hygieia.blocks.cluster import ClusterError
from hygieia.blocks.kubo.keepers import PROBE, key_of
from hygieia.blocks.kubo.rpc import WALK_SECONDS
from hygieia.blocks.port import Swept
from hygieia.errors import IntegrityError, InvalidInput, Unavailable
from hygieia.ipld.cid import parse_any

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.blocks.kubo.books import Books, Loose
    from hygieia.blocks.kubo.rpc import Rpc
    from hygieia.ipld.cid import CID

IMPORT_MAY_TAKE_SECONDS: Final = 3600
"""A hold this old is of no import still under way, so it may be forgotten with its pin."""


class Keeper(Protocol):
    """What of the store makes and ends Kubo's pins of roots."""

    async def keep(self, root: CID) -> int:
        """Keeps a root; returns how many blocks are missing below it."""
        ...

    async def let_go(self, root: CID) -> None:
        """Keeps it no longer."""
        ...


class Sweeper:
    """Makes one sweep."""

    def __init__(
        self,
        rpc: Rpc,
        books: Books,
        keeper: Keeper,
        clock: Callable[[], float],
        *,
        removed: Callable[[bytes], None],
    ) -> None:
        self._rpc = rpc
        self._books = books
        self._keeper = keeper
        self._clock = clock
        self._removed = removed
        self._keepers: set[bytes] = {key_of(PROBE.cid)}

    async def run(self) -> Swept:
        """Sweep. Raises ``Conflict`` when another does, ``IntegrityError`` on lost blocks."""
        claim = await self._books.claim_sweep()
        try:
            missing = await self._count_gaps()
            async for loose in self._books.loose():
                # A Cluster that is away holds up no collection: the root is left for next time.
                with contextlib.suppress(ClusterError):
                    await self._settle(loose)
            await self._end_holds()
            blocks, size_bytes = await self._collect()
        finally:
            await self._books.end_sweep(claim)
        return Swept(blocks, size_bytes, missing)

    async def _count_gaps(self) -> int:
        """Look again at DAGs that had gaps, which may have been filled."""
        missing = 0
        async for gap in self._books.gaps():
            self._keepers.update(key_of(cid) for cid in gap.keepers)
            if await self._books.has_pin(gap.root, None):
                missing += await self._keeper.keep(gap.root)
        return missing

    async def _settle(self, loose: Loose) -> None:
        if await self._books.has_pin(loose.root, None):
            await self._keeper.keep(loose.root)
        else:
            await self._keeper.let_go(loose.root)
            gap = await self._books.gap(loose.root)
            for keeper in gap.keepers if gap is not None else ():
                await self._rpc.unpin(keeper)
            await self._books.forget_gap(loose.root)
            if await self._books.has_pin(loose.root, None):
                await self._keeper.keep(loose.root)
        await self._books.settled(loose)

    async def _end_holds(self) -> None:
        oldest = self._clock() - IMPORT_MAY_TAKE_SECONDS
        async for hold in self._books.holds():
            self._keepers.add(key_of(hold.root))
            if hold.alive:
                continue
            await self._rpc.unpin(hold.root)
            if hold.created < oldest:
                await self._books.forget_hold(hold.id)
        await self._books.forget_expired_holders()

    async def _collect(self) -> tuple[int, int]:
        unwanted = await self._unwanted()
        if not unwanted:
            return 0, 0
        sizes = {key: await self._rpc.size(cid) or 0 for key, cid in unwanted.items()}
        blocks = size_bytes = 0
        lines = self._rpc.lines("repo/gc", {"stream-errors": "true"}, WALK_SECONDS)
        async with contextlib.aclosing(lines) as removed:
            async for line in removed:
                if line.get("Error"):
                    raise IntegrityError(
                        "A pinned DAG lacks blocks; nothing more was removed.",
                        hint="Kubo names them in: ipfs pin verify",
                    )
                key = _key_in(line.get("Key"))
                if key is not None:
                    self._removed(key)
                if key is not None and key not in self._keepers:
                    blocks += 1
                    size_bytes += sizes.get(key, 0)
        return blocks, size_bytes

    async def _unwanted(self) -> dict[bytes, CID]:
        """Blocks that no pin of Kubo's reaches: what it is about to remove, sizes to be asked."""
        kept: set[bytes] = set()
        query = {"type": "all", "stream": "true"}
        async with contextlib.aclosing(self._rpc.lines("pin/ls", query, WALK_SECONDS)) as pins:
            async for line in pins:
                kept.add(key_of(_cid(line.get("Cid"))))
        unwanted: dict[bytes, CID] = {}
        async with contextlib.aclosing(self._rpc.lines("refs/local", {}, WALK_SECONDS)) as blocks:
            async for line in blocks:
                cid = _cid(line.get("Ref"))
                if key_of(cid) not in kept and cid != PROBE.cid:
                    unwanted[key_of(cid)] = cid
        return unwanted


def _cid(text: object) -> CID:
    try:
        return parse_any(str(text))
    except InvalidInput:
        raise Unavailable("The block store answers with an error.") from None


def _key_in(link: object) -> bytes | None:
    return key_of(_cid(link.get("/"))) if isinstance(link, dict) else None
