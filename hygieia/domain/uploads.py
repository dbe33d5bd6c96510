"""Uploads: what a client sends before it commits, kept from being swept (docs/spec/10)."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hygieia.errors import BlockRefused, NotFound, StaleRevision, StorageFull, TooManyAttempts
from hygieia.openpgp.times import format_time, now, parse_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.blocks.port import AnyBlock, BlockStore
    from hygieia.documents.port import Document, DocumentStore
    from hygieia.domain.block_facts import BlockFacts
    from hygieia.domain.jobs import Jobs
    from hygieia.domain.quotas import Quotas
    from hygieia.ipld.cid import CID

COLLECTION: Final = "uploads"
JOB: Final = "end-upload"
MAX_OPEN_UPLOADS: Final = 256
# A few take less time than a change of threads.
_LEARN_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload under way."""

    id: str
    account: str
    expires: datetime

    @property
    def holder(self) -> str:
        """The name under which the block store holds its blocks."""
        return holder_of(self.id)


@dataclass(frozen=True, slots=True)
class Stored:
    """What one batch held: its blocks, and how many bytes of them were new."""

    blocks: int
    new_bytes: int


def holder_of(upload: str) -> str:
    """The block store's holder for an upload."""
    return f"upload:{upload}"


class Uploads:
    """Starts, feeds and ends uploads."""

    def __init__(
        self,
        documents: DocumentStore,
        blocks: BlockStore,
        facts: BlockFacts,
        quotas: Quotas,
        jobs: Jobs,
        *,
        lease: timedelta,
    ) -> None:
        self._documents = documents
        self._blocks = blocks
        self._facts = facts
        self._quotas = quotas
        self._jobs = jobs
        self._lease = lease

    async def start(self, account: str) -> Upload:
        """Start an upload. Raises ``TooManyAttempts`` when too many are open already."""
        # Read before the uploads are: what holds room and is not among those has ended.
        holding = (await self._quotas.usage(account)).uploads
        open_uploads = await self._documents.page(COLLECTION, account, limit=MAX_OPEN_UPLOADS)
        if len(open_uploads.items) == MAX_OPEN_UPLOADS:
            raise TooManyAttempts(
                "Too many uploads are open: end some first.", retry_after_seconds=600
            )
        ended = holding - {item.id for item in open_uploads.items}
        if ended:  # a server was killed at the end of one, or with a batch that came late
            await self._quotas.end_uploads(account, ended)
        upload = Upload(secrets.token_hex(16), account, now() + self._lease)
        # The job first: an upload without one would hold its blocks for ever.
        await self._jobs.schedule(JOB, upload.id, upload.expires, {"account": account})
        await self._documents.insert(
            COLLECTION,
            upload.id,
            {"account": account, "expires": format_time(upload.expires)},
            scope=account,
            expires=upload.expires,
        )
        return upload

    async def get(self, account: str, upload_id: str) -> Upload:
        """The upload, or ``NotFound``: over, never there, or another account's.

        One that is still used when half of its time is over has all of it again: a file may take
        a slow line for days, and a commit must not outlive the lease of its blocks.
        """
        while True:
            document = await self._documents.get(COLLECTION, upload_id)
            if document is None or document.body["account"] != account:
                raise _ended()
            expires = parse_time(document.body["expires"])
            if expires - now() > self._lease / 2:
                return Upload(upload_id, account, expires)
            with suppress(StaleRevision, NotFound):  # renewed or ended by another request
                return await self._renew(account, document)

    async def _renew(self, account: str, document: Document) -> Upload:
        upload = Upload(document.id, account, now() + self._lease)
        # The job last: one that comes too early ends an upload, and its client begins another.
        await self._documents.replace(
            COLLECTION,
            upload.id,
            document.rev,
            {"account": account, "expires": format_time(upload.expires)},
            expires=upload.expires,
        )
        await self._jobs.schedule(JOB, upload.id, upload.expires, {"account": account})
        return upload

    async def missing(self, upload: Upload, cids: Sequence[CID]) -> list[CID]:
        """Those of ``cids`` that are to be sent; the others are kept for this upload."""
        return await self._blocks.missing(cids, holder=upload.holder, until=upload.expires)

    async def put(self, upload: Upload, blocks: Sequence[AnyBlock]) -> Stored:
        """Store blocks, all or none; the store hashes those that are unverified.

        Raises ``QuotaExceeded``, ``StorageFull``; ``BlockRefused`` for a block that is another;
        ``NotFound`` when the upload has ended meanwhile.
        """
        if not blocks:
            return Stored(0, 0)
        total_bytes = sum(len(block.data) for block in blocks)
        await self._quotas.add_upload(upload.account, upload.id, total_bytes)
        try:
            new_bytes = await self._blocks.put(blocks, holder=upload.holder, until=upload.expires)
        except (StorageFull, BlockRefused):
            await self._quotas.take_upload(upload.account, upload.id, total_bytes)
            raise
        if len(blocks) > _LEARN_AT_ONCE:
            await asyncio.to_thread(self._facts.learn, blocks)
        else:
            self._facts.learn(blocks)
        await self._require_open(upload)
        return Stored(len(blocks), new_bytes)

    async def _require_open(self, upload: Upload) -> None:
        """Take back what was put under an upload that has ended: whoever ended it came too early.

        The document goes first there, and is asked for last here: one of the two sees the other.
        """
        if await self._documents.get(COLLECTION, upload.id) is None:
            await self._blocks.release(upload.holder)
            await self._quotas.take_upload(upload.account, upload.id, None)
            raise _ended()

    async def end(self, account: str, upload_id: str) -> None:
        """End an upload: what nothing has pinned may be swept. Raises ``NotFound``."""
        await self.get(account, upload_id)
        await self.let_go(account, upload_id)

    async def let_go(self, account: str, upload_id: str) -> None:
        """Let go of an upload's blocks and of the room it took. May be repeated."""
        await self._documents.delete(COLLECTION, upload_id)
        await self._blocks.release(holder_of(upload_id))
        await self._quotas.take_upload(account, upload_id, None)
        await self._jobs.cancel(JOB, upload_id)

    async def drop_account(self, account: str) -> None:
        """End all uploads of an account that is going."""
        while True:
            page = await self._documents.page(COLLECTION, account, limit=MAX_OPEN_UPLOADS)
            for item in page.items:
                await self.let_go(account, item.id)
            if page.next is None:
                return


def _ended() -> NotFound:
    return NotFound("There is no such upload, or it has ended.")
