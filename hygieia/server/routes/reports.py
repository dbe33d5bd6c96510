"""Reports: commit, list, change, versions, trash."""

from __future__ import annotations

from hygieia.errors import (
    BlockMissing,
    Conflict,
    DagRefused,
    Duplicate,
    EnvelopeRefused,
    LimitExceeded,
    NotFound,
    QuotaExceeded,
    StaleRevision,
    StorageFull,
    Unavailable,
)
from hygieia.server.api import Answer, Call, IfMatch, Routes
from hygieia.server.schemas.fields import Nothing, PageQuery
from hygieia.server.schemas.reports import (
    ChangeIn,
    ChangesOut,
    CommitIn,
    CommitOut,
    ReportOut,
    ReportPath,
    ReportsOut,
    ReportsQuery,
    VersionsOut,
)

SHAPE_PROBLEMS = (BlockMissing, DagRefused, EnvelopeRefused, LimitExceeded)

routes = Routes("reports")


@routes.add(
    "POST",
    "/api/v1/reports",
    CommitOut,
    status=201,
    other_statuses={207: "Some reports were not committed: see each outcome."},
    repeatable=True,
    problems=(NotFound, QuotaExceeded, StorageFull),
)
async def commit_reports(call: Call, body: CommitIn) -> Answer:
    """Commit uploaded reports by their roots. Each stands or falls alone.

    The server checks that each DAG is complete and has exactly the shape of a report, pins it and
    enters it. A root that was committed before is a ``duplicate``; so is an id that is in use.
    """
    raise Unavailable("Not yet.")


@routes.add("GET", "/api/v1/reports", ReportsOut)
async def list_reports(call: Call, query: ReportsQuery) -> ReportsOut:
    """List reports, newest first, or those in the trash."""
    raise Unavailable("Not yet.")


@routes.add("GET", "/api/v1/reports/{report}", ReportOut, problems=(NotFound,))
async def read_report(call: Call, path: ReportPath) -> ReportOut:
    """Read what the server knows of a report."""
    raise Unavailable("Not yet.")


@routes.add(
    "PUT",
    "/api/v1/reports/{report}",
    ReportOut,
    if_match=IfMatch.REQUIRED,
    repeatable=True,
    problems=(*SHAPE_PROBLEMS, NotFound, Conflict, Duplicate, StaleRevision, QuotaExceeded),
)
async def change_report(call: Call, path: ReportPath, body: ChangeIn) -> ReportOut:
    """Give a report a new root: new content, new meta or other readers."""
    raise Unavailable("Not yet.")


@routes.add("GET", "/api/v1/reports/{report}/versions", VersionsOut, problems=(NotFound,))
async def list_versions(call: Call, path: ReportPath, query: PageQuery) -> VersionsOut:
    """List the roots committed for a report, newest first. All of them are kept."""
    raise Unavailable("Not yet.")


@routes.add(
    "DELETE",
    "/api/v1/reports/{report}",
    ReportOut,
    if_match=IfMatch.OPTIONAL,
    problems=(NotFound, StaleRevision),
)
async def trash_report(call: Call, path: ReportPath) -> ReportOut:
    """Put a report in the trash, from which it is purged after 30 days."""
    raise Unavailable("Not yet.")


@routes.add(
    "POST",
    "/api/v1/reports/{report}/restore",
    ReportOut,
    if_match=IfMatch.OPTIONAL,
    problems=(NotFound, StaleRevision),
)
async def restore_report(call: Call, path: ReportPath, body: Nothing) -> ReportOut:
    """Take a report out of the trash."""
    raise Unavailable("Not yet.")


@routes.add("DELETE", "/api/v1/reports/{report}/purge", None, problems=(NotFound, Conflict))
async def purge_report(call: Call, path: ReportPath) -> None:
    """Purge a report that is in the trash, now and for good."""
    raise Unavailable("Not yet.")


@routes.add("GET", "/api/v1/changes", ChangesOut)
async def list_changes(call: Call, query: PageQuery) -> ChangesOut:
    """List what changed since a cursor.

    Without ``after`` it begins at the beginning. Keep ``next`` and ask again with it: what lies
    near the end may be told twice, nothing is left out.
    """
    raise Unavailable("Not yet.")
