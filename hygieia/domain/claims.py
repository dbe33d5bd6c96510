"""Claims: a root is being committed for a report, by one attempt at a time.

There is no transaction over block store and documents, so a commit is a row of steps, each durable
before the next, and the report's own document is the point at which it counts:

1. a job is scheduled that cleans up after this attempt should it die;
2. room is taken;
3. each root is claimed: a version document under the root's CID, stage ``CLAIMED``;
4. each root is pinned for its report;
5. each report's document is inserted or replaced: **now it is committed**;
6. the change is told to the cursor, room becomes use, the job is cancelled.

Killed before 5, nothing is visible, and the job takes claim and pin back; killed after, the job
does step 6. An attempt gives up before step 5 once ``ATTEMPT_SECONDS`` have passed, and the job is
due much later, so the two never meet (threat CL-08). Telling does no harm twice: a server does it at
its start for whatever was committed.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hygieia.domain.reports import VERSIONS, Report, Reports, Stage, Version, version_body
from hygieia.errors import Conflict, Duplicate, NotFound, StaleRevision, Unavailable

if TYPE_CHECKING:
    from hygieia.documents.port import DocumentStore

ATTEMPT_SECONDS: Final = 300
CLEAN_UP_AFTER: Final = timedelta(seconds=3 * ATTEMPT_SECONDS)
_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at committing something, with the time by which it must have counted."""

    id: str = field(default_factory=lambda: secrets.token_hex(16))
    deadline: float = field(default_factory=lambda: time.monotonic() + ATTEMPT_SECONDS)

    @property
    def hold_key(self) -> str:
        """The key under which it takes room."""
        return f"commit-{self.id}"

    def require_time(self) -> None:
        """Give up when it has taken so long that its clean-up may come. Raises ``Unavailable``."""
        if time.monotonic() > self.deadline:
            raise Unavailable("The commit took too long and was given up. Commit again.")


class Claims:
    """Version documents on their way to being committed."""

    def __init__(self, documents: DocumentStore, reports: Reports) -> None:
        self._documents = documents
        self._reports = reports

    async def claim(self, version: Version) -> Version:
        """Claim ``version.root``; a claim that an earlier attempt left behind is taken over.

        Raises:
            Duplicate: the root is committed, or being committed for another report.
            Conflict: what an earlier attempt left is just being cleaned up.
        """
        for _ in range(_TRIES):
            try:
                document = await self._documents.insert(
                    VERSIONS,
                    version.root,
                    version_body(version),
                    scope=version.report,
                    sort=version.sort,
                )
            except Duplicate:
                taken = await self._take_over(version)
                if taken is None:
                    continue
                return taken
            return replace(version, document_rev=document.rev)
        raise Conflict("This root is being committed by another request.")

    async def _take_over(self, version: Version) -> Version | None:
        existing = await self._reports.version(version.root)
        if existing is None:
            return None
        ours = (existing.report, existing.account) == (version.report, version.account)
        if not ours or existing.stage is Stage.COMMITTED:
            raise Duplicate("This root has been committed already.")
        if existing.stage is Stage.UNDOING:
            raise Conflict("An earlier commit of this root is being cleaned up: try again shortly.")
        report = await self._reports.find(version.report)
        if report is not None and report.has_committed(existing):
            raise Duplicate("This root has been committed already.")
        return await self._replace(existing, version)

    async def mark_committed(self, version: Version) -> Version | None:
        """Note that the version came to be its report's root. May be repeated.

        None when its claim has moved on meanwhile: another attempt took it over, or marked it.
        """
        if version.stage is Stage.COMMITTED:
            return version
        return await self._replace(version, replace(version, stage=Stage.COMMITTED))

    async def begin_drop(self, version: Version) -> Version | None:
        """Take a version that a re-key ended for dropping; None when somebody else has."""
        return await self._replace(version, replace(version, stage=Stage.DROPPED))

    async def begin_undo(self, version: Version) -> Version | None:
        """Take a dead claim for undoing; None when it has moved on meanwhile."""
        if version.stage is Stage.UNDOING:
            return version
        return await self._replace(version, replace(version, stage=Stage.UNDOING))

    async def finish_undo(self, version: Version) -> None:
        """Drop the claim: the root may be committed again."""
        await self._documents.delete(VERSIONS, version.root)

    async def _replace(self, old: Version, new: Version) -> Version | None:
        try:
            document = await self._documents.replace(
                VERSIONS,
                old.root,
                old.document_rev,
                version_body(new),
                sort=new.sort,
            )
        except (StaleRevision, NotFound):
            return None
        return replace(new, document_rev=document.rev)


def is_committed(report: Report | None, version: Version) -> bool:
    """Whether the claim reached step 5."""
    return report is not None and report.id == version.report and report.has_committed(version)
