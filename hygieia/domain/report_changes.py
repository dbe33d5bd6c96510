"""Giving a committed report a new root: new content, new labels, other readers.

The order of the steps, and why nothing half-done is ever visible, stands in ``claims``. Readers
are noted before the root that lets them read, and told after it (``shares``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hygieia.domain.changes import Change
from hygieia.domain.claims import CLEAN_UP_AFTER, Attempt
from hygieia.domain.commit_cleanup import JOB, clean_up, settle_shares
from hygieia.domain.dropping import JOB as DROP_JOB
from hygieia.domain.dropping import drop_versions
from hygieia.domain.inspection import MAX_MISSING_NAMED, inspect
from hygieia.domain.rekeying import inspect_earlier, require_new_packets
from hygieia.domain.report_shape import (
    ReportShape,
    inspect_packets,
    inspect_readers,
    inspect_report,
)
from hygieia.domain.reports import (
    ChangeKind,
    Report,
    Stage,
    State,
    Version,
)
from hygieia.domain.shares import Share, ShareState, Sharing, read_notes
from hygieia.errors import (
    AppendOnly,
    BlockMissing,
    Conflict,
    DagRefused,
    Duplicate,
    HygieiaError,
    InvalidInput,
    LimitExceeded,
    StaleRevision,
    Unavailable,
)
from hygieia.ipld.cid import CID
from hygieia.limits import MAX_HEADER_BYTES, MAX_PAGE_ITEMS
from hygieia.openpgp.times import format_time, now

if TYPE_CHECKING:
    from hygieia.documents.port import JSON, Body
    from hygieia.domain.account import Account
    from hygieia.domain.stores import Stores
    from hygieia.domain.uploads import Upload

MAX_ADDED_BYTES: Final = 16 << 20
"""What others than its owner may store by adding readers to a report: a thousand times a header
leaf of 100 readers."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change that a client asks for; ``shares`` are the notes for packets that it adds.

    ``earlier`` are the roots that a re-key issues again before ``root``, oldest first.
    """

    report: str
    rev: int
    root: CID
    kind: ChangeKind
    shares: Sequence[str] = ()
    earlier: Sequence[CID] = ()

    @property
    def roots(self) -> list[str]:
        """Every root that it commits, the new one last."""
        return [*map(str, self.earlier), str(self.root)]


@dataclass(frozen=True, slots=True)
class Changed:
    """A changed report, and the key ids of those who came to read it or were taken off."""

    report: Report
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Checked:
    """A change found sound: what it adds, and the room that it takes."""

    shape: ReportShape
    earlier: list[ReportShape]
    shares: list[Share]
    new_bytes: int
    charged: int
    added_bytes: int
    known: Version | None

    @property
    def charged_in_all(self) -> int:
        """What the new root and those issued again take together."""
        return self.charged + sum(shape.size_bytes for shape in self.earlier)


class ReportChanges:
    """Changes to reports, by their owners, and of readers by whoever reads them."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def change(self, caller: Account, upload: Upload, wanted: Wanted) -> Changed:
        """Give a report a new root.

        Raises:
            NotFound: no such report, or not one that the caller owns or reads.
            StaleRevision: ``rev`` is not the current one.
            Conflict: the report is in the trash.
            AppendOnly: somebody who is not the owner does more than add readers.
            RecipientRefused, NoteRefused: packets added and share notes do not match.
            DagRefused, EnvelopeRefused, LimitExceeded, BlockMissing, QuotaExceeded, Duplicate: as
                ``Commits.create``.
            InvalidInput: earlier revisions come with another change than a re-key.
        """
        report = await self._readable(caller, wanted)
        checked = await self._check(caller, upload, report, wanted)
        for shape in (checked.shape, *checked.earlier):
            await self._hold_blocks(upload, shape)
        attempt = Attempt()
        await self._begin(upload.account, attempt, wanted, checked.charged_in_all)
        try:
            await self._stores.shares.offer(checked.shares)
            changed, moved_on = await self._replace_root(attempt, report, wanted, checked)
        except Unavailable:
            raise  # the change may be made yet, or was: the job finds out once it cannot any more
        except HygieiaError:
            await self._take_back(upload.account, attempt, wanted)
            raise
        await self._settle(upload, attempt, checked, moved_on)
        return changed

    async def _readable(self, caller: Account, wanted: Wanted) -> Report:
        report = await self._stores.access.report(caller, wanted.report)
        if report.account != caller.id and wanted.kind != "readers":
            raise AppendOnly("Only the owner of a report can change more than who else reads it.")
        if report.rev != wanted.rev:
            if report.root == str(wanted.root):
                # Made already, its answer lost in a crash: whoever asks again takes it for done,
                # so neither the list of changes nor who reads it must lag behind until the job
                # finds out.
                await self._tell(report)
                await settle_shares(self._stores, report.id)
            raise StaleRevision("The report was changed meanwhile: read it again.")
        if report.state is State.TRASH:
            raise Conflict("The report is in the trash: restore it first.")
        return report

    async def _check(
        self, caller: Account, upload: Upload, report: Report, wanted: Wanted
    ) -> _Checked:
        stores = self._stores
        if wanted.earlier and wanted.kind != "rekey":
            raise InvalidInput("Only a re-key issues earlier revisions again.")
        if str(wanted.root) == report.root:
            raise Duplicate("This root has been committed already.")
        most = await stores.quotas.room(upload.account) + report.size_bytes
        shape = await self._inspect(report, wanted, most)
        before = await inspect(inspect_packets(CID.parse(report.root)), stores.facts)
        shared_bytes = _shared_bytes(report, shape, wanted.kind)
        if report.account != caller.id and not before < shape.packets:
            # Nor put them in another order: each root stays pinned, and none would be the last.
            raise AppendOnly(
                "Somebody who is not the owner of a report can only add readers to it."
            )
        earlier: list[ReportShape] = []
        if wanted.kind == "rekey":
            require_new_packets(shape, before)
            earlier = await inspect_earlier(stores, report, shape, wanted.earlier, most)
        # A new session key comes with a new content payload, and a packet of the owner's own.
        new_key = str(shape.data_payload.cid) != report.data_payload
        shares = await asyncio.to_thread(
            read_notes,
            wanted.shares,
            Sharing(report.id, report.rev + 1, caller.id, caller.certificate),
            added=shape.packets - before,
            unnoted=1 if new_key else 0,
        )
        new_bytes = shape.size_bytes - shared_bytes
        known = await self._earlier(report, wanted)
        stored = new_bytes if known is None else 0
        if report.account == caller.id:
            return _Checked(shape, earlier, shares, new_bytes, stored, 0, known)
        _require_room_for_added(report, stored)
        return _Checked(shape, earlier, shares, new_bytes, 0, stored, known)

    async def _inspect(self, report: Report, wanted: Wanted, most_bytes: int) -> ReportShape:
        """The shape of what is wanted, at most so many bytes; other readers alone cost no walk."""
        if wanted.kind == "readers":
            most_bytes = report.size_bytes + MAX_HEADER_BYTES
            inspection = inspect_readers(wanted.root, CID.parse(report.root), most_bytes)
        else:
            inspection = inspect_report(wanted.root, most_bytes)
        return await inspect(inspection, self._stores.facts)

    async def _earlier(self, report: Report, wanted: Wanted) -> Version | None:
        """The version that had this root before: taking the last reader off leads back to it."""
        version = await self._stores.reports.version(str(wanted.root))
        if wanted.kind != "readers" or version is None or version.report != report.id:
            return None
        return version if report.has_committed(version) else None

    async def _hold_blocks(self, upload: Upload, shape: ReportShape) -> None:
        """Hold every new block of the DAG: from here on a sweep passes them by."""
        absent = await self._stores.blocks.missing(
            list(shape.cids), holder=upload.holder, until=upload.expires
        )
        if absent:
            named = [str(cid) for cid in absent][:MAX_MISSING_NAMED]
            raise BlockMissing("Blocks are missing.", missing=named)

    async def _begin(self, account: str, attempt: Attempt, wanted: Wanted, charged: int) -> None:
        items: list[JSON] = [[wanted.report, root] for root in wanted.roots]
        body: Body = {"account": account, "items": items}
        await self._stores.jobs.schedule(JOB, attempt.id, now() + CLEAN_UP_AFTER, body)
        await self._stores.quotas.hold(account, attempt.hold_key, charged)

    async def _take_back(self, account: str, attempt: Attempt, wanted: Wanted) -> None:
        """Clean up at once after an attempt that is known to be over."""
        items = [(wanted.report, root) for root in wanted.roots]
        await clean_up(self._stores, account, attempt.id, items)
        await self._stores.jobs.cancel(JOB, attempt.id)

    async def _replace_root(
        self, attempt: Attempt, report: Report, wanted: Wanted, checked: _Checked
    ) -> tuple[Changed, Sequence[Version]]:
        """Steps 3 to 6; also the versions whose claims were no longer this attempt's to mark."""
        stores = self._stores
        # The current root's claim may still await its mark, if a crash came in between; once this
        # change has gone through, the report no longer tells that it was committed.
        await self._mark(report)
        created = format_time(now())
        claimed = [
            await stores.claims.claim(version)
            for version in _earlier_versions(attempt, report, wanted, checked, created)
        ]
        claimed.append(
            checked.known
            or await stores.claims.claim(_version(attempt, report, wanted, checked, created))
        )
        for shape in checked.earlier:
            await stores.blocks.pin(shape.root, name=report.pin_name)
        await stores.blocks.update_pin(
            CID.parse(report.root), wanted.root, name=report.pin_name, keep_old=True
        )
        if wanted.kind == "rekey":
            # The job first, as what nothing drops would stay for ever. It looks before it acts.
            await stores.jobs.schedule(DROP_JOB, report.id, now() + CLEAN_UP_AFTER)
        attempt.require_time()
        changed = await stores.reports.replace(_with_root(report, checked, created, wanted.kind))
        moved_on, _, ended = await asyncio.gather(
            self._mark_all(claimed),
            self._tell(changed),
            stores.shares.settle(changed.id, changed.rev, checked.shape.packets),
        )
        if wanted.kind == "rekey":
            await self._drop(changed)
        added = tuple(share.reader for share in checked.shares)
        dropped = tuple(share.reader for share in ended if share.state is ShareState.LIVE)
        return Changed(changed, added, dropped), moved_on

    async def _tell(self, report: Report) -> None:
        change = Change(report.id, report.root, report.rev, report.deleted is not None)
        await self._stores.changes.record(report.account, change)

    async def _mark(self, report: Report) -> None:
        """Note of the report's current root, and of what came with it, that it was committed."""
        current = await self._stores.reports.version(report.root)
        if current is None or current.stage is Stage.COMMITTED:
            return
        page = await self._stores.reports.versions(report, after=None, limit=MAX_PAGE_ITEMS)
        issued = [version for version in page.items if version.before == report.root]
        await self._mark_all([*issued, current])

    async def _mark_all(self, versions: Sequence[Version]) -> Sequence[Version]:
        # The root itself last: once it is marked, nobody looks at what was issued before it.
        marks = [await self._stores.claims.mark_committed(version) for version in versions]
        return [version for version, mark in zip(versions, marks, strict=True) if mark is None]

    async def _drop(self, report: Report) -> None:
        """Begin to drop what the re-key ended; the job goes on with what is left."""
        if await drop_versions(self._stores, report):
            await self._stores.jobs.cancel(DROP_JOB, report.id)
        else:
            await self._stores.jobs.schedule(DROP_JOB, report.id, now())

    async def _settle(
        self, upload: Upload, attempt: Attempt, checked: _Checked, moved_on: Sequence[Version]
    ) -> None:
        """Room taken becomes use, and the upload's share of it is no longer counted twice."""
        quotas = self._stores.quotas
        charged = checked.charged_in_all
        for version in moved_on:
            there = await self._stores.reports.version(version.root)
            was_ours = version.attempt == attempt.id
            if was_ours and there is not None and there.attempt != attempt.id:
                # The same change, repeated meanwhile, took the claim over: its clean-up finds the
                # root committed, and charges for it. What another account is charged for more
                # takes nothing off what this one uses already.
                charged -= min(version.charged_bytes, there.charged_bytes)
        await quotas.settle(upload.account, attempt.hold_key, charged)
        await asyncio.gather(
            quotas.take_upload(upload.account, upload.id, checked.new_bytes),
            self._stores.jobs.cancel(JOB, attempt.id),
        )


