"""Inboxes: encrypted messages from one account to another (docs/spec/17-delegations.md §4).

A message is an envelope that the sender committed: pinned, at her room, until the recipient has
acknowledged it. It is two documents, one in the recipient's list, which is the one that counts,
one in the sender's, by which her messages are counted. One job a message cleans up after a commit
or an acknowledgement that died, and drops in the end what nobody fetched.

Every post makes an id of its own, under which it pins and takes room. Of equal ones at once, the
store's unique key lets one be listed; the others take back what is theirs alone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from hygieia.domain.account import COLLECTION as ACCOUNTS
from hygieia.domain.claims import CLEAN_UP_AFTER, Attempt
from hygieia.domain.inbox_shape import MessageShape, inspect_message
from hygieia.domain.inspection import MAX_MISSING_NAMED, inspect
from hygieia.errors import (
    BlockMissing,
    Duplicate,
    HygieiaError,
    InvalidInput,
    NotFound,
    StaleRevision,
    TooManyAttempts,
    Unavailable,
)
from hygieia.ipld.cid import CID
from hygieia.openpgp.times import format_time, now, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.documents.port import Body, Document
    from hygieia.domain.jobs import Job
    from hygieia.domain.stores import Stores
    from hygieia.domain.uploads import Upload

COLLECTION: Final = "inbox"
SENT: Final = "outbox"
JOB: Final = "clean-up-message"
KEEP: Final = timedelta(days=400)
"""Longer than anything that a message says can be in force."""

MAX_WAITING: Final = 1000
MAX_WAITING_IN_ONE: Final = 64

_GOING: Final = "going"
"""In the body of a message that is being dropped."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: ``account`` is whose inbox it lies in, ``sender`` an account id too."""

    id: str
    root: str
    account: str
    sender: str
    size_bytes: int
    created: str

    @property
    def pin_name(self) -> str:
        """The name under which the block store keeps it."""
        return f"inbox:{self.id}"

    @property
    def posting_key(self) -> str:
        """The key under which it takes room until it is committed."""
        return f"inbox-post-{self.id}"

    @property
    def hold_key(self) -> str:
        """The key under which the room it took is given back."""
        return f"inbox-{self.id}"

    @property
    def unique(self) -> str:
        """What no two messages that wait have in common."""
        return f"{self.sender} {self.account} {self.root}"


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A piece of an inbox."""

    items: tuple[Message, ...]
    next: str | None


class Inboxes:
    """The accounts' inboxes."""

    def __init__(self, stores: Stores, *, clock: Callable[[], datetime] = now) -> None:
        self._stores = stores
        self._now = clock

    async def post(self, upload: Upload, root: CID, recipient: str) -> Message:
        """Commit an uploaded envelope to the inbox of the account ``recipient``; may be repeated.

        Raises:
            InvalidInput: to oneself.
            TooManyAttempts: too much of this sender's waits already.
            DagRefused, EnvelopeRefused, LimitExceeded, BlockMissing: no whole message.
            QuotaExceeded: the sender has no room.
        """
        if recipient == upload.account:
            raise InvalidInput("A message is to somebody else.")
        created = format_time(self._now())
        message = Message(secrets.token_hex(16), str(root), recipient, upload.account, 0, created)
        known = await self._stores.documents.find(COLLECTION, message.unique)
        if known is not None:
            return read_message(known)
        await self._require_few(upload.account, recipient)
        shape = await self._inspect(upload, root)
        return await self._commit(upload, replace(message, size_bytes=shape.size_bytes))

    async def page(self, account: str, *, after: str | None, limit: int) -> MessagePage:
        """What waits for an account, oldest first."""
        page = await self._stores.documents.page(COLLECTION, account, after=after, limit=limit)
        return MessagePage(tuple(read_message(item) for item in page.items), page.next)

    async def has_any(self, account: str) -> bool:
        """Whether anything waits."""
        return bool((await self.page(account, after=None, limit=1)).items)

    async def acknowledge(self, account: str, message_id: str) -> None:
        """Let go of a message that has been read. Raises ``NotFound``, also for another's."""
        document = await self._stores.documents.get(COLLECTION, message_id)
        if document is None or document.body["account"] != account:
            raise NotFound("There is no such message.")
        if _GOING not in document.body:
            await self._drop(document)

    async def clean_up(self, job: Job) -> None:
        """The job: take back what was never committed, give room back, drop what is too old."""
        document = await self._stores.documents.get(COLLECTION, job.subject)
        message = _of_body(job.subject, job.body)
        quotas = self._stores.quotas
        if document is None:
            await quotas.settle(message.sender, message.posting_key, 0)
            await self._let_go(message)
            return
        await quotas.settle(message.sender, message.posting_key, message.size_bytes)
        due = parse_time(message.created) + KEEP
        if _GOING in document.body or due <= self._now():
            await self._drop(document)
        else:
            await self._stores.jobs.postpone(job, due)

    async def drop_account(self, account: str) -> None:
        """Forget what an account received and sent: it is going."""
        for collection in (COLLECTION, SENT):
            while True:
                page = await self._stores.documents.page(collection, account, limit=100)
                for item in page.items:
                    document = await self._stores.documents.get(COLLECTION, item.id)
                    if document is None:  # never listed: what it took, its job gives back
                        await self._let_go(read_message(item))
                    elif _GOING not in document.body:
                        await self._drop(document)
                if page.next is None:
                    break

    async def _require_few(self, sender: str, recipient: str) -> None:
        page = await self._stores.documents.page(SENT, sender, limit=MAX_WAITING)
        in_one = sum(item.body["account"] == recipient for item in page.items)
        if len(page.items) >= MAX_WAITING or in_one >= MAX_WAITING_IN_ONE:
            raise TooManyAttempts(
                "Too many of your messages have not been fetched yet.",
                retry_after_seconds=3600,
                hint="Wait until the recipient has opened the vault, then run it again.",
            )

    async def _inspect(self, upload: Upload, root: CID) -> MessageShape:
        stores = self._stores
        room = await stores.quotas.room(upload.account)
        shape = await inspect(inspect_message(root, room), stores.facts)
        absent = await stores.blocks.missing(
            list(shape.cids), holder=upload.holder, until=upload.expires
        )
        if absent:
            named = [str(cid) for cid in absent][:MAX_MISSING_NAMED]
            raise BlockMissing("Blocks are missing.", missing=named)
        return shape

    async def _commit(self, upload: Upload, message: Message) -> Message:
        stores, attempt = self._stores, Attempt()
        job = await stores.jobs.schedule(
            JOB, message.id, self._now() + CLEAN_UP_AFTER, _body(message)
        )
        try:
            await stores.quotas.hold(message.sender, message.posting_key, message.size_bytes)
            await stores.blocks.pin(CID.parse(message.root), name=message.pin_name)
            attempt.require_time()
            listed = await self._list(message)
        except Unavailable:
            raise  # it may have been committed: the job finds out
        except HygieiaError:
            await self._take_back(message)
            raise
        if listed != message:  # an equal one was listed meanwhile
            await self._take_back(message)
            return listed
        await stores.quotas.settle(message.sender, message.posting_key, message.size_bytes)
        await stores.quotas.take_upload(upload.account, upload.id, message.size_bytes)
        # Not where it has been acknowledged already: that took the job over.
        await stores.jobs.postpone(job, parse_time(message.created) + KEEP)
        return message

    async def _list(self, message: Message) -> Message:
        """Put it into both lists, the recipient's last: **now it is committed**.

        Returns it, or the equal one that came first.
        """
        documents, body = self._stores.documents, _body(message)
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        await documents.insert(SENT, message.id, body, scope=message.sender, sort=stamp)
        while True:
            try:
                await documents.insert(
                    COLLECTION,
                    message.id,
                    body,
                    scope=message.account,
                    sort=stamp,
                    unique=message.unique,
                )
            except Duplicate:
                first = await documents.find(COLLECTION, message.unique)
                if first is not None:
                    return read_message(first)
                continue  # acknowledged in between
            return message

    async def _take_back(self, message: Message) -> None:
        """Give back at once what a message took that is not listed."""
        await self._stores.quotas.settle(message.sender, message.posting_key, 0)
        await self._let_go(message)
        await self._stores.jobs.cancel(JOB, message.id)

    async def _drop(self, document: Document) -> None:
        """Take it out of the list, then give back what it took; a job ends what dies in between.

        Of many at once the first to mark it as going does so, for only once may it be given back.
        """
        stores, message = self._stores, read_message(document)
        body: Body = document.body | {_GOING: True}
        await stores.jobs.schedule(JOB, message.id, self._now() + CLEAN_UP_AFTER, _body(message))
        try:
            taken = await stores.documents.replace(COLLECTION, message.id, document.rev, body)
            if await stores.documents.get(ACCOUNTS, message.sender) is not None:
                # Whoever posts it may not have come to that yet: first in, then out.
                key, size = message.posting_key, message.size_bytes
                await stores.quotas.settle(message.sender, key, size)
                await stores.quotas.hold(message.sender, message.hold_key, 0)
            if not await stores.documents.delete(COLLECTION, message.id, rev=taken.rev):
                return
        except (StaleRevision, NotFound):
            return  # another has it
        await self._let_go(message)
        await stores.jobs.cancel(JOB, message.id)

    async def _let_go(self, message: Message) -> None:
        stores = self._stores
        await stores.blocks.unpin(CID.parse(message.root), name=message.pin_name)
        await stores.documents.delete(SENT, message.id)
        await stores.quotas.settle(message.sender, message.hold_key, -message.size_bytes)


def read_message(document: Document) -> Message:
    """A message from its document in an inbox."""
    return _of_body(document.id, document.body)


def _body(message: Message) -> Body:
    return {
        "root": message.root,
        "account": message.account,
        "sender": message.sender,
        "size_bytes": message.size_bytes,
        "created": message.created,
    }


def _of_body(message_id: str, body: Body) -> Message:
    return Message(
        message_id,
        cast("str", body["root"]),
        cast("str", body["account"]),
        cast("str", body["sender"]),
        cast("int", body["size_bytes"]),
        cast("str", body["created"]),
    )
