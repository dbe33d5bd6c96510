"""Taking a report away for good, a bounded piece at a time.

A report may have as many versions as its owner made. Each turn looks at ``VERSIONS_A_TURN`` of them,
so no turn outlasts a lease, and what it has come to is kept in the report's job: a turn that is cut
off is done again, and doing it again changes nothing. The report's state says which piece it is:

* ``PURGING``: unpin its versions, and sum up in the job what they counted;
* ``RELEASING``: the sum stands in the report; give the room back, then forget versions and report.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from hygieia.domain.changes import Change
from hygieia.domain.dropping import drop_versions
from hygieia.domain.reports import (
    COLLECTION,
    VERSIONS,
    Report,
    State,
    read_version,
)
from hygieia.ipld.cid import CID

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hygieia.documents.port import Body
    from hygieia.domain.jobs import Job
    from hygieia.domain.stores import Stores

JOB: Final = "purge-report"
VERSIONS_A_TURN: Final = 200


class Purging:
    """Purges reports whose fate is decided; ``trash`` decides it."""

    def __init__(self, stores: Stores, clock: Callable[[], datetime]) -> None:
        self._stores = stores
        self._now = clock

    async def turn(self, report: Report) -> bool:
        """Do the next piece. True when nothing of the report is left; else its job goes on.

        Raises ``StaleRevision`` or ``NotFound`` where somebody else has changed or purged it.
        """
        if report.state is not State.RELEASING:
            if report.state is not State.PURGING:
                report = await self._stores.reports.replace(replace(report, state=State.PURGING))
            # What a re-key ended counts by itself, so it is dropped first.
            dropped = await drop_versions(self._stores, report)
            released = await self._unpin_some(report) if dropped else None
            if released is None:
                return False
            # A hold of nothing marks that the room is still to be given back; the state after it,
            # that the mark has been set. So repeating either gives it back once.
            await self._stores.quotas.hold(report.account, _hold_key(report), 0)
            done = replace(report, state=State.RELEASING, release_bytes=released)
            report = await self._stores.reports.replace(done)
        await self._stores.quotas.settle(report.account, _hold_key(report), -report.release_bytes)
        if not await self._forget_some(report):
            return False
        await self._stores.shares.drop_report(report.id)
        await self._stores.documents.delete(COLLECTION, report.id)
        await self.tell_gone(report)
        await self._stores.jobs.cancel(JOB, report.id)
        return True

    async def _unpin_some(self, report: Report) -> int | None:
        """Unpin the next versions; the bytes that all of them counted once it was the last."""
        after, released = _progress(await self._stores.jobs.find(JOB, report.id))
        page = await self._stores.documents.page(
            VERSIONS, report.id, after=after, limit=VERSIONS_A_TURN
        )
        for version in map(read_version, page.items):
            if version.account != report.account:
                continue  # somebody else's claim of the id, which came to nothing
            await self._stores.blocks.unpin(CID.parse(version.root), name=report.pin_name)
            released += version.charged_bytes if report.has_committed(version) else 0
        if page.next is None:
            return released
        body: Body = {"after": page.next, "released": released}
        await self._stores.jobs.schedule(JOB, report.id, self._now(), body)
        return None

    async def _forget_some(self, report: Report) -> bool:
        """Forget the next versions; True when they were the last."""
        job = await self._stores.jobs.find(JOB, report.id)
        after = None if job is None else cast("str | None", job.body.get("forgotten"))
        page = await self._stores.documents.page(
            VERSIONS, report.id, after=after, limit=VERSIONS_A_TURN
        )
        for version in map(read_version, page.items):
            if version.account == report.account:
                await self._stores.documents.delete(VERSIONS, version.root)
        if page.next is None:
            return True
        await self._stores.jobs.schedule(JOB, report.id, self._now(), {"forgotten": page.next})
        return False

    async def tell_gone(self, report: Report) -> None:
        """Tell the account's devices that the report is gone."""
        change = Change(report.id, None, report.rev, deleted=True)
        await self._stores.changes.record(report.account, change)


def _hold_key(report: Report) -> str:
    return f"purge-{report.id}"


def _progress(job: Job | None) -> tuple[str | None, int]:
    if job is None or "after" not in job.body:
        return None, 0
    return cast("str", job.body["after"]), cast("int", job.body["released"])