def _version(
    attempt: Attempt, report: Report, wanted: Wanted, checked: _Checked, created: str
) -> Version:
    return Version(
        root=str(wanted.root),
        document_rev=0,
        report=report.id,
        account=report.account,
        attempt=attempt.id,
        stage=Stage.CLAIMED,
        change=wanted.kind,
        rev=report.rev + 1,
        size_bytes=checked.shape.size_bytes,
        charged_bytes=checked.charged,
        created=created,
    )


def _earlier_versions(
    attempt: Attempt, report: Report, wanted: Wanted, checked: _Checked, created: str
) -> list[Version]:
    newest = _version(attempt, report, wanted, checked, created)
    return [
        replace(
            newest,
            root=str(shape.root),
            size_bytes=shape.size_bytes,
            charged_bytes=shape.size_bytes,
            before=newest.root,
            place=place,
        )
        for place, shape in enumerate(checked.earlier)
    ]


def _with_root(report: Report, checked: _Checked, created: str, kind: ChangeKind) -> Report:
    shape = checked.shape
    if kind == "rekey":
        kept_from = report.rev + 1
        report = replace(report, first_root=str(shape.root), kept_from=kept_from, added_bytes=0)
    return replace(
        report,
        added_bytes=report.added_bytes + checked.added_bytes,
        root=str(shape.root),
        size_bytes=shape.size_bytes,
        readers=len(shape.packets),
        data_payload=str(shape.data_payload.cid),
        data_payload_bytes=shape.data_payload_bytes,
        meta_payload=str(shape.meta_payload.cid),
        meta_payload_bytes=shape.meta_payload_bytes,
        changed=created,
    )


def _require_room_for_added(report: Report, stored_bytes: int) -> None:
    """Raises LimitExceeded where a reader may add no more.

    What a reader adds is charged to nobody: she has no room here, and the owner did not ask for it.
    So there is an end to it, however often the owner takes readers off again.
    """
    if report.added_bytes + stored_bytes > MAX_ADDED_BYTES:
        raise LimitExceeded(
            "Others have added readers to this report as often as they may.",
            hint="Ask its owner to add them. Once she re-keys it, others may again.",
        )


def _shared_bytes(report: Report, shape: ReportShape, kind: ChangeKind) -> int:
    """Bytes that the new root shares with the current one; checks that ``kind`` is true."""
    same_data = str(shape.data_payload.cid) == report.data_payload
    same_meta = str(shape.meta_payload.cid) == report.meta_payload
    expected = {"edit": (True, False), "readers": (True, True)}.get(kind, (False, False))
    if (same_data, same_meta) != expected:
        raise DagRefused(f"The new root's payloads are not those of a change of kind {kind}.")
    shared = shape.data_payload_bytes if same_data else 0
    return shared + (shape.meta_payload_bytes if same_meta else 0)
