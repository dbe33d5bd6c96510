"""Sharing reports, and taking readers off them again (docs/spec/16-sharing.md).

A change of readers writes four small blocks and says which state it is based on; when somebody was
faster, nothing is changed. The index follows in one change for all reports of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hygieia.client.batches import BatchSender
from hygieia.client.changing import Changer
from hygieia.client.commits import upload_for
from hygieia.client.current import Current
from hygieia.client.read_back import read_back
from hygieia.errors import (
    Conflict,
    Duplicate,
    HygieiaError,
    NotSignedIn,
    StaleRevision,
    Unreachable,
)
from hygieia.openpgp.packets import pkesk_digest
from hygieia.openpgp.times import format_time, now
from hygieia.vault.contacts import check_recipients
from hygieia.vault.give_back import former_keys_of
from hygieia.vault.index import PutReport
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Readers
from hygieia.vault.sharing import (
    Reshared,
    add_readers,
    check_number_of_people,
    delegates_left_out,
    drop_readers,
    not_removed,
    packets_of,
    with_added,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.openpgp.certificates import Certificate
    from hygieia.vault.delegations import Chosen
    from hygieia.vault.people import Contact, People
    from hygieia.vault.report import Report
    from hygieia.vault.sharing import LeftOut

_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Shared:
    """What became of one report: its entry, who reads it besides the owner, and whether it changed.

    ``before`` is the entry that the caller knew, where somebody had changed the report since.
    """

    entry: ReportEntry
    readers: Readers
    changed: bool = True
    before: ReportEntry | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """The new root of one report, and the readers that the index will list."""

    built: Reshared
    readers: Readers


_Plan = Callable[[Current, Readers], Awaitable[_Step | None]]


@dataclass(slots=True)
class Sharer:
    """Changes who reads the reports of an open vault."""

    changer: Changer

    async def share(
        self,
        entries: Sequence[ReportEntry],
        contacts: Sequence[Contact],
        *,
        retry: bool = False,
        progress: Callable[[int, int | None, str], None] | None = None,
    ) -> list[Shared]:
        """Let ``contacts`` read ``entries``. Who reads one already is not added again.

        Somebody who lost the key by which a report is hers is given it back (docs/spec/19 §4).

        Args:
            entries: reports of the index, one's own or shared by others.
            contacts: pinned contacts.
            retry: when a report was changed meanwhile, read it again and share what is there now.
            progress: told of how many reports are done, of how many.

        Raises:
            CertificateChanged, CertificateRefused, Forbidden: nothing was shared; see
                ``check_recipients``.
            StaleRevision: a report was changed meanwhile; those before it are shared.
            Conflict: a report is in the trash.
            LimitExceeded: too many people at once.
        """
        check_number_of_people(len(contacts))
        certificates = await asyncio.to_thread(check_recipients, contacts, len(entries))
        plan = self._adding(contacts, certificates)
        return await self._each(entries, plan, retry=retry, progress=progress)

    async def give_back(
        self,
        entries: Sequence[ReportEntry],
        contact: Contact,
        *,
        progress: Callable[[int, int | None, str], None] | None = None,
    ) -> tuple[list[Shared], dict[str, HygieiaError]]:
        """Let ``contact``, who was compared, read again what is hers; each note names her former key.

        One report that cannot be shared stops no other: what failed comes back by id. Doing it
        again goes on with these. Raises ``CertificateChanged``, ``CertificateRefused``.
        """
        certificates = await asyncio.to_thread(check_recipients, [contact], len(entries))
        failed: dict[str, HygieiaError] = {}
        plan = self._adding([contact], certificates)
        done = await self._each(entries, plan, retry=True, progress=progress, failed=failed)
        return done, failed

    def _adding(self, contacts: Sequence[Contact], certificates: Sequence[Certificate]) -> _Plan:
        """What adds ``contacts``, whose ``certificates`` may be used. To share is to give back too.

        Without the key by which a report is hers in its note, whoever lost that key could never
        say that it is hers: a second packet for the new key is not added.
        """
        key = self.changer.session.key

        async def plan(current: Current, readers: Readers) -> _Step | None:
            missing = _not_yet(current, readers, certificates)
            if not missing:
                return None
            built = await asyncio.to_thread(
                add_readers,
                current.report,
                missing,
                key=key,
                created=format_time(now()),
                former=former_keys_of(contacts, current.report.meta),
            )
            return _Step(built, with_added(readers, built.added, self.changer.people))

        return plan

    async def share_with_delegates(
        self,
        entries: Sequence[ReportEntry],
        chosen: Callable[[Report], Chosen],
        *,
        left_out: Callable[[str, LeftOut], object],
        failed: dict[str, HygieiaError],
    ) -> list[Shared]:
        """Add to each report those of its ``chosen`` delegates who do not read it yet (17.6).

        A report that is changed meanwhile is read again. ``left_out`` is told, by report id, of each
        who does not read it and cannot be encrypted to now; ``failed`` takes what stops one report
        and no other. Raises as ``share``.
        """
        key = self.changer.session.key
        contacts = tuple(self.changer.index.state.contacts())

        async def plan(current: Current, readers: Readers) -> _Step | None:
            found = await asyncio.to_thread(chosen, current.report)
            for absent in _absent(found, readers, self.changer.people):
                left_out(current.entry.id, absent)
            wanted = not_removed(found.certificates, readers, self.changer.people)
            missing = _not_yet(current, readers, wanted)
            if not missing:
                return None
            built = await asyncio.to_thread(
                add_readers,
                current.report,
                missing,
                key=key,
                created=format_time(now()),
                delegations=found.delegations,
                former=former_keys_of(contacts, current.report.meta),
            )
            return _Step(built, with_added(readers, built.added, self.changer.people))

        return await self._each(entries, plan, retry=True, progress=None, failed=failed)

    async def unshare(
        self,
        entries: Sequence[ReportEntry],
        contact: Contact,
        *,
        progress: Callable[[int, int | None, str], None] | None = None,
    ) -> list[Shared]:
        """Take a person off the readers of one's own reports, under all her keys.

        What she could read she may have kept; until a re-key her key still opens what any gateway
        serves. Raises ``Forbidden`` for reports of others, ``StaleRevision`` as ``share``,
        ``Conflict`` when a reader stands in the way of it: then a re-key comes first.
        """
        people = self.changer.people

        async def plan(current: Current, readers: Readers) -> _Step | None:
            there = {pkesk_digest(packet) for packet in current.report.packets}
            noted = [each for each in packets_of(readers, people, contact.key) if each in there]
            if not noted:
                return None
            built = await asyncio.to_thread(drop_readers, current.report, noted, people)
            return _Step(built, without(readers, people, contact.key))

        return await self._each(entries, plan, retry=False, progress=progress)

    async def _each(
        self,
        entries: Sequence[ReportEntry],
        plan: _Plan,
        *,
        retry: bool,
        progress: Callable[[int, int | None, str], None] | None,
        failed: dict[str, HygieiaError] | None = None,
    ) -> list[Shared]:
        for entry in entries:
            if entry.deleted is not None:
                raise Conflict(
                    "A report in the trash is not shared.",
                    hint=f"Take it out first: hygieia restore {entry.id[:8]}",
                )
        # Another device may have taken somebody off, or made a session key new.
        await self.changer.index.refresh()
        done: list[Shared] = []
        try:
            for entry in entries:
                try:
                    done.append(await self._one(entry, plan, tries=_TRIES if retry else 1))
                except HygieiaError as error:
                    if failed is None or isinstance(error, (Unreachable, NotSignedIn)):
                        raise
                    failed[entry.id] = error
                if progress is not None:
                    progress(len(done) + len(failed or ()), len(entries), "")
        finally:
            await self.changer.index.change(
                [PutReport(each.entry, each.readers) for each in done if each.changed]
            )
        return done

    async def _one(self, entry: ReportEntry, plan: _Plan, *, tries: int) -> Shared:
        while True:
            current = await self.changer.current(entry)
            listed = await self.changer.listed(current)
            readers = await self.changer.readers(current, listed)
            before = None if current.entry.cid == entry.cid else entry
            step = await plan(current, readers)
            if step is None:
                # Nothing to write; but somebody else may have changed it since the index was.
                known = current.entry
                changed = (known.cid, readers) != (entry.cid, listed)
                return Shared(known, readers, changed, before)
            tries -= 1
            try:
                await self._commit(step.built, current)
            except StaleRevision:
                if not tries:
                    raise
            else:
                return Shared(step.built.entry, step.readers, before=before)

    async def _commit(self, built: Reshared, current: Current) -> None:
        transport = self.changer.session.transport
        async with upload_for(transport) as upload:
            sender = BatchSender(transport, upload)
            await sender.send_all(built.blocks)
            shares = [note.decode() for note in built.notes]
            try:
                await self.changer.replace_root(built.entry, current, upload, "readers", shares)
            except Duplicate as error:
                # Without a new packet in it, whoever reads the report could have built this root.
                if shares:
                    raise
                raise _stored_elsewhere(built.entry) from error
        await read_back(self.changer.source, sender.sample, [built.root.cid])


def _stored_elsewhere(entry: ReportEntry) -> Conflict:
    return Conflict(
        "Somebody who reads the report has stored this very list of its readers as something else, "
        "which keeps you from taking readers off until the report has a new session key.",
        hint=f"Give it one, then unshare at once: hygieia rekey {entry.id[:8]}",
    )


def _not_yet(
    current: Current, readers: Readers, certificates: Sequence[Certificate]
) -> list[Certificate]:
    """Those of ``certificates`` that no noted packet of the report is for, nor is its owner."""
    there = {pkesk_digest(packet) for packet in current.report.packets}
    reading = {each.key for each in readers.readers if each.pkesk in there}
    reading.add(current.report.meta.owner)
    return [each for each in certificates if each.key_id not in reading]


def _absent(chosen: Chosen, readers: Readers, people: People) -> tuple[LeftOut, ...]:
    """Of the delegates who cannot be encrypted to now those who do not read the report already.

    By a key that she has no more nobody reads it.
    """
    reading = [each.key for each in readers.readers if not people.is_former(each.key)]
    now_left, taken_off = replace(chosen, lapsed=()), replace(readers, readers=())
    return delegates_left_out(now_left, taken_off, people, (), reading)
