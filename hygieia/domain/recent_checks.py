"""Looking soon at what is new: a report need not wait a day to be told safe or short.

Storing marks the account, one small document however much is stored. Whoever has the lease takes
marks that have lain a minute, and looks at the reports that the account's changes name since.
Nothing rests on it: what it passes over, the next whole verification sees.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from hygieia.domain.changes import LAG, cursor_at
from hygieia.domain.copies import Summary, counted, uncounted
from hygieia.domain.reports import State
from hygieia.errors import Duplicate, HygieiaError
from hygieia.limits import MAX_PAGE_ITEMS
from hygieia.openpgp.times import format_time, now, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.domain.leases import Leases
    from hygieia.domain.reports import Report
    from hygieia.domain.stores import Stores
    from hygieia.domain.verification import Verifier

MARKS: Final = "verify-soon"
LEASE: Final = "verify-soon"
LEASE_SECONDS: Final = 600
SETTLED: Final = timedelta(seconds=60)
"""Copies on other nodes take a moment, and so does who stores many reports."""


class RecentChecks:
    """Marks accounts, and looks at what is new in them with a verifier of its own."""

    def __init__(
        self,
        stores: Stores,
        verifier: Verifier,
        leases: Leases,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._stores = stores
        self._verifier = verifier
        self._leases = leases
        self._now = clock

    async def note(self, account: str) -> None:
        """Have the account's changes from now on looked at soon. Never fails: it is a hint."""
        try:
            await self._stores.documents.insert(MARKS, account, {"since": format_time(self._now())})
        except Duplicate:
            return  # its mark is older, and covers this
        except HygieiaError:
            return

    async def run(self) -> int:
        """Look at what has settled; how many reports that were. Raises ``Unavailable``."""
        looked = 0
        async with self._leases.keep(LEASE, LEASE_SECONDS) as ours:
            after: str | None = None
            while ours:
                page = await self._stores.documents.scan(MARKS, after=after, limit=MAX_PAGE_ITEMS)
                for mark in page.items:
                    since = parse_time(cast("str", mark.body["since"]))
                    if since <= self._now() - SETTLED:
                        # First, so that what changes from here on makes another.
                        await self._stores.documents.delete(MARKS, mark.id)
                        looked += await self._look_at(mark.id, since)
                if page.next is None:
                    break
                after = page.next
        return looked

    async def _look_at(self, account: str, since: datetime) -> int:
        looked = 0
        after, more = cursor_at(since - LAG), True
        while more:
            page = await self._stores.changes.page(account, after, MAX_PAGE_ITEMS)
            for change in page.items:
                report = await self._stores.reports.find(change.report)
                if report is not None and report.state is State.LIVE:
                    looked += await self._look(report)
            after, more = page.next, page.more
        return looked

    async def _look(self, report: Report) -> int:
        book = self._verifier.book
        before = await book.get("report", report.id)
        if before is not None and before.root == report.root:
            return 0
        copies = await self._verifier.look_at(report)
        if copies is None:
            return 0
        summary = await book.summary(report.account) or Summary(
            report.account, copies.run, copies.checked, copies.wanted
        )
        if before is not None:
            summary = uncounted(summary, before)
        await book.summarise(counted(summary, copies))
        return 1
