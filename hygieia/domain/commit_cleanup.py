"""Cleaning up after a commit that died or was refused half-way: the other half of ``claims``.

For each root the attempt named: if the report came to have it, what was left undone is done; if
not, claim and pin are taken back. Room taken becomes just what was committed. All of it may be
repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hygieia.domain.changes import Change
from hygieia.domain.claims import is_committed
from hygieia.domain.inspection import inspect
from hygieia.domain.report_shape import inspect_packets
from hygieia.domain.reports import pin_name
from hygieia.ipld.cid import CID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.domain.reports import Report, Version
    from hygieia.domain.stores import Stores


JOB: Final = "clean-up-commit"


async def clean_up(
    stores: Stores, account: str, attempt: str, items: Sequence[tuple[str, str]]
) -> None:
    """Finish or take back each ``(report id, root)`` of ``attempt``, then settle its room."""
    committed_bytes = 0
    for report_id, root in items:
        version = await stores.reports.version(root)
        if version is None or version.report != report_id:
            continue  # never claimed
        if version.attempt == attempt:
            committed_bytes += await _finish_or_undo(stores, version)
        else:
            # Another attempt has taken it over, or it was committed long before: who takes the last
            # reader off leads the report back to it, and died before anybody was told.
            await _tell(stores, await stores.reports.find(report_id))
        await settle_shares(stores, report_id)
    await stores.quotas.settle(account, f"commit-{attempt}", committed_bytes)


async def tell_committed(stores: Stores, items: Sequence[tuple[str, str]]) -> None:
    """Tell of those roots that their reports have; the rest of ``clean_up`` waits for its time.

    That the attempt may be under way elsewhere does no harm: it tells the same.
    """
    for report_id, root in items:
        report = await stores.reports.find(report_id)
        if report is not None and report.root == root:
            await _tell(stores, report)
            await settle_shares(stores, report_id)


async def _finish_or_undo(stores: Stores, version: Version) -> int:
    """Returns the bytes that the version adds to the account's use."""
    report = await stores.reports.find(version.report)
    if report is not None and is_committed(report, version):
        await _tell(stores, report)
        return version.charged_bytes
    undoing = await stores.claims.begin_undo(version)
    if undoing is not None:
        await stores.blocks.unpin(CID.parse(version.root), name=pin_name(version.report))
        await stores.claims.finish_undo(undoing)
    return 0


async def _tell(stores: Stores, report: Report | None) -> None:
    if report is not None and report.is_visible:
        change = Change(report.id, report.root, report.rev, report.deleted is not None)
        await stores.changes.record(report.account, change)


async def settle_shares(stores: Stores, report_id: str) -> None:
    """Bring a report's share notes in line with the root that counts now."""
    if not (await stores.shares.of_report(report_id, after=None, limit=1)).items:
        return
    report = await stores.reports.find(report_id)
    if report is None or not report.is_visible:
        await stores.shares.drop_report(report_id)
        return
    packets = await inspect(inspect_packets(CID.parse(report.root)), stores.facts)
    await stores.shares.settle(report_id, report.rev, packets)
