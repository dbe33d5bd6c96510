"""The vault index of each account: its root, the IPNS record that names it, what stays pinned.

docs/spec/13: one request carries root, ``rev`` and record; ``rev`` is the compare-and-set between two
devices, the sequence protects those who read without us. Pinned are the current root, the one
before, and the one that the latest kit names. The steps and their clean-up follow ``claims``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from hygieia.domain.claims import CLEAN_UP_AFTER, Attempt
from hygieia.domain.index_shape import inspect_index
from hygieia.domain.inspection import MAX_MISSING_NAMED, inspect
from hygieia.domain.published import Published
from hygieia.errors import (
    BlockMissing,
    Conflict,
    Duplicate,
    HygieiaError,
    NotFound,
    RecordRefused,
    StaleRevision,
    Unavailable,
)
from hygieia.ipld.cid import CID
from hygieia.ipld.ipns import parse_record
from hygieia.openpgp.times import format_time, now, parse_time

if TYPE_CHECKING:
    from datetime import datetime

    from hygieia.documents.port import Body, Document
    from hygieia.domain.stores import Stores
    from hygieia.domain.uploads import Upload

COLLECTION: Final = "index"
JOB: Final = "clean-up-index"
KIT_JOB: Final = "release-kept"
_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Index:
    """An account's index. ``rev`` 0: there is none yet."""

    account: str
    rev: int = 0
    ipns_name: str = ""
    root: str | None = None
    root_time: str | None = None
    sequence: int = 0
    record: str | None = None
    previous: str | None = None
    previous_time: str | None = None
    kit_root: str | None = None
    kit_time: str | None = None
    size_bytes: int = 0

    @property
    def pinned(self) -> set[str]:
        """The roots that are kept."""
        return {root for root in (self.root, self.previous, self.kit_root) if root is not None}


@dataclass(frozen=True, slots=True)
class NewIndex:
    """A root to move to, with its record in base64 and as bytes."""

    ipns_name: str
    root: CID
    sequence: int
    record_text: str
    record: bytes


