"""Committing reports by their roots, many at once, each standing or falling alone (docs/spec/10).

The order of the steps, and why nothing half-done is ever visible, stands in ``claims``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from hygieia.domain.changes import Change
from hygieia.domain.claims import CLEAN_UP_AFTER, Attempt
from hygieia.domain.commit_cleanup import JOB, clean_up
from hygieia.domain.inspection import MAX_MISSING_NAMED, inspect_all
from hygieia.domain.report_shape import ReportShape, inspect_report
from hygieia.domain.reports import (
    COLLECTION,
    Report,
    Stage,
    State,
    Version,
    pin_name,
    report_body,
    scope_of,
)
from hygieia.domain.shares import Share, Sharing, read_notes
from hygieia.errors import (
    BlockMissing,
    Conflict,
    DagRefused,
    Duplicate,
    HygieiaError,
    NotFound,
    QuotaExceeded,
    RecipientRefused,
)
from hygieia.ipld.cid import CID
from hygieia.openpgp.times import format_time, now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hygieia.documents.port import JSON, Body
    from hygieia.domain.account import Account
    from hygieia.domain.stores import Stores
    from hygieia.domain.uploads import Upload

_TOGETHER: Final = 32
"""Reports that take a step at once: the event loop turns to others in between."""

Outcome = Report | HygieiaError


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report to commit: the id its client made, the root, notes for readers beside the owner."""

    id: str
    root: CID
    shares: Sequence[str] = ()


@dataclass(slots=True)
class _Item:
    """One report on its way through the steps."""

    wanted: NewReport
    place: int
    shape: ReportShape | None = None
    shares: list[Share] = field(default_factory=list)
    outcome: Outcome | None = None


class Commits:
    """Commits new reports and new roots of old ones."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def create(
        self,
        caller: Account,
        upload: Upload,
        wanted: Sequence[NewReport],
        *,
        owner: str | None = None,
    ) -> list[Outcome]:
        """Commit new reports; each outcome is the report or what kept it out, in order.

        ``owner`` is the account that they are for, at whose room: the caller's own unless given.
        Whether the caller may is for whoever calls to have asked (``uploaders``).

        Outcomes: ``DagRefused``, ``EnvelopeRefused``, ``LimitExceeded``, ``BlockMissing`` (with the
        list), ``QuotaExceeded``, ``Duplicate`` (root or id), ``Conflict``, ``NotFound`` (an id that
        is not this account's to use), ``RecipientRefused`` and ``NoteRefused`` (readers and their
        notes do not match).
        """
        items = [_Item(report, place) for place, report in enumerate(wanted)]
        into = owner or upload.account
        _refuse_repeats(items)
        await self._inspect(into, items)
        await asyncio.to_thread(_read_shares, caller, items, for_another=into != caller.id)
        await self._hold_blocks(upload, items)
        attempt = Attempt()
        if await self._take_room(into, attempt, items):
            await self._commit(into, upload, attempt, items)
        return [_outcome(item) for item in items]

    async def _inspect(self, into: str, items: list[_Item]) -> None:
        room = await self._stores.quotas.room(into)
        open_items = [item for item in items if item.outcome is None]
        inspections = [inspect_report(item.wanted.root, room) for item in open_items]
        _take_results(open_items, await inspect_all(inspections, self._stores.facts))

    async def _hold_blocks(self, upload: Upload, items: list[_Item]) -> None:
        """Hold every block of the DAGs: from here on a sweep passes them by."""
        shapes = [item.shape for item in items if item.outcome is None and item.shape]
        cids = [cid for shape in shapes for cid in shape.cids]
        if not cids:
            return
        missing = set(
            await self._stores.blocks.missing(cids, holder=upload.holder, until=upload.expires)
        )
        if not missing:
            return
        for item in items:
            absent = [str(cid) for cid in item.shape.cids if cid in missing] if item.shape else []
            if absent and item.outcome is None:
                item.outcome = BlockMissing(
                    "Blocks are missing.", missing=absent[:MAX_MISSING_NAMED]
                )

    async def _take_room(self, into: str, attempt: Attempt, items: list[_Item]) -> bool:
        """Steps 1 and 2. Reports that no room is left for are refused, the others go on."""
        room = await self._stores.quotas.room(into)
        total = 0
        for item in items:
            if item.outcome is None and item.shape is not None:
                if total + item.shape.size_bytes > room:
                    item.outcome = QuotaExceeded("The account's space is used up.")
                else:
                    total += item.shape.size_bytes
        going = [item for item in items if item.outcome is None]
        if not going:
            return False
        await self._begin(into, attempt, going, total)
        return True

    async def _begin(
        self, account: str, attempt: Attempt, items: list[_Item], charged: int
    ) -> None:
        named: list[JSON] = [[item.wanted.id, str(item.wanted.root)] for item in items]
        body: Body = {"account": account, "items": named}
        await self._stores.jobs.schedule(JOB, attempt.id, now() + CLEAN_UP_AFTER, body)
        await self._stores.quotas.hold(account, attempt.hold_key, charged)

    async def _take_back(self, account: str, attempt: Attempt, items: list[_Item]) -> None:
        """Clean up at once after an attempt that is known to be over."""
        named = [(item.wanted.id, str(item.wanted.root)) for item in items]
        await clean_up(self._stores, account, attempt.id, named)
        await self._stores.jobs.cancel(JOB, attempt.id)

    async def _commit(
        self, into: str, upload: Upload, attempt: Attempt, items: list[_Item]
    ) -> None:
        """Steps 3 to 6 for all reports together."""
        going = [item for item in items if item.outcome is None]
        time = datetime.now(UTC)
        created = format_time(time)
        await self._each(items, lambda item: self._claim(into, attempt, item, created))
        await self._each(items, self._pin)
        attempt.require_time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        await self._each(items, lambda item: self._insert(into, item, created, stamp))
        done = [item.outcome for item in items if isinstance(item.outcome, Report)]
        for start in range(0, len(done), _TOGETHER):
            group = done[start : start + _TOGETHER]
            await asyncio.gather(*(self._tell(report) for report in group))
        for item in items:
            if item.shares and isinstance(item.outcome, Report) and item.shape is not None:
                await self._stores.shares.settle(item.wanted.id, 1, item.shape.packets)
        charged = sum(report.size_bytes for report in done)
        if len(done) < len(going):
            await self._take_back(into, attempt, going)
            await self._stores.quotas.take_upload(upload.account, upload.id, charged)
        else:
            await self._settle(into, upload, attempt, charged)

    async def _each(
        self, items: list[_Item], step: Callable[[_Item], Awaitable[Report | None]]
    ) -> None:
        """Do a step for every report still going; what refuses one leaves the others alone."""
        going = [item for item in items if item.outcome is None]
        for start in range(0, len(going), _TOGETHER):
            group = going[start : start + _TOGETHER]
            results = await asyncio.gather(*(step(item) for item in group), return_exceptions=True)
            for item, result in zip(group, results, strict=True):
                if isinstance(result, (Report, Duplicate, Conflict, NotFound)):
                    item.outcome = result
                elif isinstance(result, BaseException):
                    raise result

    async def _claim(self, into: str, attempt: Attempt, item: _Item, created: str) -> Report | None:
        shape = _shape_or_raise(item)
        await self._stores.claims.claim(
            Version(
                root=str(shape.root),
                document_rev=0,
                report=item.wanted.id,
                account=into,
                attempt=attempt.id,
                stage=Stage.CLAIMED,
                change="create",
                rev=1,
                size_bytes=shape.size_bytes,
                charged_bytes=shape.size_bytes,
                created=created,
            )
        )
        return None

    async def _pin(self, item: _Item) -> Report | None:
        await self._stores.blocks.pin(item.wanted.root, name=pin_name(item.wanted.id))
        return None

    async def _insert(self, into: str, item: _Item, created: str, stamp: str) -> Report | None:
        shape = _shape_or_raise(item)
        await self._stores.shares.offer(item.shares)
        root = str(shape.root)
        report = Report(
            id=item.wanted.id,
            rev=1,
            account=into,
            state=State.LIVE,
            root=root,
            first_root=root,
            size_bytes=shape.size_bytes,
            readers=len(shape.packets),
            data_payload=str(shape.data_payload.cid),
            data_payload_bytes=shape.data_payload_bytes,
            meta_payload=str(shape.meta_payload.cid),
            meta_payload_bytes=shape.meta_payload_bytes,
            created=created,
            changed=created,
        )
        try:
            document = await self._stores.documents.insert(
                COLLECTION,
                report.id,
                report_body(report),
                scope=scope_of(into, State.LIVE),
                sort=f"{stamp}-{item.place:04d}",
            )
        except Duplicate:
            existing = await self._stores.reports.find(report.id)
            if existing is not None and existing.account != into:
                raise NotFound("There is no such report.") from None
            raise Duplicate("A report with this id exists already.") from None
        return replace(report, rev=document.rev)

    async def _tell(self, report: Report) -> None:
        change = Change(report.id, report.root, report.rev, deleted=False)
        await self._stores.changes.record(report.account, change)

    async def _settle(self, into: str, upload: Upload, attempt: Attempt, charged: int) -> None:
        """Room taken becomes use, and the upload's share of it is no longer counted twice."""
        quotas = self._stores.quotas
        await quotas.settle(into, attempt.hold_key, charged)
        await asyncio.gather(
            quotas.take_upload(upload.account, upload.id, charged),
            self._stores.jobs.cancel(JOB, attempt.id),
        )


