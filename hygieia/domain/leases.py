"""Leases: one worker at a time does a piece of background work, whichever server it runs in.

A lease is a document that expires. Nothing is remembered in a process: a worker that dies loses
its lease by the clock, and another goes on. ARCHITECTURE, "Scale".
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hygieia.errors import Duplicate, HygieiaError
from hygieia.openpgp.times import now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from hygieia.documents.port import Body, Document, DocumentStore

COLLECTION: Final = "leases"
LET_GO_SECONDS: Final = 5
"""For a store that does not answer: a server that stops waits no longer for it."""


class Leases:
    """Claims on background work."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._holding: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def claim(self, work: str, seconds: int) -> AsyncIterator[bool]:
        """Give True if ``work`` is ours for at most ``seconds``, False if another has it."""
        expires = now() + timedelta(seconds=seconds)
        try:
            lease = await self._write(work, {}, expires)
        except Duplicate:
            yield False
            return
        try:
            yield True
        finally:
            await self._let_go(work, lease, expires)

    @asynccontextmanager
    async def keep(self, work: str, seconds: int) -> AsyncIterator[bool]:
        """As ``claim`` for work of any length: a lease of ``seconds``, renewed while it goes on.

        Who dies, or cannot reach the store for so long, loses it by the clock; the work must bear
        that another begins then.
        """
        owner: Body = {"owner": secrets.token_hex(16)}
        expires = now() + timedelta(seconds=seconds)
        try:
            await self._write(work, owner, expires)
        except Duplicate:
            yield False
            return
        over = asyncio.Event()
        holding = asyncio.create_task(self._hold(work, owner, seconds, over))
        self._holding.add(holding)
        holding.add_done_callback(self._holding.discard)
        try:
            yield True
        finally:
            # Not cancelled: a renewal under way would be written all the same, after we looked.
            over.set()
            await _wait_for(holding, LET_GO_SECONDS)

    async def _write(self, work: str, body: Body, expires: datetime) -> Document:
        """Write a lease down, or leave none: one that nobody knows of holds up all until it ends."""
        writing = asyncio.create_task(
            self._documents.insert(COLLECTION, work, body, expires=expires)
        )
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            with suppress(HygieiaError):
                await self._let_go(work, writing.result(), expires)
            raise

    async def _let_go(self, work: str, lease: Document, expires: datetime) -> None:
        # Only this very lease: after its time another worker's may stand under the same id,
        # and a new document starts at the same rev, so what has run over is left to expire. So is
        # what cannot be removed now: an error here would take the place of the work's own end.
        if now() < expires:
            with suppress(HygieiaError):
                await self._documents.delete(COLLECTION, work, rev=lease.rev)

    async def _hold(self, work: str, owner: Body, seconds: int, over: asyncio.Event) -> None:
        """Renew the lease until the work is over, then let it go."""
        await self._renew(work, owner, seconds, over)
        with suppress(HygieiaError):
            lease = await self._documents.get(COLLECTION, work)
            if lease is not None and lease.body == owner:
                await self._documents.delete(COLLECTION, work, rev=lease.rev)

    async def _renew(self, work: str, owner: Body, seconds: int, over: asyncio.Event) -> None:
        while not await is_set_within(over, seconds / 4):
            # What cannot be renewed now is tried again; by the clock it is lost.
            with suppress(HygieiaError):
                lease = await self._documents.get(COLLECTION, work)
                if lease is None or lease.body != owner:
                    return
                expires = now() + timedelta(seconds=seconds)
                await self._documents.replace(COLLECTION, work, lease.rev, owner, expires=expires)


async def _wait_for(task: asyncio.Task[None], seconds: float) -> None:
    """Wait for its end, though whoever waits is cancelled meanwhile; it goes on without us then."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    cancelled: asyncio.CancelledError | None = None
    while not task.done() and loop.time() < deadline:
        try:
            await asyncio.wait([task], timeout=deadline - loop.time())
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event is set by then: a wait that its end cuts short."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