class Indexes:
    """The accounts' indexes."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._published = Published(stores.documents, stores.blocks)

    async def get(self, account: str) -> Index:
        """The account's index, or an empty one."""
        document = await self._stores.documents.get(COLLECTION, account)
        return Index(account) if document is None else read_index(document)

    async def kit_time(self, account: str) -> datetime | None:
        """When the root that the latest kit names was committed: what it lists is older."""
        index = await self.get(account)
        return None if index.kit_time is None else parse_time(index.kit_time)

    async def commit(self, upload: Upload, rev: int, new: NewIndex) -> Index:
        """Move the account's index to a new root.

        Raises:
            StaleRevision: ``rev`` is not the current one (0: there is none yet).
            RecordRefused: the record does not verify, its value is not the root, or its sequence
                is not the one given or not above the current one.
            DagRefused, EnvelopeRefused, LimitExceeded, BlockMissing: not a whole index.
            QuotaExceeded: no room.
        """
        current = await self.get(upload.account)
        if current.rev != rev:
            raise StaleRevision("The index was changed meanwhile: read it again.")
        await asyncio.to_thread(_check_record, new, current)
        size_bytes = await self._inspect(upload, current, new.root)
        attempt = Attempt()
        try:
            index = await self._replace_root(attempt, current, new, size_bytes)
        except Unavailable:
            raise  # the change may be made yet, or was: the job finds out once it cannot any more
        except HygieiaError:
            await self.clean_up(upload.account, [str(new.root)])
            await self._stores.jobs.cancel(JOB, attempt.id)
            raise
        dropped = current.pinned - index.pinned
        await self.clean_up(upload.account, sorted(dropped))
        await self._stores.quotas.take_upload(upload.account, upload.id, size_bytes)
        await self._stores.jobs.cancel(JOB, attempt.id)
        return index

    async def set_kit_root(self, account: str, root: CID) -> Index:
        """Keep the root that a kit just written names, and let go of what only the last one named.

        Raises ``NotFound`` unless it is the current root, the one before, or the kit's already.
        """
        for _ in range(_TRIES):
            index = await self.get(account)
            times = {
                index.kit_root: index.kit_time,
                index.previous: index.previous_time,
                index.root: index.root_time,
            }
            if str(root) not in times:
                raise NotFound("This is neither the current index root nor the one before.")
            changed = replace(index, kit_root=str(root), kit_time=times[str(root)])
            dropped = index.pinned - changed.pinned
            attempt = Attempt()
            await self._schedule(attempt, account, sorted(dropped))
            try:
                result = await self._store(changed)
            except StaleRevision:
                continue
            await self._stores.jobs.schedule(KIT_JOB, account, now())
            await self.clean_up(account, sorted(dropped))
            await self._stores.jobs.cancel(JOB, attempt.id)
            return result
        raise Conflict("The index is being changed by too many requests at once.")

    async def clean_up(self, account: str, roots: list[str]) -> None:
        """Unpin those of ``roots`` that are not to be kept; bring record and use up to date."""
        index = await self.get(account)
        for root in roots:
            if root not in index.pinned:
                await self._stores.blocks.unpin(CID.parse(root), name=index_pin_name(account))
        if index.record is not None:
            await self._published.give_out(account, index.ipns_name, index.sequence, index.record)
        await self._stores.quotas.set_index(account, index.size_bytes)

    async def forget(self, account: str) -> None:
        """Unpin and forget the account's index: the account is going, or has a new key."""
        index = await self.get(account)
        for root in sorted(index.pinned):
            await self._stores.blocks.unpin(CID.parse(root), name=index_pin_name(account))
        if index.ipns_name:
            await self._published.take_back(account, index.ipns_name)
        await self._stores.documents.delete(COLLECTION, account)

    async def _inspect(self, upload: Upload, current: Index, root: CID) -> int:
        """Prove the new root complete by its difference from the current one; hold what is new."""
        stores = self._stores
        room = await stores.quotas.room(upload.account) + current.size_bytes
        pinned = None if current.root is None else CID.parse(current.root)
        shape = await inspect(inspect_index(root, pinned, room), stores.facts)
        missing = await stores.blocks.missing(
            shape.new_cids, holder=upload.holder, until=upload.expires
        )
        if missing:
            named = [str(cid) for cid in missing[:MAX_MISSING_NAMED]]
            raise BlockMissing("Blocks are missing.", missing=named)
        return shape.size_bytes

    async def _replace_root(
        self, attempt: Attempt, current: Index, new: NewIndex, size_bytes: int
    ) -> Index:
        account = current.account
        doomed = sorted({str(new.root), *current.pinned})
        await self._schedule(attempt, account, doomed)
        await self._pin(current, new.root)
        attempt.require_time()
        moved = replace(
            current,
            ipns_name=new.ipns_name,
            root=str(new.root),
            root_time=format_time(now()),
            sequence=new.sequence,
            record=new.record_text,
            previous=current.root if current.root != str(new.root) else current.previous,
            previous_time=(
                current.root_time if current.root != str(new.root) else current.previous_time
            ),
            size_bytes=size_bytes,
        )
        return await self._store(moved)

    async def _pin(self, current: Index, root: CID) -> None:
        name = index_pin_name(current.account)
        if current.root is None:
            await self._stores.blocks.pin(root, name=name)
            return
        try:
            await self._stores.blocks.update_pin(
                CID.parse(current.root), root, name=name, keep_old=True
            )
        except NotFound:
            # The root it was proven against is no longer kept: others have moved on twice.
            raise StaleRevision("The index was changed meanwhile: read it again.") from None

    async def _store(self, index: Index) -> Index:
        documents = self._stores.documents
        try:
            if index.rev == 0:
                document = await documents.insert(COLLECTION, index.account, _body(index))
            else:
                document = await documents.replace(
                    COLLECTION, index.account, index.rev, _body(index)
                )
        except (Duplicate, StaleRevision, NotFound):
            raise StaleRevision("The index was changed meanwhile: read it again.") from None
        return replace(index, rev=document.rev)

    async def _schedule(self, attempt: Attempt, account: str, roots: list[str]) -> None:
        body: Body = {"account": account, "roots": list(roots)}
        await self._stores.jobs.schedule(JOB, attempt.id, now() + CLEAN_UP_AFTER, body)


def index_pin_name(account: str) -> str:
    """The name under which the block store keeps an account's index roots."""
    return f"index:{account}"


def _check_record(new: NewIndex, current: Index) -> None:
    record = parse_record(new.ipns_name, new.record, now())
    if record.value != f"/ipfs/{new.root}":
        raise RecordRefused("The IPNS record does not name this root.")
    if record.sequence != new.sequence:
        raise RecordRefused("The IPNS record has another sequence than the request.")
    if new.ipns_name == current.ipns_name and record.sequence <= current.sequence:
        raise RecordRefused("The IPNS record's sequence is not above the current one.")


def _body(index: Index) -> Body:
    return {
        "ipns_name": index.ipns_name,
        "root": index.root,
        "root_time": index.root_time,
        "sequence": index.sequence,
        "record": index.record,
        "previous": index.previous,
        "previous_time": index.previous_time,
        "kit_root": index.kit_root,
        "kit_time": index.kit_time,
        "size_bytes": index.size_bytes,
    }


def read_index(document: Document) -> Index:
    """An index from its document."""
    body = document.body
    return Index(
        account=document.id,
        rev=document.rev,
        ipns_name=cast("str", body["ipns_name"]),
        root=cast("str | None", body["root"]),
        root_time=cast("str | None", body["root_time"]),
        sequence=cast("int", body["sequence"]),
        record=cast("str | None", body["record"]),
        previous=cast("str | None", body["previous"]),
        previous_time=cast("str | None", body["previous_time"]),
        kit_root=cast("str | None", body["kit_root"]),
        kit_time=cast("str | None", body["kit_time"]),
        size_bytes=cast("int", body["size_bytes"]),
    )
