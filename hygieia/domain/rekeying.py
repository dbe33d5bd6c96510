"""What a re-key brings beside its new root: revisions issued again (docs/spec/19, §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.domain.inspection import inspect
from hygieia.domain.report_shape import ReportShape, inspect_report
from hygieia.errors import DagRefused, RecipientRefused
from hygieia.ipld.cid import CID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.domain.reports import Report
    from hygieia.domain.stores import Stores


async def inspect_earlier(
    stores: Stores, report: Report, newest: ReportShape, roots: Sequence[CID], room_bytes: int
) -> list[ReportShape]:
    """The revisions issued again with ``newest``, oldest first; all fit in ``room_bytes``.

    Raises ``DagRefused`` for another shape, or a payload that is the current root's or another
    root's of the request: each revision has a session key of its own, so it shares nothing.
    ``RecipientRefused`` where somebody besides the owner is a recipient.
    """
    taken = {CID.parse(report.data_payload), CID.parse(report.meta_payload)}
    _take_payloads(newest, taken)
    room_bytes -= newest.size_bytes
    shapes: list[ReportShape] = []
    for root in roots:
        shape = await inspect(inspect_report(root, room_bytes), stores.facts)
        if len(shape.packets) != 1:
            raise RecipientRefused("A revision that is issued again is for its owner alone.")
        _take_payloads(shape, taken)
        room_bytes -= shape.size_bytes
        shapes.append(shape)
    return shapes


def _take_payloads(shape: ReportShape, taken: set[CID]) -> None:
    payloads = {shape.data_payload.cid, shape.meta_payload.cid}
    if payloads & taken or len(payloads) < 2:
        raise DagRefused("Each revision of a re-key has payloads of its own.")
    taken |= payloads


def require_new_packets(newest: ReportShape, before: frozenset[str]) -> None:
    """A new session key comes with new packets alone. Raises ``RecipientRefused``."""
    if newest.packets & before:
        raise RecipientRefused("A re-key wraps its session key anew: no packet stays.")
