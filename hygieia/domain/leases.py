"""Leases: one worker at a time does a piece of background work, whichever server it runs in.

A lease is a document that expires. Nothing is remembered in a process: a worker that dies loses
its lease by the clock, and another goes on. ARCHITECTURE, "Scale".
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hygieia.errors import Duplicate
from hygieia.openpgp.times import now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hygieia.documents.port import DocumentStore

COLLECTION: Final = "leases"


class Leases:
    """Claims on background work."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    @asynccontextmanager
    async def claim(self, work: str, seconds: int) -> AsyncIterator[bool]:
        """Give True if ``work`` is ours for at most ``seconds``, False if another has it."""
        expires = now() + timedelta(seconds=seconds)
        try:
            lease = await self._documents.insert(COLLECTION, work, {}, expires=expires)
        except Duplicate:
            yield False
            return
        try:
            yield True
        finally:
            # Only this very lease: after its time another worker's may stand under the same id,
            # and a new document starts at the same rev, so what has run over is left to expire.
            if now() < expires:
                await self._documents.delete(COLLECTION, work, rev=lease.rev)
