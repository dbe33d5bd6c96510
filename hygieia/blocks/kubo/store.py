"""The Kubo store's face: the port over the RPC and the books.

``VerifiedBlockStore`` around it hashes what it gets, and what it is given but for raw SHA-256 blocks:
those Kubo hashes itself, and refuses.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hygieia.blocks.kubo.arriving import as_stored, verify_all
from hygieia.blocks.kubo.books import Books, Documents, Gap
from hygieia.blocks.kubo.forms import Form
from hygieia.blocks.kubo.held import Held, Shapes, Stored
from hygieia.blocks.kubo.keepers import difference, is_inline, keepers_of, key_of, walk
from hygieia.blocks.kubo.rpc import Incomplete, KuboError, Rpc
from hygieia.blocks.kubo.sweeper import Sweeper
from hygieia.blocks.kubo.tasks import Tasks, all_of
from hygieia.errors import BlockMissing, BlockRefused, LimitExceeded, NotFound, Unavailable
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID, RAW
from hygieia.limits import MAX_IPNS_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from datetime import datetime

    from hygieia.blocks.kubo.gateway import KuboGateway
    from hygieia.blocks.kubo.replicas import Replicas
    from hygieia.blocks.port import AnyBlock, Pin, Swept

T = TypeVar("T")

READS_AT_ONCE: Final = 8
HOLD_TRIES: Final = 4
RECORD_SECONDS: Final = 60
CLOSE_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class _Intended:
    """Keepers written down for a holder: each with the blocks that it links, and its hold's id."""

    holder: str
    generation: str
    keepers: Sequence[tuple[Block, Sequence[CID], str]]


