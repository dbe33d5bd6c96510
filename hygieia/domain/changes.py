"""The cursor by which clients learn what changed (docs/spec/13: a hint, at most 256 octets).

One document a report, moved to the end of the account's list at each change. The order is that of
the servers' clocks, and a change is written a moment after its time was taken, so near the end a
later one can become visible first. A cursor at the end therefore stays ``LAG`` behind: recent
changes are told again, none is passed over. Half of it is for a write that takes long (a database
may take twelve seconds over each), and half for servers whose clocks differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from hygieia.documents.body import decode_cursor, encode_cursor
from hygieia.errors import Duplicate, NotFound, StaleRevision

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.documents.port import Body, Document, DocumentStore

COLLECTION: Final = "changes"
LAG: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Change:
    """The latest state of one report: its root (None: gone), its rev, whether it is in the trash."""

    report: str
    root: str | None
    rev: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes, where to go on, and whether there is more at once."""

    items: tuple[Change, ...]
    next: str
    more: bool


class Changes:
    """The accounts' lists of changes."""

    def __init__(
        self,
        documents: DocumentStore,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._documents = documents
        self._now = clock

    async def record(self, account: str, change: Change) -> None:
        """Put ``change`` at the end of the account's list, unless a later rev stands there."""
        while True:
            stamped = self._now()
            stands = await self._put(account, change, _stamp(stamped))
            # Written late, it may stand before what a device has read already: to the end again.
            if stands and self._now() - stamped <= LAG / 2:
                return

    async def _put(self, account: str, change: Change, sort: str) -> bool:
        """Whether the list has ``change`` now, or a later rev; False when somebody was faster."""
        body: Body = {"root": change.root, "rev": change.rev, "deleted": change.deleted}
        try:
            await self._documents.insert(COLLECTION, change.report, body, scope=account, sort=sort)
        except Duplicate:
            existing = await self._documents.get(COLLECTION, change.report)
            if existing is None:
                return False
            if existing.scope == account and _read(existing).rev > change.rev:
                return True
            try:
                await self._documents.replace(
                    COLLECTION, change.report, existing.rev, body, scope=account, sort=sort
                )
            except (StaleRevision, NotFound):
                return False
        return True

    async def page(self, account: str, after: str | None, limit: int) -> ChangePage:
        """Changes after the cursor. Raises ``InvalidInput`` for a cursor that is none."""
        page = await self._documents.page(COLLECTION, account, after=after, limit=limit)
        items = tuple(_read(item) for item in page.items)
        if page.next is not None:
            return ChangePage(items, page.next, more=True)
        settled = _stamp(self._now() - LAG)
        return ChangePage(items, _end_cursor(page.items, after, settled), more=False)

    async def drop_account(self, account: str) -> bool:
        """A turn at forgetting an account's list; True when nothing is left of it."""
        page = await self._documents.page(COLLECTION, account, limit=1000)
        for item in page.items:
            await self._documents.delete(COLLECTION, item.id)
        return page.next is None


def cursor_at(time: datetime) -> str:
    """Where the changes from ``time`` on begin."""
    return encode_cursor(_stamp(time), "!")


def _end_cursor(items: tuple[Document, ...], after: str | None, settled: str) -> str:
    """Where to go on from the end of the list: the last change, but none after ``settled``."""
    if items:
        last = (items[-1].sort, items[-1].id)
    elif after is not None:
        last = decode_cursor(after)
    else:
        last = ("!", "!")
    return encode_cursor(*(last if last[0] <= settled else (settled, "!")))


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _read(document: Document) -> Change:
    body = document.body
    return Change(
        report=document.id,
        root=cast("str | None", body["root"]),
        rev=cast("int", body["rev"]),
        deleted=cast("bool", body["deleted"]),
    )