def _refuse_repeats(items: list[_Item]) -> None:
    """The same id or root twice in one request: the first one counts."""
    ids: set[str] = set()
    roots: set[CID] = set()
    for item in items:
        if item.wanted.id in ids or item.wanted.root in roots:
            item.outcome = Duplicate("The request names this report or root twice.")
        ids.add(item.wanted.id)
        roots.add(item.wanted.root)


def _take_results(items: list[_Item], results: list[ReportShape | HygieiaError]) -> None:
    for item, result in zip(items, results, strict=True):
        if isinstance(result, HygieiaError):
            item.outcome = result
        else:
            item.shape = result


def _read_shares(caller: Account, items: list[_Item], *, for_another: bool) -> None:
    for item in items:
        if item.outcome is not None or item.shape is None:
            continue
        sharing = Sharing(item.wanted.id, 1, caller.id, caller.certificate)
        try:
            item.shares = read_notes(
                item.wanted.shares, sharing, added=item.shape.packets, unnoted=1
            )
            if for_another:
                _require_author(item.shares)
        except HygieiaError as error:
            item.outcome = error


def _require_author(shares: Sequence[Share]) -> None:
    """What is stored for somebody else is encrypted to her and to its author, and nobody else."""
    if len(shares) != 1 or shares[0].reader != shares[0].sharer:
        raise RecipientRefused(
            "A report for somebody else has two recipients, the owner and its author."
        )


def _shape_or_raise(item: _Item) -> ReportShape:
    if isinstance(item.outcome, HygieiaError):
        raise item.outcome
    if item.shape is None:
        raise DagRefused("The report was not inspected.")
    return item.shape


def _outcome(item: _Item) -> Outcome:
    if item.outcome is None:
        raise DagRefused("The report was not committed.")
    return item.outcome
