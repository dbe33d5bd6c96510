"""Storing files: encrypt, upload, commit, enter in the index; run again to resume (FORMATS §9).

Short files travel in groups, sealed in a thread while the group before is being sent and
committed; a long one is streamed. The index is renewed once for many reports. What the vault has
already is left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from hygieia.client.already import AlreadyStored
from hygieia.client.batches import BatchSender
from hygieia.client.commits import (
    NewRoot,
    commit_reports,
    end_upload,
    is_committed,
    is_open,
    start_upload,
    upload_for,
)
from hygieia.client.content import upload_content
from hygieia.client.index_sync import IndexSync
from hygieia.client.journal import Journal, Pending, Source, job_name
from hygieia.client.labels import Labels
from hygieia.client.read_back import Sample, read_back
from hygieia.client.session import Session
from hygieia.client.sources import (
    FoundFile,
    check_unchanged,
    found_now,
    reading,
)
from hygieia.client.stored_digests import StoredDigests
from hygieia.errors import ContentChanged, UsageError
from hygieia.ipld.cid import CID
from hygieia.limits import CAR_BATCH_BYTES, SMALL_REPORT_BYTES
from hygieia.openpgp.session_keys import SessionKey
from hygieia.openpgp.times import format_time, now
from hygieia.vault import words
from hygieia.vault.index import PutReport
from hygieia.vault.report_build import (
    BuiltReport,
    ReportSecrets,
    Revision,
    finish_report,
    make_header,
    seal_report,
)
from hygieia.vault.report_entry import ReportEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hygieia.vault.report_meta import Draft

    Progress = Callable[[int, int | None, str], None]

_GROUP_REPORTS: Final = 128
# An index change writes whole segments: 2,000 reports renew 63 of them, once.
_INDEX_EVERY_REPORTS: Final = 2000


@dataclass(slots=True)
class Putter:
    """Stores files for a signed-in account."""

    session: Session
    index: IndexSync
    labels: Labels
    progress: Progress
    again: bool = False
    """Store what the vault has already once more."""
    already: dict[str, ReportEntry] = field(default_factory=dict)
    """What was left out: the reports that hold it, by the file's path."""
    _journal: Journal | None = None
    _upload: str = ""
    _stored: dict[str, ReportEntry] = field(default_factory=dict)
    _unindexed: list[ReportEntry] = field(default_factory=list)
    _done_bytes: int = 0
    _total_bytes: int | None = None
    _commit: asyncio.Task[None] | None = None

    async def put_files(self, files: Sequence[FoundFile]) -> list[ReportEntry]:
        """Store files; what an interrupted run stored, or the vault has, is not stored again.

        Raises:
            HygieiaError: what stopped it; run again to go on from there.
        """
        if not files:
            raise UsageError("There is nothing to store: the folders hold no files.")
        if len(files) > 1 and (self.labels.title or self.labels.file_name):
            raise UsageError("One title or name cannot be given to several files.")
        self._draft(files[0].file_name, files[0].title).check()
        self._total_bytes = sum(file.source.size_bytes for file in files)
        job = job_name([file.path for file in files], self.labels.as_options())
        folder = self.session.store.uploads_folder
        with Journal(folder, job, self.session.unlocked.state_key) as journal:
            self._journal = journal
            try:
                await self._run(files, journal)
            finally:
                await self._settle()
            journal.finish()
        await end_upload(self.session.transport, self._upload)
        # In the order asked for, which is not the order of storing.
        return [self._stored[file.source.path] for file in files]

    async def put_stream(self, stream: BinaryIO, file_name: str) -> ReportEntry:
        """Store what a stream gives; it cannot be read twice, so it cannot be resumed."""
        draft = self._draft(words.clean_file_name(file_name), words.title_from_file_name(file_name))
        draft.check()
        async with upload_for(self.session.transport) as self._upload:
            sender = BatchSender(self.session.transport, self._upload)
            made = ReportSecrets.make()
            try:
                entry = await self._send_long(stream, draft, words.make_id(), made, sender, None)
            except BaseException:
                await sender.abandon()
                raise
        await self._renew_index()
        return entry

    async def _run(self, files: Sequence[FoundFile], journal: Journal) -> None:
        self._upload = await self._upload_of(journal)
        group: list[FoundFile] = []
        group_bytes = 0
        rest = await self._not_yet_stored(files, journal)
        for file in rest if self.again else await self._not_in_the_vault(rest):
            size = file.source.size_bytes
            if size > SMALL_REPORT_BYTES:
                await self._put_long(file, journal)
                continue
            if len(group) == _GROUP_REPORTS or group_bytes + size > CAR_BATCH_BYTES:
                await self._put_group(group, journal)
                group, group_bytes = [], 0
            group.append(file)
            group_bytes += size
        if group:
            await self._put_group(group, journal)
        await self._settle()
        await self._renew_index()

    async def _upload_of(self, journal: Journal) -> str:
        """The job's upload: the one it had, while the server keeps it, or a new one."""
        transport = self.session.transport
        if journal.upload is not None and await is_open(transport, journal.upload):
            return journal.upload
        upload = await start_upload(transport)
        journal.use_upload(upload)
        return upload

    async def _not_yet_stored(
        self, files: Sequence[FoundFile], journal: Journal
    ) -> list[FoundFile]:
        """Leave out what this job stored before it was interrupted, if the server has it."""
        committed = await asyncio.gather(*(self._committed(file, journal) for file in files))
        rest = []
        for file, entry in zip(files, committed, strict=True):
            if entry is None:
                rest.append(file)
                continue
            self._stored[file.source.path] = entry
            self._unindexed.append(entry)
            self._advance(file.source.size_bytes, "")
        return rest

    async def _not_in_the_vault(self, files: Sequence[FoundFile]) -> list[FoundFile]:
        """Leave out what the vault has already, whenever and wherever it was stored."""
        vault = AlreadyStored(
            self.session,
            self.index,
            self._digests,
            upload=self._upload,
            subject=self.labels.subject or self.session.key.key_id,
            reads=lambda name: self._advance(0, name),
        )
        named = [(file, self.labels.file_name or file.file_name) for file in files]
        self.already = await vault.among(named)
        self._stored |= self.already
        for file in files:
            if file.source.path in self.already:
                self._advance(file.source.size_bytes, "")
        return [file for file in files if file.source.path not in self.already]

    async def _committed(self, file: FoundFile, journal: Journal) -> ReportEntry | None:
        document = journal.committed_report(file.source)
        if document is None:
            return None
        entry = ReportEntry.from_json(document)
        there = await is_committed(self.session.transport, entry.id, entry.cid)
        return entry if there else None

    # -- short files ---------------------------------------------------------------------

    async def _put_group(self, group: Sequence[FoundFile], journal: Journal) -> None:
        sealed = await asyncio.to_thread(self._seal_group, group)
        await self._settle()
        self._commit = asyncio.create_task(self._commit_group(sealed, journal))

    def _seal_group(self, group: Sequence[FoundFile]) -> list[tuple[Source, BuiltReport]]:
        key, sealed = self.session.key, []
        for file in group:
            # Sealed at once under a key of its own, so that a later attempt needs no memory of it.
            content = _read_short(file)
            report = seal_report(
                self._draft(file.file_name, file.title),
                content,
                [key.certificate],
                key=key,
                created=format_time(now()),
            )
            sealed.append((file.source, report))
        return sealed

    async def _commit_group(
        self, sealed: Sequence[tuple[Source, BuiltReport]], journal: Journal
    ) -> None:
        sender = BatchSender(self.session.transport, self._upload)
        try:
            for _, report in sealed:
                await sender.add(report.blocks)
            await sender.flush()
        except BaseException:
            await sender.abandon()
            raise
        await self._commit_reports(sealed, journal, sender.sample)
        self._advance(sum(source.size_bytes for source, _ in sealed), "")

    async def _settle(self) -> None:
        """Wait for the group under way; its failure is raised here."""
        commit, self._commit = self._commit, None
        if commit is not None:
            await commit

    # -- long files ----------------------------------------------------------------------

    async def _put_long(self, file: FoundFile, journal: Journal) -> None:
        await self._settle()
        before = self._done_bytes
        pending = journal.pending.get(file.source.path)
        if pending is None or pending.source != file.source:
            pending = self._begin(file, journal)
        try:
            await self._stream_long(file, pending)
        except ContentChanged:
            # The file is not what it was: a new session key, and nothing of the old upload.
            self._done_bytes = before
            changed = await asyncio.to_thread(found_now, file)
            entry = await self._stream_long(changed, self._begin(changed, journal))
            self._stored[file.source.path] = entry

    def _begin(self, file: FoundFile, journal: Journal) -> Pending:
        made = ReportSecrets.make()
        pending = Pending(
            source=file.source,
            report=words.make_id(),
            session_key=made.session_key.octets,
            salt=made.salt,
            created=format_time(now()),
        )
        journal.begin(pending)
        return pending

    async def _stream_long(self, file: FoundFile, pending: Pending) -> ReportEntry:
        sender = BatchSender(self.session.transport, self._upload)
        made = ReportSecrets(SessionKey(pending.session_key), pending.salt)
        draft = self._draft(file.file_name, file.title)
        draft.check()
        try:
            with reading(file.path) as stream:
                return await self._send_long(stream, draft, pending.report, made, sender, pending)
        except BaseException:
            await sender.abandon()
            raise

    async def _send_long(
        self,
        stream: BinaryIO,
        draft: Draft,
        report_id: str,
        made: ReportSecrets,
        sender: BatchSender,
        pending: Pending | None,
    ) -> ReportEntry:
        label = draft.file_name
        sealed = await upload_content(
            stream,
            made,
            sender,
            journal=self._journal,
            pending=pending,
            progress=lambda size: self._advance(size, label),
        )
        if pending is not None:
            await asyncio.to_thread(check_unchanged, pending.source)
        key = self.session.key
        report = finish_report(
            draft,
            Revision.first(report_id),
            sealed,
            make_header(made.session_key, [key.certificate]),
            session_key=made.session_key,
            key=key,
            created=format_time(now()),
        )
        await sender.add(report.blocks)
        await sender.flush()
        source = pending.source if pending is not None else None
        await self._commit_reports([(source, report)], self._journal, sender.sample)
        return report.entry

    # -- both ----------------------------------------------------------------------------

    def _draft(self, file_name: str, title: str) -> Draft:
        me = self.session.key.key_id
        return self.labels.draft(file_name, title, owner=me, author=me)

    async def _commit_reports(
        self,
        reports: Sequence[tuple[Source | None, BuiltReport]],
        journal: Journal | None,
        sample: Sample,
    ) -> None:
        known = [(source, report.entry.to_json()) for source, report in reports if source]
        if journal is not None and known:
            await asyncio.to_thread(journal.record_committed, known)
        roots = [NewRoot(report.entry.id, report.entry.cid) for _, report in reports]
        await commit_reports(self.session.transport, self._upload, roots)
        await read_back(self.index.source, sample, [CID.parse(one.root) for one in roots])
        digests = {report.meta.data_payload_cid: report.meta.sha256 for _, report in reports}
        await asyncio.to_thread(self._digests.remember, digests)
        for source, report in reports:
            if source is not None:
                self._stored[source.path] = report.entry
            self._unindexed.append(report.entry)
        if len(self._unindexed) >= _INDEX_EVERY_REPORTS:
            await self._renew_index()

    async def _renew_index(self) -> None:
        entries, self._unindexed = self._unindexed, []
        if entries:
            await self.index.change([PutReport(entry) for entry in entries])

    @property
    def _digests(self) -> StoredDigests:
        return StoredDigests(self.session.store.digests_file, self.session.unlocked.state_key)

    def _advance(self, size_bytes: int, label: str) -> None:
        self._done_bytes += size_bytes
        self.progress(self._done_bytes, self._total_bytes, label)


def _read_short(file: FoundFile) -> bytes:
    """Read a file that was short when it was found, and must still be what it was then."""
    with reading(file.path) as stream:
        content = stream.read(file.source.size_bytes + 1)
    check_unchanged(file.source)
    if len(content) != file.source.size_bytes:
        # Files of the system (/proc) say no true size; they are read as a stream.
        raise UsageError(
            f"{file.path.name!r} does not hold as many bytes as it says.",
            hint=f"Store it from standard input: hygieia put --name {file.path.name!r} - < FILE",
        )
    return content
