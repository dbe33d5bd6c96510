"""Reports: commit, list, change, versions, trash."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hygieia.domain.access import key_id_of
from hygieia.domain.activity import Event
from hygieia.domain.commits import NewReport
from hygieia.domain.report_changes import Changed, Wanted
from hygieia.domain.reports import Report, ReportPage, State
from hygieia.domain.shares import readers_named
from hygieia.errors import (
    AppendOnly,
    BlockMissing,
    Conflict,
    DagRefused,
    Duplicate,
    EnvelopeRefused,
    Forbidden,
    HygieiaError,
    LimitExceeded,
    NoteRefused,
    NotFound,
    QuotaExceeded,
    RecipientRefused,
    StaleRevision,
    StorageFull,
)
from hygieia.ipld.cid import CID
from hygieia.server.activity import record, record_fetched
from hygieia.server.api import Answer, Call, IfMatch, Routes
from hygieia.server.problems import problem_body
from hygieia.server.request_ids import REQUEST_ID
from hygieia.server.schemas.fields import Nothing, PageQuery, Problem
from hygieia.server.schemas.reports import (
    ChangeIn,
    ChangeOut,
    ChangesOut,
    CommitIn,
    CommitItem,
    CommitOut,
    ReportOut,
    ReportPath,
    ReportsOut,
    ReportsQuery,
    VersionOut,
    VersionsOut,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SHAPE_PROBLEMS = (BlockMissing, DagRefused, EnvelopeRefused, LimitExceeded)
SHARE_PROBLEMS = (AppendOnly, RecipientRefused, NoteRefused)

routes = Routes("reports")


@routes.add(
    "POST",
    "/api/v1/reports",
    CommitOut,
    status=201,
    other_statuses={207: "Some reports were not committed: see each outcome."},
    problems=(NotFound, Forbidden, QuotaExceeded, StorageFull),
)
async def commit_reports(call: Call, body: CommitIn) -> Answer:
    """Commit uploaded reports by their roots. Each stands or falls alone.

    The server checks that each DAG is complete and has exactly the shape of a report, pins it and
    enters it. A root that was committed before is a ``duplicate``; so is an id that is in use.

    With ``owner`` they are that person's: she must have let the caller store for her. Each then has
    exactly two recipients and one share note, of the caller's for the caller.
    """
    services = call.services
    upload = await services.uploads.get(call.caller.account_id, body.upload)
    wanted = [NewReport(item.id, CID.parse(item.root), item.shares) for item in body.reports]
    owner = await _owner(call, body.owner)
    outcomes = await services.commits.create(call.caller.account, upload, wanted, owner=owner)
    request_id = call.request[REQUEST_ID]
    items = [
        _commit_item(report.id, outcome, request_id)
        for report, outcome in zip(wanted, outcomes, strict=True)
    ]
    await _record_stored(call, wanted, outcomes)
    committed = sum(item.report is not None for item in items)
    if committed:
        await services.recent_checks.note(owner or call.caller.account_id)
    services.metrics.committed_reports.inc(committed)
    return Answer(CommitOut(reports=items), status=201 if committed == len(items) else 207)


@routes.add("GET", "/api/v1/reports", ReportsOut)
async def list_reports(call: Call, query: ReportsQuery) -> ReportsOut:
    """List reports, newest first, or those in the trash."""
    state = State.TRASH if query.trash else State.LIVE
    page = await call.services.stores.reports.page(
        call.caller.account_id, state=state, after=query.after, limit=query.limit
    )
    # A thousand of them are ten milliseconds: not on the event loop.
    return await asyncio.to_thread(_reports_out, page)


@routes.add("GET", "/api/v1/reports/{report}", ReportOut, problems=(NotFound,))
async def read_report(call: Call, path: ReportPath) -> ReportOut:
    """Read what the server knows of a report that is yours, or that somebody shares with you."""
    report = await call.services.stores.access.report(call.caller.account, path.report)
    await record_fetched(call, report)
    return _report_out(report)


@routes.add(
    "PUT",
    "/api/v1/reports/{report}",
    ReportOut,
    if_match=IfMatch.REQUIRED,
    problems=(
        *SHAPE_PROBLEMS,
        *SHARE_PROBLEMS,
        NotFound,
        Conflict,
        Duplicate,
        StaleRevision,
        QuotaExceeded,
    ),
)
async def change_report(call: Call, path: ReportPath, body: ChangeIn) -> ReportOut:
    """Give a report a new root: new content, new meta, other readers or a new session key.

    Whoever reads a report may add readers to it and change nothing else (``append-only``). Each
    recipient added has a share note, signed by the caller, that names its packet.
    """
    caller, services = call.caller, call.services
    await services.stores.access.report(caller.account, path.report)
    upload = await services.uploads.get(caller.account_id, body.upload)
    wanted = Wanted(
        path.report,
        call.rev,
        CID.parse(body.root),
        body.change,
        body.shares,
        [CID.parse(root) for root in body.earlier],
    )
    changed = await services.report_changes.change(caller.account, upload, wanted)
    await _record_changed(call, body.change, changed)
    await services.recent_checks.note(changed.report.account)
    return _report_out(changed.report)


@routes.add("GET", "/api/v1/reports/{report}/versions", VersionsOut, problems=(NotFound,))
async def list_versions(call: Call, path: ReportPath, query: PageQuery) -> VersionsOut:
    """List the roots committed for a report, newest first. They are kept until a re-key."""
    reports = call.services.stores.reports
    report = await reports.get(call.caller.account_id, path.report)
    page = await reports.versions(report, after=query.after, limit=query.limit)
    items = [
        VersionOut(
            root=version.root,
            rev=version.rev,
            created=version.created,
            change=version.change,
            size_bytes=version.size_bytes,
        )
        for version in page.items
    ]
    return VersionsOut(items=items, next=page.next)


@routes.add(
    "DELETE",
    "/api/v1/reports/{report}",
    ReportOut,
    if_match=IfMatch.OPTIONAL,
    problems=(NotFound, StaleRevision),
)
async def trash_report(call: Call, path: ReportPath) -> ReportOut:
    """Put a report in the trash, from which it is purged after 30 days."""
    report = await call.services.trash.put(call.caller.account_id, path.report, call.if_match)
    await record(call, Event.DELETED, reports=[report.id])
    return _report_out(report)


@routes.add(
    "POST",
    "/api/v1/reports/{report}/restore",
    ReportOut,
    if_match=IfMatch.OPTIONAL,
    problems=(NotFound, StaleRevision),
)
async def restore_report(call: Call, path: ReportPath, body: Nothing) -> ReportOut:
    """Take a report out of the trash."""
    report = await call.services.trash.restore(call.caller.account_id, path.report, call.if_match)
    await record(call, Event.RESTORED, reports=[report.id])
    return _report_out(report)


@routes.add("DELETE", "/api/v1/reports/{report}/purge", None, problems=(NotFound, Conflict))
async def purge_report(call: Call, path: ReportPath) -> None:
    """Purge a report that is in the trash, now and for good."""
    await call.services.trash.purge(call.caller.account_id, path.report)
    await record(call, Event.PURGED, reports=[path.report])


@routes.add("GET", "/api/v1/changes", ChangesOut)
async def list_changes(call: Call, query: PageQuery) -> ChangesOut:
    """List what changed since a cursor.

    Without ``after`` it begins at the beginning. Keep ``next`` and ask again with it: what lies
    near the end may be told twice, nothing is left out.
    """
    page = await call.services.stores.changes.page(call.caller.account_id, query.after, query.limit)
    items = [
        ChangeOut(report=change.report, root=change.root, rev=change.rev, deleted=change.deleted)
        for change in page.items
    ]
    waits = await call.services.inboxes.has_any(call.caller.account_id)
    return ChangesOut(items=items, next=page.next, more=page.more, inbox=waits)


async def _record_stored(
    call: Call, wanted: Sequence[NewReport], outcomes: Sequence[Report | HygieiaError]
) -> None:
    """Tell each owner's trail of the reports committed for her: one entry, however many."""
    owners: dict[str, list[str]] = {}
    people: list[str] = []
    for new, outcome in zip(wanted, outcomes, strict=True):
        if isinstance(outcome, Report):
            owners.setdefault(outcome.account, []).append(outcome.id)
            people += readers_named(new.shares)
    for owner, reports in owners.items():
        await record(call, Event.STORED, account=owner, reports=reports, people=people)


