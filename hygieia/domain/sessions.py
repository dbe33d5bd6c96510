"""Sessions (docs/spec/09-accounts.md §3): a token of 256 random bits, known here by its hash."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from hygieia.domain.account import COLLECTION as ACCOUNTS
from hygieia.domain.account import Account, read_account
from hygieia.errors import NotFound, NotSignedIn, ReadOnly, StaleRevision
from hygieia.limits import MAX_ADDRESS_CHARACTERS, MAX_LABEL_CHARACTERS
from hygieia.openpgp.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hygieia.documents.port import Body, Document, DocumentStore

COLLECTION: Final = "sessions"
IDLE: Final = timedelta(days=14)
MAX_SESSIONS: Final = 100
"""Sessions an account has at a time; one more ends the oldest."""

_TOUCH_AFTER: Final = timedelta(minutes=10)
_CARRY_OVER_TRIES: Final = 5
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session:
    """One session. ``id`` is the token's hash: it names the session and opens nothing."""

    id: str
    created: datetime
    last_used: datetime
    expires: datetime
    label: str
    address: str


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A session just started, and its token, which is never to be had again."""

    session: Session
    token: str

    def __repr__(self) -> str:
        return f"StartedSession({self.session!r})"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a valid token stands for."""

    account: Account
    session: Session


class Sessions:
    """Starts, recognises, lists and ends sessions."""

    def __init__(
        self, documents: DocumentStore, clock: Callable[[], datetime], *, lifetime: timedelta
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._lifetime = lifetime

    async def start(self, account: Account, *, label: str, address: str) -> StartedSession:
        """Starts a session of the account's current epoch."""
        now = self._clock().replace(microsecond=0)
        token = secrets.token_urlsafe(32)
        ends = now + self._lifetime
        body: Body = {
            "account": account.id,
            "epoch": account.epoch,
            "last_used": format_time(now),
            "created": format_time(now),
            "ends": format_time(ends),
            "label": clean_label(label),
            "address": address[:MAX_ADDRESS_CHARACTERS],
        }
        document = await self._documents.insert(
            COLLECTION,
            token_hash(token),
            body,
            scope=account.id,
            sort=format_time(now),
            expires=min(ends, now + IDLE),
        )
        await self._end_beyond_the_most(account.id)
        return StartedSession(_session(document), token)

    async def authenticate(self, token: str) -> SignedIn:
        """Says whose token this is, and notes now and then that it is in use.

        Raises:
            NotSignedIn: the token is of no session, or its session has ended.
        """
        if not _TOKEN.fullmatch(token):
            raise _refusal()
        document = await self._documents.get(COLLECTION, token_hash(token))
        if document is None:
            raise _refusal()
        owner = await self._documents.get(ACCOUNTS, str(document.body["account"]))
        account = None if owner is None else read_account(owner)
        if account is None or not account.is_open or account.epoch != document.body["epoch"]:
            raise _refusal()
        return SignedIn(account, _session(await self._touch(document)))

    async def list(self, account: Account) -> list[Session]:
        """The account's live sessions, newest first."""
        return [
            _session(document)
            async for document in self._of(account.id)
            if document.body["epoch"] == account.epoch
        ]

    async def end(self, account_id: str, session_id: str) -> None:
        """Ends one session of the account. Raises NotFound, also for another account's."""
        document = None
        if re.fullmatch(r"[0-9a-f]{64}", session_id):
            document = await self._documents.get(COLLECTION, session_id)
        if document is None or document.body["account"] != account_id:
            raise NotFound("There is no such session.")
        await self._documents.delete(COLLECTION, session_id)

    async def end_all(self, account_id: str, *, but: str | None = None) -> None:
        """Ends the account's sessions, all but the one named."""
        async for document in self._of(account_id):
            if document.id != but:
                await self._documents.delete(COLLECTION, document.id)

    async def carry_over(self, account: Account, session_id: str) -> None:
        """Takes one session into the account's new epoch; the others have ended with the old one.

        If the server dies in between, that one has ended too, and its owner signs in again.
        """
        for _ in range(_CARRY_OVER_TRIES):
            document = await self._documents.get(COLLECTION, session_id)
            if document is None or document.body["epoch"] == account.epoch:
                break
            await self._replace(document, document.body | {"epoch": account.epoch})
        await self.end_all(account.id, but=session_id)

    async def _touch(self, document: Document) -> Document:
        now = self._clock().replace(microsecond=0)
        if now - parse_time(document.body["last_used"]) < _TOUCH_AFTER:
            return document
        expires = min(parse_time(document.body["ends"]), now + IDLE)
        body = document.body | {"last_used": format_time(now)}
        try:
            return await self._replace(document, body, expires=expires)
        except ReadOnly:
            return document  # who only reads goes on reading

    async def _replace(self, document: Document, body: Body, **fields: Any) -> Document:  # noqa: ANN401  (the port's own keywords, handed on)
        """Replaces a session's document; who loses a race to another request needs do nothing."""
        try:
            return await self._documents.replace(
                COLLECTION, document.id, document.rev, body, **fields
            )
        except StaleRevision:
            return document
        except NotFound:
            raise _refusal() from None

    async def _end_beyond_the_most(self, account_id: str) -> None:
        page = await self._documents.page(
            COLLECTION, account_id, limit=MAX_SESSIONS + 1, newest_first=True
        )
        for document in page.items[MAX_SESSIONS:]:
            await self._documents.delete(COLLECTION, document.id)

    async def _of(self, account_id: str) -> AsyncIterator[Document]:
        after: str | None = None
        while True:
            page = await self._documents.page(
                COLLECTION, account_id, after=after, limit=MAX_SESSIONS, newest_first=True
            )
            for document in page.items:
                yield document
            after = page.next
            if after is None:
                return


def token_hash(token: str) -> str:
    """What is kept of a token: with 256 random bits in it, a plain hash tells nothing of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def clean_label(label: str) -> str:
    """A label for people: without control characters, cut to its length."""
    printable = "".join(character for character in label if character.isprintable())
    return printable.strip()[:MAX_LABEL_CHARACTERS]


def _session(document: Document) -> Session:
    body: dict[str, Any] = document.body
    last_used = parse_time(body["last_used"])
    return Session(
        id=document.id,
        created=parse_time(body["created"]),
        last_used=last_used,
        expires=min(parse_time(body["ends"]), last_used + IDLE),
        label=body["label"],
        address=body["address"],
    )


def _refusal() -> NotSignedIn:
    return NotSignedIn("You are not signed in, or the session has ended.")
