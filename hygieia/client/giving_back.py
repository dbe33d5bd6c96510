"""Giving back to somebody who lost her key, and being given back (docs/spec/19 §4 and §5).

A request is nobody's message: it is a contact whose key changed, and reports of hers that this
vault holds. The safety number stands between a lost key and a server that only says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hygieia.client import answers
from hygieia.client.contacts import Contacts, Seen
from hygieia.client.readers import notes_of, readers_of
from hygieia.client.received import Inbox
from hygieia.client.sharing import Shared, Sharer
from hygieia.errors import (
    CertificateChanged,
    HygieiaError,
    IntegrityError,
    InvalidInput,
    NotFound,
    NotSignedIn,
    StorageFull,
    TooManyAttempts,
    Unavailable,
    Unreachable,
)
from hygieia.ipld.cid import CID
from hygieia.openpgp.certificates import Certificate
from hygieia.recovery.driving import read_from
from hygieia.vault.contacts import compared, find_contact
from hygieia.vault.give_back import (
    GivenBack,
    as_opened_by,
    check_given_back,
    keys_before,
    theirs,
)
from hygieia.vault.index import Change, PutContact, PutFormerKey, PutReport
from hygieia.vault.listing import MIN_PREFIX
from hygieia.vault.people import Contact, ContactState, FormerKey
from hygieia.vault.report import Expected, Report
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_read import read_report
from hygieia.vault.share_note import Readers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hygieia.vault.people import People
    from hygieia.vault.share_note import VerifiedShare

_PAGE_ITEMS: Final = 200
_MOST_PAGES: Final = 500
_OUTAGES: Final = (NotSignedIn, StorageFull, TooManyAttempts, Unavailable, Unreachable)


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody with a new key, and the reports of hers that only she cannot read."""

    contact: Contact
    reports: tuple[ReportEntry, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What was given back, and what was not, by report id."""

    contact: Contact
    shared: tuple[Shared, ...]
    failed: Mapping[str, HygieiaError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Reports given back under one former key, which wait until the user says that it was hers."""

    former: FormerKey
    givers: tuple[Contact, ...]
    reports: tuple[ReportEntry, ...]
    opened: tuple[Report, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What is the user's again, and by report id what still waits, and why."""

    reports: tuple[ReportEntry, ...]
    failed: Mapping[str, HygieiaError] = field(default_factory=dict)


@dataclass(slots=True)
class GivingBack:
    """Both sides of giving back, for an open vault."""

    contacts: Contacts
    sharer: Sharer
    inbox: Inbox

    # -- those who hold something --------------------------------------------------------------

    async def requests(self) -> list[Request]:
        """Whom something could be given back to; what the server hints at is looked up first.

        Without what its owner has put in her trash: nobody can share that.
        """
        there, people = await self._notice(), self._people()
        requests = []
        for contact in self.contacts.list():
            held = await self._held(contact)
            open_ = [each for each in held if people.is_me(each.owner) or each.id in there]
            requests += [Request(contact, tuple(open_))] if open_ else []
        return requests

    async def give_back(
        self,
        email: str,
        number: str | None = None,
        *,
        progress: Callable[[int, int | None, str], None] | None = None,
    ) -> Done:
        """Compare the number, and let the person read again all that this vault holds of hers.

        Args:
            email: of a contact with a new key.
            number: the safety number that she read out; needed until it was compared once.
            progress: told of the reports done.

        Raises:
            NotFound: nobody is known under this email, or the server shows no key for her.
            InvalidInput: she has no other key than before, or it is no safety number.
            CertificateChanged: the numbers differ, or none was given. Nothing was shared.
        """
        seen = await self.contacts.look_up(email)
        contact = await self._compared(seen, number)
        entries = await self._held(contact)
        done, failed = await self.sharer.give_back(entries, contact, progress=progress)
        failed = {each: await self._why(each, error, contact) for each, error in failed.items()}
        return Done(contact, tuple(done), failed)

    async def _why(self, report_id: str, error: HygieiaError, contact: Contact) -> HygieiaError:
        """What a person can do about it: a report in its owner's trash is open to nobody."""
        if not isinstance(error, NotFound):
            return error
        try:
            await self.contacts.session.transport.call("GET", f"/reports/{report_id}")
        except NotFound:
            return NotFound(
                f"It is in the trash of {contact.email}, or no longer shared with you: nobody can "
                "share it now.",
                hint=f"Have them look: hygieia restore {report_id}. Then give back once more. "
                f"Or hand them what you can read of it as a file: hygieia get {report_id[:8]}",
            )
        return error

    async def _compared(self, seen: Seen, number: str | None) -> Contact:
        contact = seen.contact
        if not keys_before(contact):
            raise InvalidInput(
                f"{contact.email} has the key that you know: there is nothing to give back.",
                hint="To share a report: hygieia share",
            )
        if number is None:
            if contact.state is ContactState.VERIFIED:
                return contact
            raise CertificateChanged(
                f"{contact.email} has a new key. A thief with their email could ask too, and so could "
                "the server. Nothing was shared.",
                hint="Call a number you already know and compare first: "
                f'hygieia give-back {contact.email} --number "…"',
            )
        if seen.offered is None:
            raise NotFound("The server shows no key for this person now.")
        if not await self.contacts.is_same(seen, number):
            raise CertificateChanged(
                "The numbers do not match. Someone may be pretending to be "
                f"{contact.email}. Nothing was shared.",
                hint="Reach them another way and compare again. Give nothing back until it matches.",
            )
        new = compared(contact, seen.offered)
        if new != contact:
            await self.contacts.index.change([PutContact(new, instead_of=contact.key)])
        return new

    async def _held(self, contact: Contact) -> list[ReportEntry]:
        """What is hers and has no packet noted for the key that she has now.

        Not what she was taken off: a new key of hers does not undo that.
        """
        index, missing = self.contacts.index, []
        hers = {contact.key, *keys_before(contact)}
        for entry in theirs(contact, index.state.reports()):
            readers = await index.readers(entry.id)
            reading = contact.state is not ContactState.CHANGED and any(
                each.key == contact.key for each in readers.readers
            )
            if not reading and hers.isdisjoint((*readers.removed, *readers.kept_out)):
                missing.append(entry)
        return missing

    async def _notice(self) -> set[str]:
        """Look up contacts whose key, by the server's own list, is not the one that shared.

        Returns the ids of the reports that the list names.
        """
        emails: dict[str, None] = {}
        there = set()
        async for item in self.inbox.listed():
            there.add(answers.text(answers.part(item, "share"), "report"))
            person, share = item.get("sharer"), answers.part(item, "share")
            if not isinstance(person, dict) or not isinstance(person.get("certificate"), str):
                continue
            contact = find_contact(self.contacts.list(), str(person.get("email")))
            if contact is None or contact.key != share.get("sharer"):
                continue
            if not await asyncio.to_thread(_is_of, person["certificate"], contact.key):
                emails[contact.email] = None
        for email in emails:
            await self.contacts.look_up(email)
        return there

    # -- who lost a key --------------------------------------------------------------------------

    async def found(self) -> list[Found]:
        """What others gave back and this vault has not entered as its own, by former key."""
        by_key: dict[str, list[GivenBack]] = {}
        async for report_id, root in self._candidates():
            given = await self._open(report_id, root)
            if given is not None:
                by_key.setdefault(given.former.key, []).append(given)
        return [_found(each) for each in by_key.values()]

    async def confirm(self, found: Found) -> Confirmed:
        """Enter that the former key was the user's own, what is hers again, and who reads it.

        In one change: what the index has is not found any more, so a report that was entered
        without its readers would stay so. One whose readers cannot be had now stops no other: it
        goes on waiting. Raises what all would fail by, ``Unreachable`` among it, and what befalls
        one that the index has as somebody else's: then nothing is entered.
        """
        changes: list[Change] = [PutFormerKey(found.former)]
        entries: list[ReportEntry] = []
        failed: dict[str, HygieiaError] = {}
        for report in found.opened:
            try:
                change = await self._hers_again(report, found.former)
            except HygieiaError as error:
                if isinstance(error, _OUTAGES) or self._is_listed(report.meta.id):
                    raise
                failed[report.meta.id] = error
            else:
                changes.append(change)
                entries.append(change.entry)
        await self.contacts.index.change(changes)
        return Confirmed(tuple(entries), failed)

    def confirmed(self, key: str) -> FormerKey | None:
        """The user's own former key that begins so and was confirmed before; None if none was."""
        mine = self.contacts.index.state.keys.former_keys
        return next((each for each in mine if each.key.startswith(key)), None)

    async def take_out(self, name: str) -> str:
        """Take a report that this vault does not have out of the user's trash; returns its id.

        It was put there under a key she lost: only out of it can those who hold it give it back.
        ``name``: its id, or 6 or more characters of it. Raises ``NotFound``, ``InvalidInput``.
        """
        state, begins = self.contacts.index.state, name.lower()
        found = [answers.text(item, "id") async for item in self._own_reports({"trash": "true"})]
        chosen = [each for each in found if each.startswith(begins) and state.find(each) is None]
        if len(name) < MIN_PREFIX or len(chosen) > 1:
            raise InvalidInput(f"A report is named by {MIN_PREFIX} or more of its id.")
        if not chosen:
            raise NotFound("There is no such report in the trash.", hint="See: hygieia ls --trash")
        path = f"/reports/{chosen[0]}/restore"
        await self.contacts.session.transport.call("POST", path, body={}, repeatable=True)
        return chosen[0]

    async def _hers_again(self, found: Report, former: FormerKey) -> PutReport:
        """A report as it is now and who reads it: notes that her former key signed count as well."""
        index, transport = self.contacts.index, self.contacts.session.transport
        people, report = self._people(former), found
        answer = (await transport.call("GET", f"/reports/{found.meta.id}")).document
        root = answers.text(answer, "root")
        if root != str(found.encrypted.root):
            report = await self._read(root, people, Expected(entry=_entry(found)))
        known = self._is_listed(found.meta.id)
        listed = await index.readers(found.meta.id) if known else Readers(found.meta.id)
        return PutReport(_entry(report), await readers_of(transport, report, listed, people))

    def _is_listed(self, report_id: str) -> bool:
        return self.contacts.index.state.find(report_id) is not None

    async def _candidates(self) -> AsyncIterator[tuple[str, str]]:
        """Reports that the server names: her own that wait, and shared ones not in the index."""
        state, people = self.contacts.index.state, self._people()
        async for item in self._own_reports():
            report_id, root = answers.text(item, "id"), answers.text(item, "root")
            known = state.find(report_id)
            # An index may have one as somebody else's, under a key of nobody's that it knows.
            is_open = isinstance(known, ReportEntry) and not people.is_known(known.owner)
            if known is None or is_open:
                yield report_id, root
        async for item in self.inbox.listed():
            report_id = answers.text(answers.part(item, "share"), "report")
            if state.find(report_id) is None:
                yield report_id, answers.text(item, "root")

    async def _own_reports(
        self, chosen: Mapping[str, str] | None = None
    ) -> AsyncIterator[Mapping[str, Any]]:
        transport, after = self.contacts.session.transport, None
        for _ in range(_MOST_PAGES):
            query: dict[str, str | int] = {"limit": _PAGE_ITEMS, **(chosen or {})}
            query |= {"after": after} if after else {}
            page = (await transport.call("GET", "/reports", query=query)).document
            for item in answers.parts(page, "items"):
                yield item
            after = answers.text_or_none(page, "next")
            if after is None:
                return

    async def _open(self, report_id: str, root: str) -> GivenBack | None:
        """The report, if a note gives it back and all of it holds; None where it does not."""
        session, people = self.contacts.session, self._people()
        async for said in notes_of(session.transport, report_id, people):
            if said.share.reader != session.key.key_id or said.share.former is None:
                continue
            try:
                return await self._judge(root, said, said.share.former)
            except (IntegrityError, InvalidInput, NotFound):
                continue  # another note may give it back; a lie is not shown at all
        return None

    async def _judge(self, root: str, said: VerifiedShare, former: FormerKey) -> GivenBack:
        key, contacts = self.contacts.session.key, list(self.contacts.list())
        expected = Expected(id=said.share.report)
        report = await self._read(root, self._people(former), expected)
        report = await asyncio.to_thread(as_opened_by, report, said.share.pkesk, key)
        return await asyncio.to_thread(
            check_given_back, report, said, key.certificate, self._people(), contacts
        )

    async def _read(self, root: str, people: People, expected: Expected) -> Report:
        reading = read_report(CID.parse(root), self.contacts.session.key, people, expected)
        return await read_from(reading, self.inbox.source)

    def _people(self, former: FormerKey | None = None) -> People:
        """Whom the user knows; ``former`` as if it were confirmed, to judge what it signed."""
        return self.contacts.index.state.people(
            self.contacts.session.key.certificate, *([former] if former else [])
        )


def _is_of(certificate: str, key_id: str) -> bool:
    try:
        return Certificate.parse(certificate).key_id == key_id
    except IntegrityError:
        return True  # no usable certificate is no hint


def _found(given: Sequence[GivenBack]) -> Found:
    givers = {each.giver.key: each.giver for each in given}
    opened = tuple(each.report for each in given)
    entries = tuple(_entry(report) for report in opened)
    return Found(given[0].former, tuple(givers.values()), entries, opened)


def _entry(report: Report) -> ReportEntry:
    encrypted = report.encrypted
    return ReportEntry.of(
        report.meta, cid=str(encrypted.root), meta_payload_cid=str(encrypted.meta.cid)
    )
