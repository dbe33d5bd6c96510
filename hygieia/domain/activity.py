"""The activity trail: who did what in an account, from where (docs/spec/18-activity.md).

Each entry is one line of JSON that holds the hash of the line before. Appending reads the last
entry and inserts the next under account and number: of any number of servers that do so at once
one wins, and the others read again. What it costs does not grow with the trail.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, cast

from hygieia.documents.body import encode_cursor
from hygieia.domain.sessions import clean_label
from hygieia.errors import Duplicate, NotFound, Unavailable
from hygieia.ipld.cid import CID, RAW
from hygieia.limits import MAX_ACTIVITY_PEOPLE, MAX_ACTIVITY_REPORTS, MAX_ADDRESS_CHARACTERS
from hygieia.openpgp.strict_json import dumps
from hygieia.openpgp.times import format_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.documents.port import Document, DocumentStore

COLLECTION: Final = "activity"
SEEN: Final = "activity-seen"
KIND: Final = "hygieia activity 1"
FOR_A_STRANGER: Final = timedelta(hours=1)
"""How long is kept what was written, for the sake of equal steps, for an email without account."""

_TRIES: Final = 200
_LONGEST_WAIT_SECONDS: Final = 0.05
_DROPPED_AT_ONCE: Final = 1000


class Event(StrEnum):
    """What may have happened (18.2)."""

    SIGNED_UP = "signed-up"
    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"
    SESSION_ENDED = "session-ended"
    WRONG_PASSWORD = "wrong-password"  # noqa: S105  (a word of ours, no password)
    PASSWORD_CHANGED = "password-changed"  # noqa: S105  (a word of ours, no password)
    PASSWORD_RESET = "password-reset"  # noqa: S105  (a word of ours, no password)
    KIT_CHANGED = "kit-changed"
    ACCOUNT_FREED = "account-freed"
    STORED = "stored"
    UPDATED = "updated"
    EDITED = "edited"
    RE_KEYED = "re-keyed"
    FETCHED = "fetched"
    SHARED = "shared"
    UNSHARED = "unshared"
    DELETED = "deleted"
    RESTORED = "restored"
    PURGED = "purged"
    DELEGATED = "delegated"
    DELEGATION_ENDED = "delegation-ended"
    GIVEN_BACK = "given-back"


@dataclass(frozen=True, slots=True)
class Happening:
    """What an entry tells. ``by`` and ``people`` are key ids, ``device`` a session's label."""

    event: Event
    by: str | None = None
    address: str = ""
    device: str = ""
    reports: Sequence[str] = ()
    people: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as stored: its line, and the hash of that."""

    hash: str
    line: str


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """A piece of a trail."""

    items: tuple[Kept, ...]
    next: str | None


class Activity:
    """The accounts' trails."""

    def __init__(self, documents: DocumentStore, clock: Callable[[], datetime]) -> None:
        self._documents = documents
        self._clock = clock

    async def append(
        self, account: str, happening: Happening, *, keep: timedelta | None = None
    ) -> None:
        """Write the account's next entry; ``keep``: for so long only.

        Raises ``Unavailable`` when too many others write at the same moment.
        """
        expires = None if keep is None else self._clock() + keep
        for attempt in range(_TRIES):
            last = await self._last(account)
            number = 1 if last is None else int(last.sort) + 1
            time = self._time_after(last)
            line = self._line(account, number, time, last, happening)
            place = f"{number:012d}"
            try:
                await self._documents.insert(
                    COLLECTION,
                    f"{account}.{place}",
                    {"entry": line, "time": time},
                    scope=account,
                    sort=place,
                    unique=entry_hash(line),
                    expires=expires,
                )
            except Duplicate:
                longest = min(_LONGEST_WAIT_SECONDS, 0.001 * (attempt + 1))
                await asyncio.sleep(random.uniform(0, longest))  # noqa: S311  (so that two writers part; no secret)
            else:
                return
        raise Unavailable("The activity trail is being written by too many at once.")

    async def append_once(
        self,
        account: str,
        happening: Happening,
        *,
        key: str,
        within: timedelta = timedelta(hours=1),
        keep: timedelta | None = None,
    ) -> None:
        """As ``append``, but not again for the same event and ``key`` within a time."""
        subject = f"{account} {happening.event} {key}"
        mark = hashlib.sha256(subject.encode()).hexdigest()
        try:
            await self._documents.insert(SEEN, mark, {}, expires=self._clock() + within)
        except Duplicate:
            return
        await self.append(account, happening, keep=keep)

    async def page(
        self,
        account: str,
        *,
        after: str | None,
        since: str | None,
        limit: int,
        newest_first: bool = False,
    ) -> ActivityPage:
        """Entries in order of their numbers, or the reverse.

        ``since``, where ``after`` is None: begin behind the entry with this hash. Raises
        ``NotFound`` when the trail has no such entry, ``InvalidInput`` for a cursor that is none.
        """
        if since is not None and after is None:
            after = await self._cursor_at(account, since)
        page = await self._documents.page(
            COLLECTION, account, after=after, limit=limit, newest_first=newest_first
        )
        return ActivityPage(tuple(_kept(item) for item in page.items), page.next)

    async def drop_account(self, account: str) -> bool:
        """A turn at forgetting an account's trail; True when nothing is left of it."""
        page = await self._documents.page(COLLECTION, account, limit=_DROPPED_AT_ONCE)
        for item in page.items:
            await self._documents.delete(COLLECTION, item.id)
        return page.next is None

    async def _last(self, account: str) -> Document | None:
        page = await self._documents.page(COLLECTION, account, limit=1, newest_first=True)
        return page.items[0] if page.items else None

    async def _cursor_at(self, account: str, since: str) -> str:
        document = await self._documents.find(COLLECTION, since)
        if document is None or document.scope != account:
            raise NotFound("The activity trail has no such entry.")
        return encode_cursor(document.sort, document.id)

    def _line(
        self, account: str, number: int, time: str, last: Document | None, told: Happening
    ) -> str:
        people = tuple(dict.fromkeys(told.people))
        return dumps(
            {
                "what": KIND,
                "account": account,
                "number": number,
                "previous": None if last is None else last.unique,
                "time": time,
                "event": str(told.event),
                "by": told.by,
                "reports": list(told.reports)[:MAX_ACTIVITY_REPORTS],
                "people": list(people[:MAX_ACTIVITY_PEOPLE]),
                "more": max(0, len(people) - MAX_ACTIVITY_PEOPLE),
                "address": clean_label(told.address)[:MAX_ADDRESS_CHARACTERS],
                "device": clean_label(told.device),
            }
        )

    def _time_after(self, last: Document | None) -> str:
        """Now, or the last entry's time where another server's clock is ahead of this one."""
        time = format_time(self._clock())
        return time if last is None else max(time, cast("str", last.body["time"]))


def entry_hash(line: str) -> str:
    """The hash of an entry: the CID of its line (18.1)."""
    return str(CID.of(RAW, line.encode()))


def _kept(document: Document) -> Kept:
    return Kept(cast("str", document.unique), cast("str", document.body["entry"]))
