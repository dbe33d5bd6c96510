"""The embedded store's face: the port over catalogue, files and threads.

Readers run in a few threads with a connection each; puts hash and write their files in a few
others, then queue their rows with the one catalogue writer. Nothing here blocks the event loop.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hygieia.blocks.embedded import catalogue, changes, reads
from hygieia.blocks.embedded.catalogue import is_inline, key_of
from hygieia.blocks.embedded.packs import PackFiles
from hygieia.blocks.embedded.sweeper import Sweeper
from hygieia.blocks.embedded.writer import CatalogueWriter
from hygieia.errors import (
    BlockMissing,
    BlockRefused,
    LimitExceeded,
    StorageFull,
    Unavailable,
)
from hygieia.ipld.block import UnverifiedBlock, verify_any
from hygieia.limits import MAX_BLOCK_BYTES, MAX_IPNS_RECORD_BYTES
from hygieia.scheduling import step_back

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from hygieia.blocks.port import AnyBlock, Pin, Swept
    from hygieia.ipld.cid import CID

T = TypeVar("T")

INLINE_UP_TO_BYTES: Final = 8192
"""Blocks up to this stand in the catalogue: a row of 300 bytes costs 8 µs, one of 50 kB 200 µs."""
READ_THREADS: Final = 4
WRITE_THREADS: Final = 4


class EmbeddedBlockStore:
    """``BlockStore`` in a directory. Make one with ``open_embedded``."""

    def __init__(
        self,
        path: Path,
        in_use: int,
        *,
        reserve_bytes: int,
        clock: Callable[[], float],
        on_damage: Callable[[reads.Damaged], None],
    ) -> None:
        self.path = path
        self._in_use = in_use
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._on_damage = on_damage
        self._packs = PackFiles(path)
        self._catalogue = path / "catalogue.sqlite"
        self._writer = CatalogueWriter(self._catalogue)
        self._readers = ThreadPoolExecutor(
            READ_THREADS, thread_name_prefix="hygieia-read", initializer=step_back
        )
        self._writers = ThreadPoolExecutor(
            WRITE_THREADS, thread_name_prefix="hygieia-write", initializer=step_back
        )
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
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
        if not blocks:
            return 0
        hold = changes.Hold(holder, _timestamp(until)) if holder is not None else None
        batch = await self._write(self._stage, blocks)
        try:
            added = await self._add(batch, hold)
        except StorageFull:
            # After any other failure the rows may yet turn out to be committed: then the files
            # are needed, and if not, the next sweep removes them.
            await self._write(self._packs.remove, [pack.name for pack in batch.packs])
            raise
        if added.unused_packs:
            await self._write(self._packs.remove, added.unused_packs)
        return added.new_bytes

    async def _add(self, batch: changes.Batch, hold: changes.Hold | None) -> changes.Added:
        while True:
            try:
                return await self._change(
                    lambda c: changes.add(c, self._packs, batch, hold, INLINE_UP_TO_BYTES)
                )
            except changes.Absent as absent:
                await self._write(self._write_pack, batch, absent.keys)

    async def get(self, cid: CID) -> bytes:
        """See ``BlockStore.get``."""
        return (await self.get_many([cid]))[0]

    async def get_many(self, cids: Sequence[CID], *, max_bytes: int | None = None) -> list[bytes]:
        """See ``BlockStore.get_many``."""
        return await self._read(self._get_many, cids, max_bytes)

    async def sizes(self, cids: Sequence[CID]) -> list[int | None]:
        """See ``BlockStore.sizes``."""
        return await self._read(self._sizes, cids)

    async def size(self, cid: CID) -> int | None:
        """See ``BlockStore.size``."""
        return (await self.sizes([cid]))[0]

    async def missing(
        self, cids: Sequence[CID], *, holder: str | None = None, until: datetime | None = None
    ) -> list[CID]:
        """See ``BlockStore.missing``."""
        asked = await self._read(_by_key, cids)
        if holder is None:
            sizes = await self.sizes(list(asked.values()))
            return [cid for cid, size in zip(asked.values(), sizes, strict=True) if size is None]
        hold = changes.Hold(holder, _timestamp(until))
        absent = await self._change(lambda c: changes.hold_present(c, list(asked), hold))
        return [asked[key] for key in absent]

    async def release(self, holder: str) -> None:
        """See ``BlockStore.release``."""
        await self._change(lambda c: changes.release(c, holder))

    # -- pins --------------------------------------------------------------------------------

    async def pin(self, root: CID, *, name: str = "") -> None:
        """See ``BlockStore.pin``."""
        await self._change(lambda c: changes.pin(c, root, name, self._clock()))

    async def unpin(self, root: CID, *, name: str = "") -> None:
        """See ``BlockStore.unpin``."""
        await self._change(lambda c: changes.unpin(c, root, name))

    async def update_pin(
        self, old: CID, new: CID, *, name: str = "", keep_old: bool = False
    ) -> None:
        """See ``BlockStore.update_pin``."""
        now = self._clock()
        await self._change(lambda c: changes.update_pin(c, old, new, name, now, keep_old=keep_old))

    async def is_pinned(self, root: CID, *, name: str | None = None) -> bool:
        """See ``BlockStore.is_pinned``."""
        return await self._look(reads.is_pinned, root, name)

    async def pins(self) -> AsyncIterator[Pin]:
        """See ``BlockStore.pins``."""
        after = 0
        while page := await self._look(reads.pin_page, after):
            for seq, pin in page:
                yield pin
                after = seq

    async def sweep(self) -> Swept:
        """See ``BlockStore.sweep``."""
        sweeper = Sweeper(self._catalogue, self._packs, self._writer, self._clock)
        return await asyncio.to_thread(self._translated, sweeper.run)

    # -- records -----------------------------------------------------------------------------

    async def put_record(self, name: str, record: bytes) -> None:
        """See ``BlockStore.put_record``."""
        if len(record) > MAX_IPNS_RECORD_BYTES:
            raise LimitExceeded("An IPNS record is over its limit.")
        await self._change(lambda c: changes.put_record(c, name, record))

    async def get_record(self, name: str) -> bytes | None:
        """See ``BlockStore.get_record``."""
        return await self._look(reads.record, name)

    async def drop_record(self, name: str) -> None:
        """See ``BlockStore.drop_record``."""
        await self._change(lambda c: changes.drop_record(c, name))

    async def records(self) -> AsyncIterator[tuple[str, bytes]]:
        """See ``BlockStore.records``."""
        after = ""
        while page := await self._look(reads.record_page, after):
            for name, record in page:
                yield name, record
                after = name

    # -- beyond the port ---------------------------------------------------------------------

    async def damaged(self) -> list[reads.Damaged]:
        """Blocks moved aside as damaged and not put again since."""
        return await self._look(reads.damaged)

    async def close(self) -> None:
        """See ``BlockStore.close``."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writers.shutdown()
        self._writer.close()
        self._readers.shutdown()
        for connection in self._connections:
            connection.close()
        os.close(self._in_use)

    # -- in threads --------------------------------------------------------------------------

    def _stage(self, blocks: Sequence[AnyBlock]) -> changes.Batch:
        """Hash what is unverified and write a pack of what is large and not had yet."""
        if any(len(block.data) > MAX_BLOCK_BYTES for block in blocks):
            raise BlockRefused("A block is over 2 MiB.")
        if self._packs.free_bytes() - sum(len(b.data) for b in blocks) < self._reserve_bytes:
            raise StorageFull("The block store has no room left.")
        batch = changes.Batch({}, [])
        large = [key_of(b.cid) for b in blocks if len(b.data) > INLINE_UP_TO_BYTES]
        had = catalogue.find_sizes(self._connection(), large)
        wanted = {key for key, size in zip(large, had, strict=True) if size is None}
        hashed = _hashed_into(batch.data, blocks, wanted)
        if wanted:
            batch.packs.append(self._packs.write(hashed))
        else:
            deque(hashed, maxlen=0)
        return batch

    def _write_pack(self, batch: changes.Batch, keys: Sequence[bytes]) -> None:
        if keys:
            batch.packs.append(self._packs.write([(key, batch.data[key]) for key in keys]))

    def _get_many(self, cids: Sequence[CID], max_bytes: int | None) -> list[bytes]:
        found: list[bytes] = []
        room = max_bytes
        for cid in cids:
            data = self._get(cid, None if not found else room)
            if data is None:
                break
            found.append(data)
            if room is not None:
                room -= len(data)
        return found

    def _get(self, cid: CID, room: int | None) -> bytes | None:
        """A block's verified bytes; None when they would not fit in ``room``."""
        if is_inline(cid):
            return cid.digest
        key, failed = key_of(cid), None
        while True:
            row = catalogue.find(self._connection(), key)
            if row is None:
                raise BlockMissing(f"The block {str(cid)[:64]} is not here.")
            if room is not None and row.size_bytes > room:
                return None
            data = self._bytes_at(row)
            try:
                return verify_any(cid, data or b"").data
            except BlockRefused:
                if failed == row.id:
                    self._set_aside(key, row, data)
                    raise
                # It may just have been swept, its place already empty: then its row is gone too.
                failed = row.id

    def _bytes_at(self, row: catalogue.BlockRow) -> bytes | None:
        if row.pack is None:
            return row.data
        try:
            return self._packs.read(row.pack, row.offset, row.size_bytes)
        except FileNotFoundError:
            return None

    def _set_aside(self, key: bytes, row: catalogue.BlockRow, data: bytes | None) -> None:
        kept_as = None if data is None else self._packs.set_aside(key, data)
        now = self._clock()
        self._writer.submit(lambda c: changes.mark_damaged(c, key, row, now, kept_as)).result()
        self._on_damage(reads.Damaged(key, datetime.fromtimestamp(now, UTC), kept_as))

    def _sizes(self, cids: Sequence[CID]) -> list[int | None]:
        connection = self._connection()
        connection.execute("BEGIN")  # one view of all: no put is seen half made
        try:
            found = list(catalogue.find_sizes(connection, [key_of(cid) for cid in cids]))
        finally:
            connection.execute("ROLLBACK")
        return [
            len(cid.digest) if is_inline(cid) else size
            for cid, size in zip(cids, found, strict=True)
        ]

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = catalogue.connect(self._catalogue, any_thread=True)
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    # -- crossing into threads ---------------------------------------------------------------

    async def _read(self, work: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401  (handed on as it came)
        return await self._in(self._readers, work, *arguments)

    async def _look(self, look: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401  (handed on as it came)
        return await self._read(lambda: look(self._connection(), *arguments))

    async def _write(self, work: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401  (handed on as it came)
        return await self._in(self._writers, work, *arguments)

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401  (handed on as it came)
        if self._closed:
            raise Unavailable("The block store is closed.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, self._translated, work, *arguments)

    async def _change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(change))

    def _translated(self, work: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401  (handed on as it came)
        try:
            return work(*arguments)
        except (OSError, sqlite3.Error) as error:
            raise catalogue.translate(error, self.path) from error


def _hashed_into(
    data: dict[bytes, bytes], blocks: Sequence[AnyBlock], wanted: set[bytes]
) -> Iterator[tuple[bytes, bytes]]:
    """Note verified blocks by their keys; yield those wanted, each while it is in the cache."""
    for block in blocks:
        verified = block.verify() if isinstance(block, UnverifiedBlock) else block
        key = key_of(verified.cid)
        if is_inline(verified.cid) or key in data:
            continue
        data[key] = verified.data
        if key in wanted:
            yield key, verified.data


def _by_key(cids: Sequence[CID]) -> dict[bytes, CID]:
    return {key_of(cid): cid for cid in cids if not is_inline(cid)}


def _timestamp(until: datetime | None) -> float | None:
    return None if until is None else until.timestamp()
