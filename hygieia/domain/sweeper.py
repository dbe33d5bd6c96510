"""Background work: due jobs, expired documents, blocks that nothing keeps.

Any number of servers may run a sweeper; leases give each piece to one at a time. A job that fails
is put off, so that one broken thing does not hold up the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from hygieia.domain import commit_cleanup, dropping, inbox, index, purging, trash, uploads
from hygieia.domain.accounts import Accounts
from hygieia.domain.claims import CLEAN_UP_AFTER
from hygieia.domain.commit_cleanup import clean_up, tell_committed
from hygieia.domain.copies import CopyBook
from hygieia.domain.uploaders import Uploaders
from hygieia.errors import Conflict, Failed, HygieiaError
from hygieia.openpgp.times import now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from hygieia.domain.jobs import Job
    from hygieia.domain.leases import Leases
    from hygieia.domain.stores import Stores

DROP_ACCOUNT_JOB: Final = "drop-account"
DROP_AGAIN_AFTER: Final = timedelta(hours=1)
PUT_OFF: Final = timedelta(minutes=5)
LEASE_SECONDS: Final = 600
_JOBS_AT_ONCE: Final = 100
_COMMITS_AT_START: Final = 1000
_EXPIRED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one round did."""

    jobs: int = 0
    failed_jobs: tuple[tuple[str, str], ...] = ()
    expired: int = 0
    blocks: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules whose jobs the sweeper does."""

    uploads: uploads.Uploads
    trash: trash.Trash
    indexes: index.Indexes
    accounts: Accounts
    inboxes: inbox.Inboxes
    uploaders: Uploaders


class Sweeper:
    """Does what is due."""

    def __init__(
        self,
        stores: Stores,
        rules: Rules,
        leases: Leases,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._now = clock
        self._stores = stores
        self._rules = rules
        self._leases = leases
        self._does: dict[str, Callable[[Job], Awaitable[None]]] = {
            uploads.JOB: self._end_upload,
            commit_cleanup.JOB: self._clean_up_commit,
            purging.JOB: self._purge_report,
            dropping.JOB: self._drop_versions,
            index.JOB: self._clean_up_index,
            index.KIT_JOB: self._release_kept,
            inbox.JOB: rules.inboxes.clean_up,
            DROP_ACCOUNT_JOB: self._drop_account,
        }

    async def tell_of_commits(self) -> None:
        """Tell at a start of what a killed server had committed and told nobody.

        Its clean-up is due a quarter of an hour later. Until then whoever came to read a report
        would not find it, and its owner would take the header that she wrote for an old one.
        """
        for job in await self._stores.jobs.due(self._now() + CLEAN_UP_AFTER, _COMMITS_AT_START):
            if job.kind == commit_cleanup.JOB:
                await tell_committed(self._stores, _items(job))

    async def sweep(self) -> Sweep:
        """One whole round: jobs, deleted accounts, expired documents, then blocks."""
        done = await self.do_jobs()
        failed = done.failed_jobs + await self._finish_deletions()
        expired = await self._purge_expired()
        async with self._leases.claim("sweep-blocks", LEASE_SECONDS) as ours:
            if not ours:
                return Sweep(done.jobs, failed, expired)
            try:
                swept = await self._stores.blocks.sweep()
            except Conflict:
                return Sweep(done.jobs, failed, expired)
        return Sweep(done.jobs, failed, expired, swept.blocks, swept.size_bytes)

    async def do_jobs(self) -> Sweep:
        """Do every job that is due now, the oldest first."""
        done = 0
        failed: list[tuple[str, str]] = []
        async with self._leases.claim("jobs", LEASE_SECONDS) as ours:
            started = self._now()
            while ours and self._now() < started + timedelta(seconds=LEASE_SECONDS // 2):
                due = await self._stores.jobs.due(self._now(), _JOBS_AT_ONCE)
                if not due:
                    break
                for job in due:
                    error = await self._do(job)
                    done += 1
                    if error is not None:
                        failed.append((job.kind, error.code))
        return Sweep(done, tuple(failed))

    async def _do(self, job: Job) -> HygieiaError | None:
        try:
            await self._does.get(job.kind, _refuse_kind)(job)
        except HygieiaError as error:
            await self._stores.jobs.postpone(job, self._now() + PUT_OFF)
            return error
        except Exception as error:  # noqa: BLE001  (one job's defect must not stop all the others)
            await self._stores.jobs.postpone(job, self._now() + PUT_OFF)
            return Failed(f"A defect stopped a job ({type(error).__name__}).")
        await self._stores.jobs.finish(job)
        return None

    async def _purge_expired(self) -> int:
        purged = 0
        while True:
            count = await self._stores.documents.purge_expired(self._now(), _EXPIRED_AT_ONCE)
            purged += count
            if count < _EXPIRED_AT_ONCE:
                return purged

    async def _end_upload(self, job: Job) -> None:
        await self._rules.uploads.let_go(cast("str", job.body["account"]), job.subject)

    async def _clean_up_commit(self, job: Job) -> None:
        await clean_up(self._stores, cast("str", job.body["account"]), job.subject, _items(job))

    async def _purge_report(self, job: Job) -> None:
        await self._rules.trash.purge_if_due(job.subject)

    async def _drop_versions(self, job: Job) -> None:
        report = await self._stores.reports.find(job.subject)
        if report is not None and not await dropping.drop_versions(self._stores, report):
            await self._stores.jobs.schedule(dropping.JOB, job.subject, self._now())

    async def _clean_up_index(self, job: Job) -> None:
        roots = cast("list[str]", job.body["roots"])
        await self._rules.indexes.clean_up(cast("str", job.body["account"]), roots)

    async def _release_kept(self, job: Job) -> None:
        await self._rules.trash.release_kept(job.subject)

    async def _drop_account(self, job: Job) -> None:
        if await self._rules.accounts.exists(job.subject):
            return
        if not await self._remove_belongings(job.subject):
            await self._stores.jobs.schedule(DROP_ACCOUNT_JOB, job.subject, self._now())

    async def _finish_deletions(self) -> tuple[tuple[str, str], ...]:
        """Empty deleted accounts; one that cannot be yet must not hold up what comes after."""
        async with self._leases.claim("deletions", LEASE_SECONDS) as ours:
            ends = self._now() + timedelta(seconds=LEASE_SECONDS // 2)
            try:
                if ours:
                    await self._rules.accounts.finish_deletions(
                        self._drop_twice, lambda: self._now() < ends
                    )
            except HygieiaError as error:
                return ((DROP_ACCOUNT_JOB, error.code),)
        return ()

    async def _drop_twice(self, account: str) -> bool:
        """Remove what an account has, and look again later: a commit may have been under way."""
        await self._stores.jobs.schedule(DROP_ACCOUNT_JOB, account, self._now() + DROP_AGAIN_AFTER)
        return await self._remove_belongings(account)

    async def _remove_belongings(self, account: str) -> bool:
        """A turn at it; True when nothing is left."""
        await self._rules.uploads.drop_account(account)
        if not await self._rules.trash.drop_account(account):
            return False
        await self._rules.indexes.forget(account)
        if not await self._stores.changes.drop_account(account):
            return False
        if not await self._stores.activity.drop_account(account):
            return False
        await self._rules.inboxes.drop_account(account)
        await self._rules.uploaders.drop_account(account)
        await self._stores.quotas.drop(account)
        await CopyBook(self._stores.documents).drop_account(account)
        return True


def _items(job: Job) -> list[tuple[str, str]]:
    """The report ids and roots that an attempt to commit named."""
    items = cast("list[list[str]]", job.body["items"])
    return [(report, root) for report, root in items]


async def _refuse_kind(_job: Job) -> None:
    raise Failed("A job is of a kind that this version does not know.")
