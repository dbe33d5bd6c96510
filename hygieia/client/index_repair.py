"""Finds what was committed but is not in the index, and enters it (docs/spec/13).

A crash between commit and index, another device that never came to its index, someone who
uploaded for this user: the server's list of changes names such reports. It is only a hint. What
it names is entered if the report's own signed meta verifies and the rules of the index allow it;
what it leaves out, no index would show anyway.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from hygieia.client import answers
from hygieia.client.index_sync import IndexSync, Refused, TakenOff
from hygieia.client.readers import readers_of
from hygieia.client.replayed import changed_packets, refuse_added
from hygieia.errors import IntegrityError, InvalidInput, KeyMismatch, NoteRefused, NotFound
from hygieia.ipld.cid import CID
from hygieia.limits import TRASH_DAYS
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.times import format_time, now, parse_time
from hygieia.recovery.driving import read_from
from hygieia.vault import words
from hygieia.vault.delegations import Delegations
from hygieia.vault.index import Change, Purge, Purged, PutReport, SetCursor, SetDeleted
from hygieia.vault.report import Expected, Report, UploadRight
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_read import read_report
from hygieia.vault.share_note import Readers
from hygieia.vault.sharing import own_packets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hygieia.errors import HygieiaError
    from hygieia.vault.people import People
    from hygieia.vault.report_meta import ReportMeta

_PAGE_ITEMS: Final = 500
# A hostile server may list changes for ever; what is left is read the next time.
_MOST_PAGES: Final = 200
# A cursor alone is worth a new index only when the next reading would be long without it.
_SKIPPED_WORTH_A_CURSOR: Final = 1000
# One that is refused was read first: after a lost key that may be all that there was.
_SKIPPED_FOR_EACH_REFUSED: Final = 10


@dataclass(slots=True)
class Repaired:
    """What a repair did: the entries it made or renewed, and what it refused."""

    entered: list[ReportEntry] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    taken_off: list[TakenOff] = field(default_factory=list)


async def repair(
    sync: IndexSync, remember: Callable[[Sequence[ReportEntry]], object] | None = None
) -> Repaired:
    """Read the server's changes since the index's cursor and enter what is missing.

    ``remember`` is told what is about to be entered: once it is, no later call finds it, whatever
    becomes of this one. Raises ``Unreachable`` and what ``IndexSync.change`` raises; a report that
    does not verify is in ``refused`` and stops nothing.
    """
    done = Repaired()
    people = await asyncio.to_thread(sync.state.people, sync.key.certificate)
    changes: list[Change] = []
    cursor = settled = sync.state.note.cursor
    skipped, pages, more = 0, 0, True
    while more:
        query: dict[str, str | int] = {"limit": _PAGE_ITEMS}
        if cursor is not None:
            query["after"] = cursor
        page = (await sync.transport.call("GET", "/changes", query=query)).document
        sync.inbox_waits = page.get("inbox") is True
        for item in answers.parts(page, "items"):
            found = await _change_for(sync, people, item, done)
            changes += found
            skipped += not found
        after = answers.text(page, "next")
        pages += 1
        more = bool(page.get("more")) and after != cursor and pages < _MOST_PAGES
        cursor = after
        if not any(_may_pass(each.error) for each in done.refused):
            settled = cursor
    skipped += _SKIPPED_FOR_EACH_REFUSED * len(done.refused)
    if changes or skipped > _SKIPPED_WORTH_A_CURSOR:
        if settled is not None:
            changes.append(SetCursor(settled))
        if remember is not None and done.entered:
            remember(done.entered)
        await sync.change(changes)
    sync.refused, sync.taken_off = tuple(done.refused), tuple(done.taken_off)
    return done


async def enter(sync: IndexSync, report_id: str, root: str) -> None:
    """Enter a later revision of a report before the server's list of changes names it.

    Raises why its root is refused, and what ``IndexSync.change`` raises.
    """
    done = Repaired()
    people = await asyncio.to_thread(sync.state.people, sync.key.certificate)
    known = sync.state.find(report_id)
    is_deleted = isinstance(known, ReportEntry) and known.deleted is not None
    item = {"report": report_id, "root": root, "deleted": is_deleted}
    changes = await _change_for(sync, people, item, done)
    for each in done.refused:
        raise each.error
    await sync.change(changes)


def _may_pass(error: HygieiaError) -> bool:
    """Whether what was refused may be found sound later: then the list must name it again.

    A block that no gateway has now, or a clock that is behind.
    """
    return isinstance(error, NotFound) or (isinstance(error, NoteRefused) and error.is_early)


async def _change_for(
    sync: IndexSync, people: People, item: Mapping[str, Any], done: Repaired
) -> list[Change]:
    report_id, root = item.get("report"), item.get("root")
    if not isinstance(report_id, str) or not words.is_report_id(report_id):
        raise InvalidInput("The server's list of changes is not understood.")
    known = sync.state.find(report_id)
    if isinstance(known, Purged):
        return []
    if not isinstance(root, str):
        return [Purge(report_id)] if _trash_is_over(known) else []
    changes: list[Change] = []
    if known is None or known.cid != root:
        try:
            report = await _open(sync, people, report_id, root, known)
            lacking = await _lacking(sync, people, report, known)
            if lacking and not await _is_current(sync, report_id, root):
                # The list is behind this index: it is told again with what there is now.
                return []
        except (IntegrityError, InvalidInput, NotFound) as error:
            done.refused.append(Refused(report_id, root, error))
            return []
        entry = ReportEntry.of(
            report.meta, cid=root, meta_payload_cid=str(report.encrypted.meta.cid)
        )
        if lacking:
            done.taken_off.append(await _taken_off(sync, report_id, lacking))
        changes.append(PutReport(entry, await _readers(sync, people, report, known, lacking)))
        done.entered.append(entry)
    was_deleted = known is not None and known.deleted is not None
    if bool(item.get("deleted")) != was_deleted:
        changes.append(SetDeleted(report_id, None if was_deleted else format_time(now())))
    return changes


async def _lacking(
    sync: IndexSync, people: People, report: Report, known: ReportEntry | None
) -> frozenset[str]:
    """Digests of packets that another root of the same revision lacks (16.4).

    Those that came to it are judged: an old header is no more the current one here than before a
    change. Raises ``Rollback``, ``RecipientRefused``.
    """
    if known is None:
        return frozenset()
    lacking, added = await changed_packets(sync.source, report, known, people)
    if added:
        listed = await sync.readers(known.id)
        if listed.removed_packets:
            # What was dropped is known: her own note for another packet is a share whose index
            # never followed. Who is removed stays so until the next session key all the same.
            listed = replace(listed, removed=())
        await refuse_added(sync.transport, known.id, added, listed, people)
    return lacking


async def _is_current(sync: IndexSync, report_id: str, root: str) -> bool:
    answer = (await sync.transport.call("GET", f"/reports/{report_id}")).document
    return answer.get("root") == root


async def _taken_off(sync: IndexSync, report_id: str, lacking: frozenset[str]) -> TakenOff:
    listed = (await sync.readers(report_id)).readers
    named = {each.pkesk: each.key for each in listed if each.pkesk in lacking}
    return TakenOff(report_id, tuple(dict.fromkeys(named.values())), len(lacking - named.keys()))


async def _readers(
    sync: IndexSync,
    people: People,
    report: Report,
    known: ReportEntry | None,
    lacking: frozenset[str],
) -> Readers | None:
    """Who reads a report of hers besides her, by verified notes.

    Whoever was taken off while the session key stayed is entered under ``removed``: the change of
    another device of hers whose index was never renewed.
    """
    if not people.is_me(report.meta.owner):
        return None
    same_key = known is not None and known.data_payload_cid == report.meta.data_payload_cid
    listed = await sync.readers(report.meta.id) if same_key else Readers(report.meta.id)
    found = replace(listed, readers=())
    if len(report.packets) > 1:
        found = await readers_of(sync.transport, report, listed, people)
    reading = {people.person(each.key) for each in found.readers}
    own = own_packets(report, people)
    gone = [
        each.key
        for each in listed.readers
        if people.person(each.key) not in reading and each.pkesk not in own
    ]
    return replace(
        found,
        removed=tuple(dict.fromkeys([*listed.removed, *gone])),
        removed_packets=tuple(dict.fromkeys([*listed.removed_packets, *sorted(lacking)])),
        kept_out=tuple(dict.fromkeys([*listed.kept_out, *gone])),
    )


def _trash_is_over(known: ReportEntry | None) -> bool:
    """Whether the index itself says that a report has been in the trash for its time.

    That a report is gone is the owner's to say: a server that calls one deleted and then gone
    hides it in the trash for a while, and no more.
    """
    if known is None or known.deleted is None:
        return False
    # A day of grace: the server counts from its own note of the same deletion.
    return now() - parse_time(known.deleted) > timedelta(days=TRASH_DAYS - 1)


async def _open(
    sync: IndexSync, people: People, report_id: str, root: str, known: ReportEntry | None
) -> Report:
    # A right that ended takes nothing back: what the index has was judged when it was entered.
    right = right_to_upload(sync, people) if known is None else None
    expected = Expected(id=report_id, entry=known, upload_right=right)
    report = await read_from(read_report(CID.parse(root), sync.key, people, expected), sync.source)
    if known is None and not people.is_known(report.meta.owner):
        # Of her own account, by a key that is not hers: she says first whose key that was (19.5).
        raise KeyMismatch(
            "The report belongs to a key that this vault does not know.",
            hint="If that was an earlier key of yours: hygieia give-back",
        )
    if report.verdict is not Verdict.VALID:
        raise NoteRefused(f"The report is from a stranger: {report.verdict.value}.")
    return report


def right_to_upload(sync: IndexSync, people: People) -> UploadRight:
    """Judges others' uploads by the user's own index: when they were made, and now (17.5)."""

    def holds(author: str, meta: ReportMeta) -> bool:
        if not people.is_known(meta.owner):
            return True  # whose report it is shows first: nothing of it is entered (19.5)
        table = Delegations(sync.state.delegations(), people, sync.state.contacts())
        times = [parse_time(meta.created), now()]
        return table.may_upload(author, meta, meta.profession, times)

    return holds
