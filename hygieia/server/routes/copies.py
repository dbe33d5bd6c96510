"""Copies: where an account's reports are, and when that was last verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.errors import NotFound
from hygieia.server.api import Call, Routes
from hygieia.server.schemas.copies import (
    CopiesOut,
    CopiesPageOut,
    CopiesSummaryOut,
    NodeCopyOut,
)
from hygieia.server.schemas.fields import PageQuery
from hygieia.server.schemas.reports import ReportPath

if TYPE_CHECKING:
    from hygieia.domain.copies import Copies, Summary

routes = Routes("copies")


@routes.add("GET", "/api/v1/copies", CopiesPageOut)
async def list_copies(call: Call, query: PageQuery) -> CopiesPageOut:
    """List the copies of reports and of the index as last verified, what is short first.

    A report that no verification has seen yet is not in the list.
    """
    account, book = call.caller.account_id, call.services.verifier.book
    page = await book.page(account, after=query.after, limit=query.limit)
    return CopiesPageOut(
        summary=_summary_out(await book.summary(account)),
        items=[_copies_out(copies) for copies in page.items],
        next=page.next,
    )


@routes.add("GET", "/api/v1/reports/{report}/copies", CopiesOut, problems=(NotFound,))
async def read_copies(call: Call, path: ReportPath) -> CopiesOut:
    """Read where a report's copies are, and when that was last verified."""
    services = call.services
    report = await services.stores.reports.get(call.caller.account_id, path.report)
    copies = await services.verifier.book.get("report", report.id)
    if copies is not None and copies.root == report.root:
        return _copies_out(copies)
    return CopiesOut(
        kind="report",
        report=report.id,
        root=report.root,
        state="unchecked",
        copies=0,
        wanted=services.settings.wanted_copies,
        checked=None,
        nodes=[],
    )


def _copies_out(copies: Copies) -> CopiesOut:
    return CopiesOut(
        kind=copies.kind,
        report=copies.subject if copies.kind == "report" else None,
        root=copies.root,
        state="short" if copies.is_short else "safe",
        copies=copies.count,
        wanted=copies.wanted,
        checked=copies.checked,
        nodes=[
            NodeCopyOut(
                node=node.node,
                kind=node.kind,
                state=node.state,
                verified=node.verified,
                lacking=node.lacking,
            )
            for node in copies.nodes
        ],
    )


def _summary_out(summary: Summary | None) -> CopiesSummaryOut | None:
    if summary is None:
        return None
    return CopiesSummaryOut(
        reports=summary.reports,
        safe=summary.safe,
        short=summary.short,
        wanted=summary.wanted,
        checked=summary.checked,
    )
