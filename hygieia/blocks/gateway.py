"""Reads from a list of gateways that nobody needs to trust.

Every block is hashed before it is released, every IPNS record verified. A gateway that lies,
stalls, fails, or does not have something costs time and nothing else: the next one goes on from
where it stopped. Requests go to the gateways given, and to no one else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp

from hygieia.blocks.found_record import FoundRecord, newest_of
from hygieia.blocks.hashing import bytes_of, verify_all, verify_one
from hygieia.blocks.remote import (
    READ_BUFFER_BYTES,
    GatewayFailed,
    Health,
    Lied,
    NoCar,
    Patience,
    RemoteGateway,
)
from hygieia.blocks.verdicts import record_verdict, verdict
from hygieia.errors import (
    BlockRefused,
    DagRefused,
    InvalidInput,
    LimitExceeded,
    RecordRefused,
)
from hygieia.ipld.car import CarReader
from hygieia.ipld.ipns import parse_record
from hygieia.ipld.walk import CarFileWalk, FileWalk
from hygieia.limits import MAX_GATEWAYS, MAX_INTEGER

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
    from types import TracebackType

    from hygieia.ipld.block import Block, UnverifiedBlock
    from hygieia.ipld.cid import CID

BLOCKS_AHEAD: Final = 4
HASH_TOGETHER_BYTES: Final = 2 << 20
ROUNDS: Final = 3
LONGEST_WAIT_SECONDS: Final = 10.0


class GatewayReader:
    """Verified reads over several gateways. Use as an async context manager, or ``close`` it.

    ``session`` (aiohttp) may be shared; a session made here uses no proxy, no cookies. Gateways
    are asked in the order given, failing ones less and liars last.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        session: aiohttp.ClientSession | None = None,
        patience: Patience | None = None,
    ) -> None:
        if not urls or len(urls) > MAX_GATEWAYS:
            raise InvalidInput(f"Name at least one gateway, at most {MAX_GATEWAYS}.")
        self._patience = patience or Patience()
        self._gateways = [RemoteGateway(url, self._patience) for url in dict.fromkeys(urls)]
        self._given_session = session
        self._own_session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session made here."""
        if self._own_session is not None:
            await self._own_session.close()
            self._own_session = None

    @property
    def health(self) -> list[Health]:
        """What each gateway served and how it failed, in the order given."""
        return [gateway.health for gateway in self._gateways]

    # -- single blocks -----------------------------------------------------------------------

    async def get(self, cid: CID) -> Block:
        """A block, verified, from whichever gateway has it.

        Raises ``BlockMissing`` when every gateway says it has not, ``BlockRefused`` when what the
        others send is something else, ``Unreachable`` when one that may have it cannot be asked.
        """
        failures: list[GatewayFailed] = []
        for round_number in range(ROUNDS):
            if round_number:
                await self._pause()
            failures.clear()
            for gateway in sorted(self._gateways, key=RemoteGateway.rank):
                try:
                    return await self._block_from(gateway, cid)
                except GatewayFailed as failure:
                    failures.append(failure)
            if not any(failure.passing for failure in failures):
                break
        raise verdict(failures, f"the block {str(cid)[:64]}")

    async def _block_from(self, gateway: RemoteGateway, cid: CID) -> Block:
        data = await gateway.block(self._session(), cid)
        try:
            block = await verify_one(cid, data)
        except BlockRefused as error:
            lie = Lied("sends something else than was asked for")
            gateway.note_failure(lie)
            raise lie from error
        gateway.note_served(len(data))
        return block

    async def blocks(self, cids: Sequence[CID]) -> AsyncGenerator[Block, None]:
        """``get`` for each, in order, several at a time. Raises as ``get``."""
        ahead: deque[asyncio.Task[Block]] = deque()
        rest = iter(cids)
        try:
            while True:
                while len(ahead) < BLOCKS_AHEAD and (cid := next(rest, None)) is not None:
                    ahead.append(asyncio.create_task(self.get(cid)))
                if not ahead:
                    return
                yield await ahead.popleft()
        finally:
            await _cancel(ahead)

    # -- files -------------------------------------------------------------------------------

    async def read_file(
        self,
        root: CID,
        path: Sequence[str] = (),
        *,
        start: int = 0,
        end: int | None = None,
        max_size_bytes: int = MAX_INTEGER,
    ) -> AsyncGenerator[bytes, None]:
        """A vault file's bytes ``start`` … ``end`` (exclusive), in order, each exactly once.

        One CAR where a gateway serves it, single blocks otherwise; the next gateway goes on at the
        byte where the last one failed. Holds a few blocks at a time. Raises as ``get``, and
        ``DagRefused``, ``LimitExceeded``, ``NotFound`` (no such path).
        """
        position = start
        gained = 1
        while gained:
            gained = 0
            for gateway in self._serving_cars():
                walk = _file_walk(root, path, position, end, max_size_bytes)
                pieces = self._file_from_car(gateway, root, path, walk, (position, end))
                try:
                    async with aclosing(pieces):
                        async for piece in pieces:
                            position += len(piece)
                            gained += len(piece)
                            yield piece
                except GatewayFailed:
                    continue
                return
            if gained and not self._serving_cars():
                await self._pause()  # whoever got this far may get further
        walk = _file_walk(root, path, position, end, max_size_bytes)
        async for piece in self._file_from_blocks(walk):
            yield piece

    async def _file_from_car(
        self,
        gateway: RemoteGateway,
        root: CID,
        path: Sequence[str],
        walk: FileWalk,
        part: tuple[int, int | None],
    ) -> AsyncGenerator[bytes, None]:
        start, end = part
        asked = "dag-scope=entity"
        if start or end is not None:
            asked += f"&entity-bytes={start}:{'*' if end is None else max(start, end - 1)}"
        feeder = CarFileWalk(walk)
        blocks = self._car_from(gateway, root, path, asked)
        async with aclosing(blocks):
            async for block in blocks:
                try:
                    released = feeder.feed(block)
                except DagRefused as error:
                    # Out of order, more than asked for, or a bad DAG: block by block it will show.
                    raise _note(gateway, NoCar("orders its CARs in its own way")) from error
                for piece in released:
                    yield piece
                if walk.finished:
                    return
        raise _note(gateway, GatewayFailed("ends a CAR early"))

    async def _file_from_blocks(self, walk: FileWalk) -> AsyncIterator[bytes]:
        reads: dict[CID, asyncio.Task[Block]] = {}
        try:
            while not walk.finished:
                wanted = walk.wanted(BLOCKS_AHEAD)
                for cid in wanted:
                    if cid not in reads:
                        reads[cid] = asyncio.create_task(self.get(cid))
                for piece in walk.feed(await reads.pop(wanted[0])):
                    yield piece
        finally:
            await _cancel(reads.values())

    # -- whole DAGs --------------------------------------------------------------------------

    async def fetch_dag(
        self, root: CID, path: Sequence[str] = (), *, max_bytes: int
    ) -> AsyncGenerator[Block, None]:
        """The blocks of a DAG (of its end, with the way there), each once, hashed, as they come.

        What they link is for the caller to check: blocks may be strangers to the DAG, and what is
        missing is had by ``get``. Another gateway goes on when one fails. Ends quietly when no
        gateway serves a CAR to its end. Raises ``LimitExceeded`` over ``max_bytes``.
        """
        seen: set[CID] = set()
        room = max_bytes
        for gateway in sorted(self._gateways, key=RemoteGateway.rank):
            if not gateway.serves_cars:
                continue
            blocks = self._car_from(gateway, root, path, "dag-scope=all&car-dups=n")
            try:
                async with aclosing(blocks):
                    async for block in blocks:
                        if block.cid in seen:
                            continue
                        room -= len(block.data)
                        if room < 0:
                            raise LimitExceeded("A DAG is larger than allowed here.")
                        seen.add(block.cid)
                        yield block
            except GatewayFailed:
                continue
            return

    async def _car_from(
        self, gateway: RemoteGateway, root: CID, path: Sequence[str], parameters: str
    ) -> AsyncGenerator[Block, None]:
        """The verified blocks of one gateway's CAR; hashing keeps pace in threads."""
        reader = CarReader(share=True)
        found: list[UnverifiedBlock] = []
        hashing: deque[asyncio.Task[list[Block]]] = deque()
        died: GatewayFailed | None = None
        try:
            try:
                async with gateway.car(self._session(), root, path, parameters) as pieces:
                    async for piece in pieces:
                        found += reader.feed_unverified(piece)
                        # While others are being hashed, more of them go together: each group
                        # costs a change of threads.
                        if found and (not hashing or bytes_of(found) >= HASH_TOGETHER_BYTES):
                            hashing.append(asyncio.create_task(verify_all(found)))
                            found = []
                        while len(hashing) > BLOCKS_AHEAD or (hashing and hashing[0].done()):
                            for block in await hashing.popleft():
                                yield _served(gateway, block)
                reader.finish()
            except GatewayFailed as failure:
                died = failure  # what came whole before that is still good
            hashing.append(asyncio.create_task(verify_all(found)))
            while hashing:
                for block in await hashing.popleft():
                    yield _served(gateway, block)
        except (BlockRefused, LimitExceeded) as error:
            raise _note(gateway, Lied("sends a CAR that does not verify")) from error
        finally:
            await _cancel(hashing)
        if died is not None:
            raise died

    # -- IPNS --------------------------------------------------------------------------------

    async def get_record(self, name: str, *, now: datetime | None = None) -> FoundRecord:
        """The valid record with the highest sequence among all gateways' answers, and the others.

        All are asked at once; once one valid record is had, the others have a few seconds more.
        Raises ``NotFound`` when none has one, ``RecordRefused`` when none is valid,
        ``Unreachable``.
        """
        at = now or datetime.now(UTC)
        tasks = {
            asyncio.create_task(self._record_from(gateway, name, at)) for gateway in self._gateways
        }
        found: list[FoundRecord] = []
        failures: list[GatewayFailed] = []
        waiting, timeout = tasks, None
        try:
            while waiting:
                done, waiting = await asyncio.wait(
                    waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    try:
                        found.append(task.result())
                    except GatewayFailed as failure:
                        failures.append(failure)
                if not done:
                    break
                timeout = self._patience.others if found else None
        finally:
            await _cancel(tasks)
        if not found:
            raise record_verdict(failures)
        return newest_of(found)

    async def _record_from(self, gateway: RemoteGateway, name: str, now: datetime) -> FoundRecord:
        data = await gateway.record(self._session(), name)
        try:
            record = await asyncio.to_thread(parse_record, name, data, now)
        except RecordRefused as error:
            raise _note(gateway, Lied("sends a record that does not verify")) from error
        gateway.note_served(len(data))
        return FoundRecord(data, record, gateway.url)

    # -- plumbing ----------------------------------------------------------------------------

    def _session(self) -> aiohttp.ClientSession:
        if self._given_session is not None:
            return self._given_session
        if self._own_session is None:
            self._own_session = aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=READ_BUFFER_BYTES,
                connector=aiohttp.TCPConnector(limit_per_host=BLOCKS_AHEAD * 2),
            )
        return self._own_session

    def _serving_cars(self) -> list[RemoteGateway]:
        ranked = sorted(self._gateways, key=RemoteGateway.rank)
        return [g for g in ranked if g.serves_cars and not g.pause_seconds()]

    async def _pause(self) -> None:
        shortest = min(gateway.pause_seconds() for gateway in self._gateways)
        await asyncio.sleep(min(shortest, LONGEST_WAIT_SECONDS))


def _file_walk(
    root: CID, path: Sequence[str], start: int, end: int | None, max_size_bytes: int
) -> FileWalk:
    return FileWalk(root, path=path, start=start, end=end, max_size_bytes=max_size_bytes)


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    waiting = list(tasks)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def _served(gateway: RemoteGateway, block: Block) -> Block:
    gateway.note_served(len(block.data))
    return block


def _note(gateway: RemoteGateway, failure: GatewayFailed) -> GatewayFailed:
    gateway.note_failure(failure)
    return failure
