"""Changes to stored reports: new labels, new content, trash (docs/spec/12).

Every change says which state it is based on: when another device was faster, the server refuses
it and nothing is lost. The index follows the commit; a crash in between is repaired at the next
opening (docs/spec/13).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.batches import BatchSender
from hygieia.client.commits import upload_for
from hygieia.client.content import upload_file
from hygieia.client.current import Current
from hygieia.client.index_repair import enter
from hygieia.client.index_sync import IndexSync
from hygieia.client.passing import pass_on
from hygieia.client.read_back import read_back
from hygieia.client.readers import readers_of
from hygieia.client.reading import ReportFetcher
from hygieia.client.recipients import delegations_of
from hygieia.client.replayed import refuse_replayed
from hygieia.client.session import Session
from hygieia.client.sources import media_type_of
from hygieia.errors import (
    Duplicate,
    MetaMismatch,
    RecipientRefused,
    Rollback,
    StaleRevision,
    Unavailable,
)
from hygieia.ipld.cid import CID
from hygieia.openpgp.times import format_time, now
from hygieia.recovery.driving import read_from
from hygieia.vault.index import PutReport, SetDeleted
from hygieia.vault.report import Expected, Report
from hygieia.vault.report_build import ReportSecrets, finish_report, make_header
from hygieia.vault.report_change import (
    draft_of,
    edit_report,
    edited,
    is_edited,
    needs_new_session_key,
    next_revision,
    require_owner,
)
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_read import read_report
from hygieia.vault.share_note import Readers
from hygieia.vault.sharing import (
    NextReaders,
    delegates_left_out,
    next_readers,
    not_removed,
    note_readers,
    with_added,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hygieia.client.sources import FoundFile
    from hygieia.openpgp.certificates import Certificate
    from hygieia.vault.delegations import Chosen
    from hygieia.vault.people import People
    from hygieia.vault.report_build import BuiltReport, Revision, SealedData
    from hygieia.vault.report_meta import Draft

    TellLeftOut = Callable[[NextReaders], object]

_UPDATE: Final = "update"
_EDIT: Final = "edit"


@dataclass(slots=True)
class Changer:
    """Changes reports of a signed-in account."""

    session: Session
    index: IndexSync
    source: GatewayReader

    async def current(self, entry: ReportEntry) -> Current:
        """Read the report's current root from the server and verify it against the index.

        Raises:
            Rollback, MetaMismatch: the server shows an older or another report.
        """
        known = self.index.state.find(entry.id)
        if isinstance(known, ReportEntry) and known.revision > entry.revision:
            entry = known  # another device's change, read since
        answer = (await self.session.transport.call("GET", f"/reports/{entry.id}")).document
        root, rev = answer.get("root"), answer.get("rev")
        if not isinstance(root, str) or type(rev) is not int:
            raise MetaMismatch("The server's answer about the report is not understood.")
        reading = read_report(CID.parse(root), self.session.key, self.people, Expected(entry=entry))
        report = await read_from(reading, self.source)
        return Current(report, rev)

    async def edit(
        self,
        entry: ReportEntry,
        *,
        title: str | None = None,
        category: str | None = None,
        left_out: TellLeftOut | None = None,
    ) -> ReportEntry:
        """Change a report's title or category; its content is not touched.

        A report that says so already is left as it is. Delegates for whom a delegation acts on it now come to read it. Where somebody was unshared,
        or read it by a delegation that no longer acts, the session key is made new, so the content
        is encrypted again on this machine (docs/spec/19). ``left_out`` is told who does not go on.

        Raises:
            StaleRevision: another device changed it meanwhile.
        """
        # First of all: another device may have taken somebody off, who still has the session key.
        await self.index.refresh()
        current = await self.current(entry)
        require_owner(current.report.meta, self.people)
        draft = self.next_draft(current.report)
        if is_edited(draft, title=title, category=category):
            # Perhaps by this line said before, whose answer was lost: saying it again does no harm.
            if current.is_ahead_of(self.index.state.report(entry.id)):
                await enter(self.index, entry.id, current.entry.cid)
            return self.index.state.report(entry.id)
        listed = await self.listed(current)
        draft = edited(draft, title=title, category=category)
        chosen = await asyncio.to_thread(self.chosen, draft)
        if needs_new_session_key(listed) or chosen.is_outgrown_by(listed):
            return await self._edit_anew(current, draft, left_out)
        reading = {each.key for each in listed.readers}
        absent = delegates_left_out(chosen, listed, self.people, (), reading)
        wanted = not_removed(chosen.certificates, listed, self.people)
        added = [each for each in wanted if each.key_id not in reading]
        built = await asyncio.to_thread(
            edit_report,
            current.report,
            key=self.session.key,
            people=self.people,
            created=format_time(now()),
            title=title,
            category=category,
            add=added,
        )
        readers, notes = self.noted(built, chosen.delegations)
        entered = with_added(listed, readers.readers, self.people)
        async with upload_for(self.session.transport) as upload:
            sender = BatchSender(self.session.transport, upload)
            entry = await self._commit(built, current, upload, sender, _EDIT, entered, notes)
        _tell(left_out, NextReaders((), absent))
        return entry

    async def _edit_anew(
        self,
        current: Current,
        draft: Draft,
        left_out: TellLeftOut | None,
    ) -> ReportEntry:
        report = current.report
        revision = next_revision(report, same_content=True, owner=self.session.key.key_id)
        made = ReportSecrets.make()
        async with upload_for(self.session.transport) as upload:
            sender = BatchSender(self.session.transport, upload)
            try:
                sealed = await pass_on(self.fetcher, report, made, sender)
            except BaseException:
                await sender.abandon()
                raise
            # As of now: passing the content on may have taken an hour.
            await self.index.refresh()
            going_on = await self.going_on(current, draft)
            built = self.finish(draft, revision, sealed, made, going_on.certificates)
            noted = self.noted(built, going_on.delegations, going_on.before)
            entry = await self._commit(built, current, upload, sender, _UPDATE, *noted)
        _tell(left_out, going_on)
        return entry

    async def update(
        self,
        entry: ReportEntry,
        file: FoundFile,
        progress: Callable[[int], None] | None = None,
        left_out: TellLeftOut | None = None,
    ) -> ReportEntry:
        """Store new content as the next revision, under a new session key.

        Title and category stay; file name and type are those of the new file. ``left_out`` is told
        who read the report and does not go on.

        Raises:
            StaleRevision: another device changed it meanwhile.
            ContentChanged: the file changed while it was read.
        """
        current = await self.current(entry)
        require_owner(current.report.meta, self.people)
        await self.refuse_older(current)
        key, made = self.session.key, ReportSecrets.make()
        draft = replace(
            self.next_draft(current.report),
            file_name=file.file_name,
            media_type=media_type_of(file.file_name),
        )
        async with upload_for(self.session.transport) as upload:
            sender = BatchSender(self.session.transport, upload)
            sealed = await upload_file(file, made, sender, progress)
            # Last of all, as of what is stored anew: the file may have taken an hour.
            await self.index.refresh()
            going_on = await self.going_on(current, draft)
            same = sealed.sha256 == current.report.meta.sha256
            revision = next_revision(current.report, same_content=same, owner=key.key_id)
            built = self.finish(draft, revision, sealed, made, going_on.certificates)
            noted = self.noted(built, going_on.delegations, going_on.before)
            entry = await self._commit(built, current, upload, sender, _UPDATE, *noted)
        _tell(left_out, going_on)
        return entry

    def finish(
        self,
        draft: Draft,
        revision: Revision,
        sealed: SealedData,
        made: ReportSecrets,
        readers: Sequence[Certificate] = (),
    ) -> BuiltReport:
        """Sign a revision under a new session key, for the owner and ``readers``."""
        key = self.session.key
        return finish_report(
            draft,
            revision,
            sealed,
            make_header(made.session_key, [key.certificate, *readers]),
            session_key=made.session_key,
            key=key,
            created=format_time(now()),
        )

    async def listed(self, current: Current) -> Readers:
        """The index's readers of a report, once the served ones were held against them (16.4).

        Raises ``Rollback`` for an older header, ``RecipientRefused`` for a packet nobody noted.
        """
        try:
            return await self._held_against(current)
        except Rollback:
            # Another device of hers may have taken somebody off: then its index says so.
            await self.index.refresh()
            return await self._held_against(current)

    async def refuse_older(self, current: Current) -> None:
        """As ``listed``, before a new session key: what nobody noted ends with the old one."""
        with contextlib.suppress(RecipientRefused):
            await self.listed(current)

    async def _held_against(self, current: Current) -> Readers:
        report = current.report
        entry = self.index.state.report(report.meta.id)
        listed = await self.index.readers(entry.id)
        transport = self.session.transport
        await refuse_replayed(transport, self.source, report, entry, listed, self.people)
        return listed

    async def readers(self, current: Current, listed: Readers) -> Readers:
        """Who reads the report, by the index's entry and by the notes that others handed in."""
        return await readers_of(self.session.transport, current.report, listed, self.people)

    async def going_on(self, current: Current, draft: Draft | None = None) -> NextReaders:
        """Who reads the report under its next session key; who was taken off does not.

        ``draft`` is what its next revision will say, which decides who reads it by delegation.
        """
        report = current.report
        listed = await self.index.readers(report.meta.id)
        readers = await self.readers(current, listed)
        contacts = list(self.index.state.contacts())
        going_on = await asyncio.to_thread(next_readers, readers, contacts, self.people, report)
        chosen = await asyncio.to_thread(self.chosen, draft or self.next_draft(report))
        return going_on.with_delegates(chosen, readers, self.people, contacts)

    def next_draft(self, report: Report) -> Draft:
        """What the report's next revision says unless something is changed."""
        return draft_of(report.meta, self.session.key.key_id)

    def chosen(self, draft: Draft) -> Chosen:
        """For whom a delegation acts on what is sealed now. Call it in a thread."""
        table = delegations_of(self.index.state, self.session)
        return table.readers(draft, draft.profession, now())

    def noted(
        self,
        built: BuiltReport,
        delegations: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> tuple[Readers, tuple[bytes, ...]]:
        """The readers of a header just made, and the notes for their packets."""
        readers, notes = note_readers(
            built.entry.id,
            built.recipients,
            key=self.session.key,
            created=format_time(now()),
            delegations=delegations,
        )
        return Readers(built.entry.id, readers, earlier=tuple(before)), notes

    async def trash(self, entries: Sequence[ReportEntry]) -> None:
        """Put reports in the trash, from where they come back for 30 days.

        Those that are there already stay as they are, with the time they were put there. What
        somebody else shared goes from the user's own list alone.
        """
        for entry in self._own(entries):
            await self.session.transport.call("DELETE", f"/reports/{entry.id}")
        time = format_time(now())
        await self.index.change(
            [SetDeleted(entry.id, time) for entry in entries if entry.deleted is None]
        )

    async def restore(self, entries: Sequence[ReportEntry]) -> None:
        """Take reports out of the trash."""
        for entry in self._own(entries):
            path = f"/reports/{entry.id}/restore"
            await self.session.transport.call("POST", path, body={}, repeatable=True)
        await self.index.change(
            [SetDeleted(entry.id, None) for entry in entries if entry.deleted is not None]
        )

    def _own(self, entries: Sequence[ReportEntry]) -> list[ReportEntry]:
        is_me = self.people.is_me
        return [entry for entry in entries if is_me(entry.owner)]

    @property
    def fetcher(self) -> ReportFetcher:
        """Reads contents that are to be encrypted again."""
        return ReportFetcher(self.session, self.index, self.source)

    @property
    def people(self) -> People:
        """Whom the user knows, by her index."""
        return self.index.state.people(self.session.key.certificate)

    async def _commit(
        self,
        built: BuiltReport,
        current: Current,
        upload: str,
        sender: BatchSender,
        change: str,
        readers: Readers,
        notes: Sequence[bytes],
    ) -> ReportEntry:
        await sender.send_all(built.blocks)
        shares = [note.decode() for note in notes]
        await self.replace_root(built.entry, current, upload, change, shares)
        await read_back(self.source, sender.sample, [built.root.cid])
        await self.index.change([PutReport(built.entry, readers)], upload)
        return built.entry

    async def replace_root(
        self,
        entry: ReportEntry,
        current: Current,
        upload: str,
        change: str,
        shares: Sequence[str] = (),
        earlier: Sequence[str] = (),
    ) -> None:
        """Have the server move the report from ``current`` to the root of ``entry``.

        ``shares`` are the notes for recipients that the new root adds, ``earlier`` the roots that a
        re-key issues again. Raises ``StaleRevision``, and ``Duplicate`` for a root that this
        report does not have now.
        """
        path = f"/reports/{entry.id}"
        body = {"upload": upload, "root": entry.cid, "change": change, "shares": list(shares)}
        if earlier:
            body["earlier"] = list(earlier)
        # The transport repeats what is not answered, perhaps while the first is still at work.
        key = secrets.token_hex(16)
        try:
            await self.session.transport.call(
                "PUT", path, body=body, if_match=current.rev, idempotency_key=key
            )
        except (StaleRevision, Duplicate, Unavailable):
            # It may be our own change that won, whose answer was lost on the way or took too long.
            answer = (await self.session.transport.call("GET", path)).document
            if answer.get("root") != entry.cid:
                raise


def _tell(left_out: TellLeftOut | None, going_on: NextReaders) -> None:
    if left_out is not None and (going_on.left_out or going_on.unnamed):
        left_out(going_on)