_EVENT_OF_CHANGE = {"update": Event.UPDATED, "edit": Event.EDITED, "rekey": Event.RE_KEYED}


async def _record_changed(call: Call, kind: str, changed: Changed) -> None:
    """Tell the owner's trail what became of her report, and who came to read it or was taken off."""
    report, added = changed.report, set(changed.added)
    events: list[tuple[Event, Sequence[str]]] = []
    if kind in _EVENT_OF_CHANGE:
        events.append((_EVENT_OF_CHANGE[kind], changed.added))
    elif added:
        events.append((Event.SHARED, changed.added))
    taken_off = [reader for reader in changed.dropped if reader not in added]
    if taken_off:
        events.append((Event.UNSHARED, taken_off))
    for event, people in events:
        await record(call, event, account=report.account, reports=[report.id], people=people)


async def _owner(call: Call, email: str | None) -> str | None:
    """The account to store for; None for the caller's own. Raises ``Forbidden``."""
    if email is None:
        return None
    caller, services = call.caller, call.services
    owner = await services.identity.directory.account_of(email)
    # One answer for who is not there and who did not allow it.
    if owner is None or not await services.uploaders.may(owner.id, await key_id_of(caller.account)):
        raise Forbidden(
            "This person has not let you store for them.",
            hint="Ask them: hygieia delegate YOUR-EMAIL --rights upload",
        )
    return owner.id


def _reports_out(page: ReportPage) -> ReportsOut:
    return ReportsOut(items=[_report_out(report) for report in page.items], next=page.next)


def _report_out(report: Report) -> ReportOut:
    return ReportOut(
        id=report.id,
        root=report.root,
        rev=report.rev,
        owner=report.account,
        created=report.created,
        changed=report.changed,
        deleted=report.deleted,
        size_bytes=report.size_bytes,
        readers=report.readers,
    )


def _commit_item(report_id: str, outcome: Report | HygieiaError, request_id: str) -> CommitItem:
    if isinstance(outcome, Report):
        return CommitItem(id=report_id, report=_report_out(outcome))
    problem = Problem.model_validate(problem_body(outcome, request_id))
    return CommitItem(id=report_id, error=problem)
