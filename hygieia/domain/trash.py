"""Trash, restore, purge (docs/spec/13: what the latest kit names stays until the next kit).

What is to be purged for good is handed to ``purging``, which does it in turns.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from hygieia.domain.changes import Change
from hygieia.domain.index import KIT_JOB
from hygieia.domain.purging import JOB, Purging
from hygieia.domain.reports import (
    Report,
    State,
)
from hygieia.errors import Conflict, NotFound, StaleRevision
from hygieia.openpgp.times import format_time, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.domain.index import Indexes
    from hygieia.domain.stores import Stores

REPORTS_A_TURN: Final = 50
TAKE_OVER_AFTER: Final = timedelta(minutes=5)
"""When a purge under way is taken for dead, and a job goes on with it."""

_TRIES: Final = 20


class Trash:
    """Puts reports in the trash, takes them out, and purges them."""

    def __init__(
        self,
        stores: Stores,
        indexes: Indexes,
        *,
        keep: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._stores = stores
        self._indexes = indexes
        self._keep = keep
        self._now = clock
        self._purging = Purging(stores, clock)

    async def put(self, account: str, report_id: str, rev: int | None) -> Report:
        """Put a report in the trash; one that is there already stays as it is.

        Raises ``NotFound``, and ``StaleRevision`` when ``rev`` is given and not the current one.
        """
        deleted = self._now()
        report = await self._stores.reports.get(account, report_id)
        if rev is not None and report.rev != rev:
            raise StaleRevision("The report was changed meanwhile: read it again.")
        if report.state is State.TRASH:
            # A crash may have kept it from the other devices.
            await self._tell(report)
            return report
        # The job first: a report in the trash that nothing purges would stay for ever. It looks
        # again before it does anything.
        await self._stores.jobs.schedule(JOB, report_id, deleted + self._keep)
        return await self._move(account, report_id, rev, State.TRASH, format_time(deleted))

    async def restore(self, account: str, report_id: str, rev: int | None) -> Report:
        """Take a report out of the trash. Raises as ``put`` does."""
        report = await self._stores.reports.get(account, report_id)
        if report.state is State.LIVE and rev in {None, report.rev}:
            await self._tell(report)
            return report
        # The job stays: by now it may be that of another deletion. It will find nothing to do.
        return await self._move(account, report_id, rev, State.LIVE, None)

    async def purge(self, account: str, report_id: str) -> None:
        """Purge a report that is in the trash. Raises ``NotFound``, or ``Conflict`` if it is not."""
        report = await self._stores.reports.get(account, report_id)
        if report.state is not State.TRASH:
            raise Conflict("Only a report in the trash can be purged.")
        await self._stores.jobs.schedule(JOB, report_id, self._now() + TAKE_OVER_AFTER)
        try:
            await self._purge(report)
        except (StaleRevision, NotFound):
            latest = await self._stores.reports.find(report_id)
            if latest is not None and latest.is_visible:
                raise Conflict("The report was changed meanwhile: read it again.") from None
            return  # another request, or a job, purges it: its work, and its job

    async def purge_if_due(self, report_id: str) -> None:
        """The job: a turn at purging the report, if it is in the trash for long enough."""
        report = await self._stores.reports.find(report_id)
        if report is None or report.state in {State.LIVE, State.KEPT}:
            return
        deleted_at = report.deleted_at
        if report.state is State.TRASH and deleted_at and deleted_at + self._keep > self._now():
            # The host has lengthened the time since, or it was deleted again.
            await self._stores.jobs.schedule(JOB, report_id, deleted_at + self._keep)
            return
        await self._purge(report)

    async def release_kept(self, account: str) -> None:
        """After a new kit: a turn at purging what only the kit before it still named."""
        covered_until = await self._indexes.kit_time(account)
        job = await self._stores.jobs.find(KIT_JOB, account)
        after = None if job is None else cast("str | None", job.body.get("after"))
        page = await self._stores.reports.page(
            account, state=State.KEPT, after=after, limit=REPORTS_A_TURN
        )
        for report in page.items:
            purged_at = report.deleted_at
            if covered_until is None or (purged_at is not None and purged_at < covered_until):
                await self._purging.turn(report)
        if page.next is not None:
            await self._stores.jobs.schedule(KIT_JOB, account, self._now(), {"after": page.next})

    async def drop_account(self, account: str) -> bool:
        """A turn at purging all an account has, in whatever state; True when nothing is left."""
        finished = True
        for state in State:
            page = await self._stores.reports.page(
                account, state=state, after=None, limit=REPORTS_A_TURN
            )
            turns = [await self._purging.turn(report) for report in page.items]
            finished = finished and all(turns) and page.next is None
        return finished

    async def _move(
        self, account: str, report_id: str, rev: int | None, state: State, deleted: str | None
    ) -> Report:
        for _ in range(_TRIES):
            report = await self._stores.reports.get(account, report_id)
            if rev is not None and report.rev != rev:
                raise StaleRevision("The report was changed meanwhile: read it again.")
            moved = replace(report, state=state, deleted=deleted, changed=format_time(self._now()))
            try:
                result = await self._stores.reports.replace(moved)
            except StaleRevision:
                continue
            await self._tell(result)
            return result
        raise Conflict("The report is being changed by too many requests at once.")

    async def _purge(self, report: Report) -> None:
        """Purge now, or keep the ciphertext until the next kit where the latest one names it."""
        covered_until = await self._indexes.kit_time(report.account)
        created = datetime.fromisoformat(report.created)
        if report.state is State.TRASH and covered_until and created <= covered_until:
            kept = replace(report, state=State.KEPT, deleted=format_time(self._now()))
            await self._purging.tell_gone(await self._stores.reports.replace(kept))
            await self._stores.jobs.cancel(JOB, report.id)
            return
        await self._purging.turn(report)

    async def _tell(self, report: Report) -> None:
        change = Change(report.id, report.root, report.rev, report.deleted is not None)
        await self._stores.changes.record(report.account, change)
