"""What others share with this user: a hint of the server's, judged here (docs/spec/16-sharing.md §2).

A report is entered in the index once its note names this user's key and the very packet that her
key opened, and both the sharer and the author are pinned. Everything else waits, closed, under
*from strangers* until she says so herself (threat MS-18).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from hygieia.client import answers
from hygieia.client.index_repair import right_to_upload
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.errors import (
    Conflict,
    HygieiaError,
    IntegrityError,
    InvalidInput,
    NoteRefused,
    NotFound,
)
from hygieia.ipld.cid import CID
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.packets import pkesk_digest
from hygieia.recovery.driving import BlockSource, read_from
from hygieia.vault import words
from hygieia.vault.index import Change, Purged, PutReport
from hygieia.vault.report import Expected, Report
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_read import read_report
from hygieia.vault.share_note import VerifiedShare, open_share

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from hygieia.vault.people import People
    from hygieia.vault.report_meta import ReportMeta

_PAGE_ITEMS: Final = 200
_MOST_PAGES: Final = 500
# Anybody may share with anybody, and to open a report is work: the newest will do.
MOST_FROM_STRANGERS: Final = 50
_PURGED: Final = "You deleted it for good here. To have it again, have it stored anew and shared."


class Standing(StrEnum):
    """How a report that is shared with this user stands."""

    ACCEPTED = "accepted"
    STRANGER = "stranger"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Received:
    """One report shared with this user. ``entry`` is None where it was refused, for ``error``.

    ``sharer`` is the email that the server gives; it is true only where the note's signer is
    pinned under it, which ``standing`` says.
    """

    id: str
    sharer: str | None
    standing: Standing
    entry: ReportEntry | None = None
    error: HygieiaError | None = None


@dataclass(slots=True)
class Inbox:
    """The reports that others share with the owner of an open vault.

    ``unopened``: how many from strangers the last look passed over.
    """

    session: Session
    index: IndexSync
    source: BlockSource
    unopened: int = 0

    async def look(self) -> Sequence[Received]:
        """What is shared now, newest first; what may be is entered in the index at once.

        Of what strangers share, and she has not accepted, at most ``MOST_FROM_STRANGERS`` are
        opened; ``unopened`` counts the others. Whoever is a contact then is none of these.
        """
        found: list[Received] = []
        changes: list[Change] = []
        people = self.index.state.people(self.session.key.certificate)
        from_strangers = 0
        async for item in self.listed():
            if self._is_from_a_stranger(item, people):
                from_strangers += 1
                if from_strangers > MOST_FROM_STRANGERS:
                    continue
            one = await self._judge(item, people)
            if one is None:
                continue
            found.append(one)
            if one.standing is Standing.ACCEPTED and one.entry is not None:
                changes += self._entering(one.entry)
        self.unopened = max(0, from_strangers - MOST_FROM_STRANGERS)
        await self.index.change(changes)
        return found

    def _is_from_a_stranger(self, item: Mapping[str, Any], people: People) -> bool:
        share = answers.part(item, "share")
        report_id = answers.text(share, "report")
        is_new = not words.is_report_id(report_id) or self.index.state.find(report_id) is None
        return is_new and not people.is_known(answers.text(share, "sharer"))

    async def accept(self, received: Received) -> ReportEntry:
        """Enter a report from a stranger because the user says so. Raises what refused it."""
        if received.entry is None:
            raise received.error or NotFound("Nobody shares such a report with you.")
        await self.index.change(self._entering(received.entry))
        return received.entry

    def _entering(self, entry: ReportEntry) -> list[Change]:
        known = self.index.state.find(entry.id)
        same = isinstance(known, ReportEntry) and known.cid == entry.cid
        return [] if same else [PutReport(entry)]

    async def _judge(self, item: Mapping[str, Any], people: People) -> Received | None:
        share = answers.part(item, "share")
        report_id, root = answers.text(share, "report"), answers.text(item, "root")
        sharer = _email_of(item)
        known = self.index.state.find(report_id) if words.is_report_id(report_id) else None
        if isinstance(known, Purged):
            return Received(report_id, sharer, Standing.REFUSED, error=Conflict(_PURGED))
        if known is not None and known.deleted is not None:
            return None  # Taken out of the list; restored, it follows later roots again.
        # Her own follows her own changes: what others say they share is no way into it (16.4).
        if known is not None and (known.cid == root or people.is_me(known.owner)):
            return Received(report_id, sharer, Standing.ACCEPTED, known)
        try:
            report = await self._open(report_id, root, known, people)
            said = open_share(
                answers.text(share, "note").encode(),
                report=report_id,
                signer=answers.text(share, "sharer"),
                people=people,
            )
            _check_note(said, report, people)
        except (IntegrityError, InvalidInput, NotFound) as error:
            return Received(report_id, sharer, Standing.REFUSED, error=error)
        entry = ReportEntry.of(
            report.meta, cid=root, meta_payload_cid=str(report.encrypted.meta.cid)
        )
        pinned = said.verdict is Verdict.VALID and report.verdict is Verdict.VALID
        # What she accepted once goes on: its later roots and revisions were judged against it.
        standing = Standing.ACCEPTED if pinned or known is not None else Standing.STRANGER
        return Received(report_id, sharer, standing, entry)

    async def _open(
        self, report_id: str, root: str, known: ReportEntry | None, people: People
    ) -> Report:
        may_upload = right_to_upload(self.index, people)

        def may_be_hers(author: str, meta: ReportMeta) -> bool:
            # In the account of a contact nobody has asked whether it may be hers (16.2).
            return not people.is_me(meta.owner) or may_upload(author, meta)

        right = may_be_hers if known is None else None
        expected = Expected(id=report_id, entry=known, upload_right=right)
        reading = read_report(CID.parse(root), self.session.key, people, expected)
        return await read_from(reading, self.source)

    async def listed(self) -> AsyncIterator[Mapping[str, Any]]:
        """What the server says is shared with this user: hints."""
        after: str | None = None
        for _ in range(_MOST_PAGES):
            query: dict[str, str | int] = {"limit": _PAGE_ITEMS}
            if after:
                query["after"] = after
            page = (await self.session.transport.call("GET", "/shared", query=query)).document
            for item in answers.parts(page, "items"):
                yield item
            after = answers.text_or_none(page, "next")
            if after is None:
                return


def _check_note(said: VerifiedShare, report: Report, people: People) -> None:
    """The note is for this user and names the packet that her key opened."""
    if report.own_packet is None or not people.is_me(said.share.reader):
        raise NoteRefused("The share note is for somebody else.")
    if said.share.pkesk != pkesk_digest(report.own_packet):
        raise NoteRefused("The share note names another packet than the one that opened.")


def _email_of(item: Mapping[str, Any]) -> str | None:
    person = item.get("sharer")
    email = person.get("email") if isinstance(person, dict) else None
    return email if isinstance(email, str) else None
