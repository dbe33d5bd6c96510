"""Work that falls due: ends of uploads, purges, what a crash left half done.

A job is a document that says what must be done from some time on, written *before* the work that
makes it necessary. Whoever finishes in time cancels it; otherwise the sweeper does it. Doing a job
twice must be harmless, because a crash may come between the work and its cancellation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from hygieia.documents.port import Body
from hygieia.errors import Duplicate, NotFound, StaleRevision
from hygieia.openpgp.times import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hygieia.documents.port import JSON, Document, DocumentStore

COLLECTION: Final = "jobs"
SCOPE: Final = "due"


@dataclass(frozen=True, slots=True)
class Job:
    """Something due: of a ``kind``, about a ``subject``, with what it takes to do it."""

    kind: str
    subject: str
    body: Body
    rev: int

    @property
    def id(self) -> str:
        """The job's document id: one job of a kind for a subject at a time."""
        return _id(self.kind, self.subject)


class Jobs:
    """The list of jobs, in the order in which they fall due."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def schedule(
        self, kind: str, subject: str, at: datetime, body: Mapping[str, JSON] | None = None
    ) -> Job:
        """Have ``kind`` done to ``subject`` from ``at`` on. A second call moves the first."""
        job_id = _id(kind, subject)
        content: Body = {"kind": kind, "subject": subject, "body": dict(body or {})}
        sort = format_time(at)
        while True:
            try:
                return _read(
                    await self._documents.insert(
                        COLLECTION, job_id, content, scope=SCOPE, sort=sort
                    )
                )
            except Duplicate:
                existing = await self._documents.get(COLLECTION, job_id)
                if existing is None:
                    continue
                try:
                    return _read(
                        await self._documents.replace(
                            COLLECTION, job_id, existing.rev, content, sort=sort
                        )
                    )
                except (StaleRevision, NotFound):
                    continue

    async def cancel(self, kind: str, subject: str) -> None:
        """The work is done or no longer needed."""
        await self._documents.delete(COLLECTION, _id(kind, subject))

    async def find(self, kind: str, subject: str) -> Job | None:
        """The job of a kind for a subject, due or not."""
        document = await self._documents.get(COLLECTION, _id(kind, subject))
        return None if document is None else _read(document)

    async def finish(self, job: Job) -> None:
        """This very job is done; one scheduled anew meanwhile stays."""
        try:
            await self._documents.delete(COLLECTION, job.id, rev=job.rev)
        except StaleRevision:
            return

    async def due(self, at: datetime, limit: int) -> list[Job]:
        """Jobs due by ``at``, the oldest first."""
        page = await self._documents.page(COLLECTION, SCOPE, limit=limit)
        return [_read(item) for item in page.items if item.sort <= format_time(at)]

    async def postpone(self, job: Job, until: datetime) -> None:
        """Try again later: others come first meanwhile."""
        try:
            await self._documents.replace(
                COLLECTION, job.id, job.rev, _content(job), sort=format_time(until)
            )
        except (StaleRevision, NotFound):
            return


def _id(kind: str, subject: str) -> str:
    return f"{kind}.{subject}"


def _content(job: Job) -> Body:
    return {"kind": job.kind, "subject": job.subject, "body": job.body}


def _read(document: Document) -> Job:
    body = document.body
    return Job(
        kind=cast("str", body["kind"]),
        subject=cast("str", body["subject"]),
        body=cast("Body", body["body"]),
        rev=document.rev,
    )