class KuboBlockStore:
    """``BlockStore`` in a Kubo. Made by ``open_kubo``, which puts verification around it."""

    def __init__(
        self,
        rpc: Rpc,
        documents: Documents,
        replicas: Replicas | None = None,
        gateway: KuboGateway | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rpc = rpc
        self._gateway = gateway
        self._replicas = replicas
        self._books = Books(documents, clock)
        self._clock = clock
        self._held = Held()
        self._shapes = Shapes()
        self._stored = Stored()
        self._tasks = Tasks()
        self._closed = False

    # -- blocks ------------------------------------------------------------------------------

    async def put(
        self,
        blocks: Sequence[AnyBlock],
        *,
        holder: str | None = None,
        until: datetime | None = None,
    ) -> int:
        """See ``BlockStore.put``."""
        unique = as_stored(blocks)
        if not unique:
            return 0
        nodes = [block for block in blocks if isinstance(block, Block) and block.cid.codec != RAW]
        if nodes and holder is not None:
            await asyncio.to_thread(self._shapes.learn, nodes)
        return await self._to_the_end(self._put(unique, holder, until))

    async def _put(
        self, blocks: dict[bytes, AnyBlock], holder: str | None, until: datetime | None
    ) -> int:
        async with self._tasks.alone(blocks):
            cids = [block.cid for block in blocks.values()]
            try:
                if holder is None:
                    await self._rpc.import_car(list(blocks.values()), cids[0], pin=False)
                else:
                    intended = await self._intend(cids, holder, until)
                    await self._hold(intended, list(blocks.values()))
            except Unavailable:
                # What it says, or that it hangs up, tells nothing of the block that was wrong.
                await asyncio.to_thread(verify_all, blocks.values())
                raise
            new = [key for key in blocks if key not in self._stored]
            self._stored.add(blocks)
        return sum(len(blocks[key].data) for key in new)

    async def get(self, cid: CID) -> bytes:
        """See ``BlockStore.get``."""
        self._check_open()
        return cid.digest if is_inline(cid) else await self._rpc.get(cid)

    async def get_many(self, cids: Sequence[CID], *, max_bytes: int | None = None) -> list[bytes]:
        """See ``BlockStore.get_many``."""
        self._check_open()
        if self._gateway is not None and not any(is_inline(cid) for cid in cids):
            # What it lacks, or why it fails, is for the RPC to say.
            with contextlib.suppress(BlockMissing, BlockRefused, Unavailable):
                return await self._gateway.blocks(cids, max_bytes=max_bytes)
        found: list[bytes] = []
        used = 0
        for start in range(0, len(cids), READS_AT_ONCE):
            part = cids[start : start + READS_AT_ONCE]
            for data in await all_of(self.get(cid) for cid in part):
                used += len(data)
                if found and max_bytes is not None and used > max_bytes:
                    return found
                found.append(data)
        return found

    async def sizes(self, cids: Sequence[CID]) -> list[int | None]:
        """See ``BlockStore.sizes``."""
        return await all_of(self.size(cid) for cid in cids)

    async def size(self, cid: CID) -> int | None:
        """See ``BlockStore.size``."""
        self._check_open()
        return len(cid.digest) if is_inline(cid) else await self._rpc.size(cid)

    async def missing(
        self, cids: Sequence[CID], *, holder: str | None = None, until: datetime | None = None
    ) -> list[CID]:
        """See ``BlockStore.missing``."""
        asked = {key_of(cid): cid for cid in cids if not is_inline(cid)}
        if holder is not None and asked:
            known = self._held.of(await self._books.holder(holder, until))
            asked = {key: cid for key, cid in asked.items() if key not in known}
        for _ in range(HOLD_TRIES):
            sizes = await self.sizes(list(asked.values()))
            sized = list(zip(asked.values(), sizes, strict=True))
            had = [cid for cid, size in sized if size is not None]
            if holder is not None and had:
                try:
                    await self._to_the_end(self._hold_had(had, holder, until))
                except Incomplete:
                    continue  # a sweep came between finding and holding: look again
            return [cid for cid, size in sized if size is None]
        raise Unavailable("The block store is being swept.")

    async def release(self, holder: str) -> None:
        """See ``BlockStore.release``."""
        await self._books.release(holder)

    # -- pins --------------------------------------------------------------------------------

    async def pin(self, root: CID, *, name: str = "") -> None:
        """See ``BlockStore.pin``."""
        held = await self._is_held(root)
        if not held:
            await self._check_had(root)
        await self._to_the_end(self._pin(root, name, None, held=held))

    async def unpin(self, root: CID, *, name: str = "") -> None:
        """See ``BlockStore.unpin``: Kubo's own pin is ended by the next sweep."""
        self._check_open()
        await self._to_the_end(self._books.remove_pin(root, name))

    async def update_pin(
        self, old: CID, new: CID, *, name: str = "", keep_old: bool = False
    ) -> None:
        """See ``BlockStore.update_pin``."""
        had_old = await self._books.has_pin(old, name)
        if not had_old and not await self._books.has_pin(new, name):
            raise NotFound("What is to be replaced is not pinned.")
        await self._check_had(new)
        await self._to_the_end(self._pin(new, name, old if had_old else None))
        if not keep_old and had_old and old != new:
            await self.unpin(old, name=name)

    async def is_pinned(self, root: CID, *, name: str | None = None) -> bool:
        """See ``BlockStore.is_pinned``."""
        self._check_open()
        return await self._books.has_pin(root, name)

    def pins(self) -> AsyncIterator[Pin]:
        """See ``BlockStore.pins``."""
        return self._books.pins()

    async def sweep(self) -> Swept:
        """See ``BlockStore.sweep``. While Kubo removes, it lets imports wait."""
        self._check_open()
        sweeper = Sweeper(self._rpc, self._books, self, self._clock, removed=self._stored.forget)
        return await sweeper.run()

    # -- records -----------------------------------------------------------------------------

    async def put_record(self, name: str, record: bytes) -> None:
        """See ``BlockStore.put_record``; offered to Kubo's own routing too, where it has one."""
        self._check_open()
        if len(record) > MAX_IPNS_RECORD_BYTES:
            raise LimitExceeded("An IPNS record is over its limit.")
        await self._books.put_record(name, record)
        _ = self._tasks.start(self._announce(name, record))

    async def get_record(self, name: str) -> bytes | None:
        """See ``BlockStore.get_record``."""
        self._check_open()
        return await self._books.get_record(name)

    async def drop_record(self, name: str) -> None:
        """See ``BlockStore.drop_record``. What Kubo was offered, its routing forgets by itself."""
        self._check_open()
        await self._books.drop_record(name)

    def records(self) -> AsyncIterator[tuple[str, bytes]]:
        """See ``BlockStore.records``."""
        return self._books.records()

    async def _announce(self, name: str, record: bytes) -> None:
        query = {"arg": f"/ipns/{name}", "allow-offline": "true", "offline": "false"}
        # Nobody waits for it and nothing depends on it: our own gateway answers from the books.
        with contextlib.suppress(Unavailable):
            await self._rpc.ask("routing/put", query, RECORD_SECONDS, body=Form("record", [record]))

    async def close(self) -> None:
        """See ``BlockStore.close``."""
        if self._closed:
            return
        self._closed = True
        await self._tasks.finish(CLOSE_SECONDS)
        if self._gateway is not None:
            await self._gateway.close()
        await self._rpc.close()

    # -- keeping -----------------------------------------------------------------------------

    async def keep(self, root: CID, name: str = "", *, held: bool = False) -> int:
        """Have what is below a root kept, whole or not; return how many blocks are missing.

        ``held``: it is known that everything below is here, and held.
        """
        if held or not await self._rpc.is_pinned(root):
            if not held and not await self._rpc.is_whole(root):
                return await self._keep_what_is_had(root)
            await self._rpc.pin(root, _label(name))
            await self._forget_gap(root)
        await self._replicate(root, name, None)
        return 0

    async def let_go(self, root: CID) -> None:
        """Have Kubo, and whoever else keeps it, end the pin of a root."""
        # The others first: while they cannot be told, the root stays in the books of what to end.
        if self._replicas is not None:
            await self._replicas.unpin(root)
        await self._rpc.unpin(root)

    async def _replicate(self, root: CID, name: str, old: CID | None) -> None:
        """Only what is whole here: who fetches it elsewhere would wait for ever otherwise."""
        if self._replicas is not None:
            await self._replicas.pin(root, _label(name), old=old)

    async def _keep_what_is_had(self, root: CID) -> int:
        before = await self._books.gap(root)
        below, lost = await walk(self.get, root)
        sizes = await self.sizes(below)
        sized = list(zip(below, sizes, strict=True))
        keepers = list(keepers_of([cid for cid, size in sized if size is not None]))
        # Written first: whatever dies after this, the keepers are found and ended with the pin.
        old = before.keepers if before is not None else ()
        new = tuple(keeper.cid for keeper, _ in keepers)
        await self._books.note_gap(Gap(root, (*old, *new)))
        for keeper, _ in keepers:
            await self._rpc.import_car([keeper], keeper.cid, pin=True)
        for cid in old:
            await self._rpc.unpin(cid)
        await self._books.note_gap(Gap(root, new))
        return len(lost) + sum(size is None for size in sizes)

    async def _forget_gap(self, root: CID) -> None:
        gap = await self._books.gap(root)
        if gap is not None:
            for cid in gap.keepers:
                await self._rpc.unpin(cid)
            await self._books.forget_gap(root)

    async def _is_held(self, root: CID) -> bool:
        """Whether this process put all that is below a root, and it is held until now.

        So an upload's DAG is known to be whole without Kubo's reading it once more.
        """
        for holder, generation in self._held.holding(key_of(root)):
            keys = self._held.of(generation)
            if await asyncio.to_thread(
                self._shapes.is_within, root, keys
            ) and await self._books.is_current(holder, generation):
                return True
        return False

    async def _pin(self, root: CID, name: str, old: CID | None, *, held: bool = False) -> None:
        # The books first: a sweep that is about to end Kubo's pin looks there once more after it.
        added = await self._books.add_pin(root, name)
        try:
            if old is not None and await self._pin_difference(old, root):
                await self._replicate(root, name, old)
            else:
                await self.keep(root, name, held=held)
        except BaseException:
            if added:
                await self._books.remove_pin(root, name)
            raise

    async def _pin_difference(self, old: CID, new: CID) -> bool:
        """Pin ``new`` by what it has beyond ``old``; False where that cannot be done."""
        if old == new or not await self._rpc.is_pinned(old):
            return False
        leaves = await difference(self.get, old, new)
        if leaves is None or None in await self.sizes(leaves):
            return False
        try:
            await self._rpc.update_pin(old, new)
        except KuboError:
            return False
        return True

    async def _intend(self, cids: Sequence[CID], holder: str, until: datetime | None) -> _Intended:
        """Write down the keepers that are about to be pinned for these blocks."""
        generation = await self._books.holder(holder, until)
        keepers = [
            (keeper, part, await self._books.intend_hold(holder, generation, keeper.cid))
            for keeper, part in keepers_of(cids)
        ]
        return _Intended(holder, generation, keepers)

    async def _hold(self, intended: _Intended, blocks: Sequence[AnyBlock]) -> None:
        """Pin keepers for blocks, storing those given in the same step."""
        holder, generation = intended.holder, intended.generation
        given = {block.cid: block for block in blocks}
        for keeper, part, hold_id in intended.keepers:
            stored = [given[cid] for cid in part] if given else []
            if not stored:
                # An import that pins is not refused but waits where a block is missing.
                await self._rpc.import_car([keeper], keeper.cid, pin=False)
                if not await self._rpc.is_whole(keeper.cid):
                    raise Incomplete
            await self._rpc.import_car([*stored, keeper], keeper.cid, pin=True)
            if await self._books.is_current(holder, generation):
                self._held.add(generation, (key_of(cid) for cid in part), holder)
            else:
                await self._rpc.unpin(keeper.cid)
                await self._books.forget_hold(hold_id)

    async def _hold_had(self, cids: Sequence[CID], holder: str, until: datetime | None) -> None:
        """Pin keepers for blocks that are here. Raises ``Incomplete`` if one is not."""
        await self._hold(await self._intend(cids, holder, until), ())

    # -- checks ------------------------------------------------------------------------------

    async def _check_had(self, root: CID) -> None:
        if await self.size(root) is None:
            raise BlockMissing(f"The block {str(root)[:64]} is not here.")

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work of several steps to its end even when the caller is cancelled meanwhile."""
        if self._closed:
            work.close()
        self._check_open()
        return await self._tasks.to_the_end(work)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The block store is closed.")


def _label(name: str) -> str:
    """What a pin is called outside: for the eyes of an operator."""
    return f"hygieia {name}"[:200].strip()
