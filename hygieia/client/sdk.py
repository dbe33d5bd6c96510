"""The SDK's surface: the vault that a ``Device`` opens.

Everything is asynchronous. A progress callback is called with what is done, what there is in all
(None while unknown) and a label, in bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.activity import Activity
from hygieia.client.changing import Changer
from hygieia.client.contacts import Contacts
from hygieia.client.delegates import Delegates
from hygieia.client.delegating import Delegator
from hygieia.client.delegation_inbox import DelegationInbox
from hygieia.client.giving_back import GivingBack
from hygieia.client.index_sync import IndexSync
from hygieia.client.labels import Labels
from hygieia.client.presence import missing_reports
from hygieia.client.put import Putter
from hygieia.client.reading import ReportFetcher, Version
from hygieia.client.received import Inbox
from hygieia.client.recipients import ForAnother, OwnRecipients
from hygieia.client.rekeying import Rekeyer
from hygieia.client.sealer import Sealer
from hygieia.client.session import Session
from hygieia.client.sharing import Sharer
from hygieia.client.sources import find_file, find_files
from hygieia.client.vault import change_password, fresh_kit_file, new_kit, open_vault
from hygieia.errors import NotFound
from hygieia.vault.index import PutSubject
from hygieia.vault.listing import Listed, find_report, list_reports
from hygieia.vault.subjects import Subject, find_subject
from hygieia.vault.words import safe_file_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from hygieia.client.changing import TellLeftOut
    from hygieia.client.recipients import Recipients
    from hygieia.vault.kit import Kit
    from hygieia.vault.report import Report
    from hygieia.vault.report_entry import ReportEntry
    from hygieia.vault.sharing import LeftOut

    Progress = Callable[[int, int | None, str], None]
    Release = Callable[[list[memoryview]], None]


@dataclass(frozen=True, slots=True)
class Vault:
    """An open vault: its index verified and brought up to date, its reports at hand."""

    session: Session
    index: IndexSync
    reader: GatewayReader

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, session: Session, gateways: Sequence[str] = ()) -> AsyncIterator[Self]:
        """Open the vault of a session; ``Device.open`` does both."""
        async with open_vault(session, gateways) as (index, reader):
            yield cls(session, index, reader)

    # -- looking ---------------------------------------------------------------------------

    def list(
        self,
        *,
        category: str | None = None,
        subject: str | None = None,
        search: str | None = None,
        trash: bool = False,
        limit: int | None = None,
        after: str | None = None,
    ) -> Listed:
        """Reports, newest first; ``subject`` as for ``subject``.

        Raises:
            InvalidInput: ``after`` is no cursor.
            NotFound: nobody is called like the subject.
        """
        people = self.index.state.people(self.session.key.certificate)
        return list_reports(
            self.index.state.reports(),
            category=category,
            subject=people.ids(self.subject(subject)) if subject is not None else None,
            search=search,
            trash=trash,
            limit=limit,
            after=after,
        )

    def find(self, name: str) -> ReportEntry:
        """The report named by id, by 6 or more characters of it, or by CID.

        Raises:
            NotFound: there is none.
            InvalidInput: the beginning is too short, or another report's too.
        """
        return find_report(self.index.state, name)

    @property
    def subjects(self) -> Sequence[Subject]:
        """The people without an account whose records this user keeps."""
        return self.index.state.keys.subjects

    def subject(self, who: str) -> str:
        """The id of a subject: ``me``, an id, a contact's email, or the name of one.

        Raises:
            NotFound: nobody is called so.
        """
        state = self.index.state
        return find_subject(who, self.session.key.key_id, self.subjects, state.contacts())

    async def missing_here(self, entries: Sequence[ReportEntry]) -> set[str]:
        """The ids of those reports of which the server has not even the tops of their DAGs.

        One request for 33 reports. They may be had from other gateways all the same.
        """
        return await missing_reports(self.session.transport, entries)

    async def read(self, entry: ReportEntry, *, revision: int | None = None) -> Report:
        """A report's meta, opened; its ``verdict`` says how its author's signature stands.

        Raises:
            IntegrityError: what is served is not what the index names.
            NotFound: there is no such revision, or no gateway has it.
        """
        fetcher = self._fetcher
        return await (
            fetcher.open(entry) if revision is None else fetcher.revision(entry, revision)
        )

    async def versions(self, entry: ReportEntry) -> Sequence[Version]:
        """A report's revisions, newest first, each opened and judged."""
        return await self._fetcher.versions(entry)

    async def get(self, report: Report, path: Path, *, progress: Progress | None = None) -> Path:
        """Write the content to a new file; nothing appears there before all of it is verified.

        Args:
            report: what ``read`` gave.
            path: the new file; or a folder that is there, for the report's own name made harmless.
            progress: told of the bytes written.

        Returns:
            Where it is: beside a file that stands at ``path`` already, under a number.
        """
        if await asyncio.to_thread(path.is_dir):
            path = path / safe_file_name(report.meta.file_name)
        label, total = path.name, report.meta.size_bytes
        return await self._fetcher.save(report, path, progress=_counted(progress, total, label))

    async def stream(self, report: Report, release: Release) -> None:
        """Hand the content, as it is verified, to ``release``, which is called in a thread.

        Raises:
            IntegrityError: what comes next is not the signed content. What was released is.
        """
        await self._fetcher.stream(report, release)

    # -- storing and changing --------------------------------------------------------------

    async def put(
        self,
        paths: Sequence[Path | str],
        labels: Labels | None = None,
        *,
        again: bool = False,
        owner: str | None = None,
        progress: Progress | None = None,
        already: Callable[[Path, ReportEntry], object] | None = None,
        left_out: Callable[[LeftOut], object] | None = None,
    ) -> Sequence[ReportEntry]:
        """Encrypt and store files, and folders with all that is below them.

        The same call again after an interruption goes on where it ended. A file that the vault
        has already, under the same name, for the same subject and with the same content, is not
        stored again: the report that holds it is returned.

        Args:
            paths: files and folders; ``sources.find_files`` tells what in them is not stored.
            labels: what is said about them.
            again: store what the vault has already once more.
            owner: email of the person to store for, who has given the right to upload.
            progress: told of the bytes stored.
            already: told of each file that was left out and the report that holds it.
            left_out: told of each delegate who was not given them, and why; also when it fails.

        Raises:
            DelegationRefused: the other person gave no right to store this for her.
            NotFound, UsageError: a file is not there or cannot be read; nothing was stored.
            QuotaExceeded, StorageFull, Unreachable: run it again once there is room or a server.
        """
        files = await asyncio.to_thread(find_files, [Path(path) for path in paths])
        sealer = await self._sealer(labels or Labels(), owner, len(files))
        putter = Putter(self.session, self.index, sealer, progress or _silent, again)
        with _telling(left_out, sealer):
            entries = await putter.put_files(files)
        if already is not None:
            for path, entry in putter.already.items():
                already(Path(path), entry)
        return entries

    async def put_stream(
        self,
        stream: BinaryIO,
        file_name: str,
        labels: Labels | None = None,
        *,
        owner: str | None = None,
        progress: Progress | None = None,
        left_out: Callable[[LeftOut], object] | None = None,
    ) -> ReportEntry:
        """Store what a stream gives. It cannot be read twice, so it cannot be resumed.

        ``owner`` and ``left_out`` as for ``put``.
        """
        sealer = await self._sealer(labels or Labels(), owner, 1)
        putter = Putter(self.session, self.index, sealer, progress or _silent)
        with _telling(left_out, sealer):
            return await putter.put_stream(stream, file_name)

    async def update(
        self,
        entry: ReportEntry,
        path: Path,
        *,
        progress: Progress | None = None,
        left_out: TellLeftOut | None = None,
    ) -> ReportEntry:
        """Store a file as the report's next revision; the earlier ones stay.

        ``left_out`` is told who read the report and does not go on (docs/spec/19 §1). Raises
        ``StaleRevision`` when another device was faster, ``Forbidden`` for somebody else's report.
        """
        file = await asyncio.to_thread(find_file, path)
        advance = _counted(progress, file.source.size_bytes, path.name)
        return await self._changer.update(entry, file, advance, left_out)

    async def edit(
        self,
        entry: ReportEntry,
        *,
        title: str | None = None,
        category: str | None = None,
        left_out: TellLeftOut | None = None,
    ) -> ReportEntry:
        """Change a report's title or category. Raises and tells as ``update`` does."""
        return await self._changer.edit(entry, title=title, category=category, left_out=left_out)

    async def trash(self, entries: Sequence[ReportEntry]) -> Sequence[ReportEntry]:
        """Put reports in the trash, where they stay for 30 days."""
        await self._changer.trash(entries)
        return [self.index.state.report(entry.id) for entry in entries]

    async def restore(self, entries: Sequence[ReportEntry]) -> Sequence[ReportEntry]:
        """Take reports out of the trash."""
        await self._changer.restore(entries)
        return [self.index.state.report(entry.id) for entry in entries]

    async def add_subject(self, name: str) -> Subject:
        """Enter somebody without an account, by the name this user gives them.

        Raises:
            Duplicate: somebody is called so already.
            InvalidInput: it is no name.
        """
        subject = Subject.new(name, self.subjects)
        await self.index.change([PutSubject(subject)])
        return subject

    async def rename_subject(self, who: str, name: str) -> Subject:
        """Give somebody without an account another name; the records stay as they were signed.

        Raises as ``subject`` and ``add_subject``.
        """
        wanted = self.subject(who)
        known = next((each for each in self.subjects if each.id == wanted), None)
        if known is None:
            raise NotFound("Only people without an account are named here.")
        others = [each for each in self.subjects if each.id != wanted]
        renamed = replace(known, name=Subject.new(name, others).name)
        await self.index.change([PutSubject(renamed)])
        return renamed

    # -- password and kit ------------------------------------------------------------------

    async def change_password(self, *, current: str, new: str) -> None:
        """Change the password; all other sessions end. Raises CredentialsError, InvalidInput."""
        await change_password(self.session, current=current, new=new, index=self.index)

    async def new_kit(self, *, password: str) -> tuple[Kit, str]:
        """A new recovery kit and its code; the code there was opens no kit made from now on."""
        return await new_kit(self.session, password=password, index=self.index)

    async def fresh_kit_file(self) -> Kit:
        """The kit's file afresh, for the code there is. Raises IntegrityError."""
        return await fresh_kit_file(self.session, index=self.index)

    # -- what does the work ----------------------------------------------------------------

    @property
    def contacts(self) -> Contacts:
        """The people this user shares with: found, compared, accepted."""
        return Contacts(self.session, self.index)

    @property
    def sharing(self) -> Sharer:
        """Who reads which report."""
        return Sharer(self._changer)

    @property
    def rekeying(self) -> Rekeyer:
        """New session keys for one's own reports."""
        return Rekeyer(self._changer)

    @property
    def delegations(self) -> Delegator:
        """Whom this user lets read, store and pass on what is stored from now on."""
        return Delegator(self.session, self.index, self.reader)

    @property
    def delegation_inbox(self) -> DelegationInbox:
        """Delegations that came from others, and requests to pass on hers."""
        return DelegationInbox(self.delegations)

    @property
    def delegates(self) -> Delegates:
        """Giving delegates what is stored already."""
        return Delegates(self._changer)

    @property
    def giving_back(self) -> GivingBack:
        """Giving back to whoever lost a key, and being given back."""
        return GivingBack(self.contacts, self.sharing, self.inbox)

    @property
    def inbox(self) -> Inbox:
        """What others share with this user."""
        return Inbox(self.session, self.index, self.reader)

    @property
    def activity(self) -> Activity:
        """Who did what in this account, from where."""
        return Activity(self.session, self.index)

    @property
    def _fetcher(self) -> ReportFetcher:
        return ReportFetcher(self.session, self.index, self.reader)

    @property
    def _changer(self) -> Changer:
        return Changer(self.session, self.index, self.reader)

    async def _sealer(self, labels: Labels, owner: str | None, reports: int) -> Sealer:
        """Who seals: for oneself and one's delegates, or for the person with this email."""
        recipients: Recipients = OwnRecipients(self.session, self.index)
        if owner is not None:
            contact = (await self.contacts.look_up(owner)).contact
            recipients = ForAnother(self.session, self.index, contact, reports)
        return Sealer(self.session, labels, recipients)


@contextlib.contextmanager
def _telling(left_out: Callable[[LeftOut], object] | None, sealer: Sealer) -> Iterator[None]:
    """Tell also where storing fails: what was stored until then is not sealed by the next call."""
    try:
        yield
    finally:
        for each in sealer.left_out.values():
            if left_out is not None:
                left_out(each)


def _counted(progress: Progress | None, total: int, label: str) -> Callable[[int], None] | None:
    """Turn a callback of totals into one of steps."""
    if progress is None:
        return None
    done = 0

    def advance(size_bytes: int) -> None:
        nonlocal done
        done += size_bytes
        progress(done, total, label)

    return advance


def _silent(done: int, total: int | None, label: str) -> None:
    """Nobody is watching."""
