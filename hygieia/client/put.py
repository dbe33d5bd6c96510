"""Storing files: encrypt, upload, commit, enter in the index; run again to resume (docs/spec/10).

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
    commit_reports,
    end_upload,
    is_open,
    start_upload,
    upload_for,
)
from hygieia.client.content import upload_content
from hygieia.client.index_sync import IndexSync
from hygieia.client.journal import Journal, Pending, job_name
from hygieia.client.read_back import Sample, read_back
from hygieia.client.sealer import Ready, Sealer
from hygieia.client.session import Session
from hygieia.client.sources import (
    FoundFile,
    check_unchanged,
    found_now,
    reading,
)
from hygieia.client.stored_before import StoredBefore
from hygieia.client.stored_digests import StoredDigests
from hygieia.errors import ContentChanged, Duplicate
from hygieia.ipld.cid import CID
from hygieia.limits import CAR_BATCH_BYTES, SMALL_REPORT_BYTES
from hygieia.openpgp.session_keys import SessionKey
from hygieia.openpgp.times import format_time, now
from hygieia.vault import words
from hygieia.vault.index import PutReport
from hygieia.vault.report_build import (
    ReportSecrets,
)
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Readers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from hygieia.client.labels import Labels
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
    sealer: Sealer
    progress: Progress
    again: bool = False
    """Store what the vault has already once more."""
    already: dict[str, ReportEntry] = field(default_factory=dict)
    """What was left out: the reports that hold it, by the file's path."""
    _journal: Journal | None = None
    _upload: str = ""
    _stored: dict[str, ReportEntry] = field(default_factory=dict)
    _unindexed: list[PutReport] = field(default_factory=list)
    _done_bytes: int = 0
    _total_bytes: int | None = None
    _commit: asyncio.Task[None] | None = None

    async def put_files(self, files: Sequence[FoundFile]) -> list[ReportEntry]:
        """Store files; what an interrupted run stored, or the vault has, is not stored again.

        Raises:
            HygieiaError: what stopped it; run again to go on from there.
        """
        self.labels.check_count(len(files))
        self.sealer.draft(files[0].file_name, files[0].title).check()
        self._total_bytes = sum(file.source.size_bytes for file in files)
        whom = [self.sealer.recipients.owner] if self.sealer.recipients.owner_email else []
        job = job_name([file.path for file in files], [*self.labels.as_options(), *whom])
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
        draft = self.sealer.draft(
            words.clean_file_name(file_name), words.title_from_file_name(file_name)
        )
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
        for file in rest if self._knows_nothing else await self._not_in_the_vault(rest):
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

    @property
    def labels(self) -> Labels:
        """What is said about the files."""
        return self.sealer.labels

    @property
    def _knows_nothing(self) -> bool:
        """Whether everything is stored, whatever is there: asked for, or in another's vault."""
        return self.again or self.sealer.recipients.owner_email is not None

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
        before = StoredBefore(self.session, self.index)
        committed = await asyncio.gather(
            *(self._committed(file, journal, before) for file in files)
        )
        rest = []
        for file, change in zip(files, committed, strict=True):
            if change is None:
                rest.append(file)
                continue
            self._stored[file.source.path] = change.entry
            self._unindexed.append(change)
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

    async def _committed(
        self, file: FoundFile, journal: Journal, before: StoredBefore
    ) -> PutReport | None:
        document = journal.committed_report(file.source)
        if document is None:
            return None
        # Before delegations a journal held the entry alone.
        entry = ReportEntry.from_json(document.get("entry", document))
        known = document.get("readers")
        readers = None if known is None else Readers.from_json(known)
        return await before.find(PutReport(entry, readers))

    # -- short files ---------------------------------------------------------------------

    async def _put_group(self, group: Sequence[FoundFile], journal: Journal) -> None:
        await self.sealer.recipients.refresh()
        sealed = await asyncio.to_thread(self.sealer.short, group)
        await self._settle()
        self._commit = asyncio.create_task(self._commit_group(sealed, journal))

    async def _commit_group(self, sealed: Sequence[Ready], journal: Journal) -> None:
        sender = BatchSender(self.session.transport, self._upload)
        try:
            for ready in sealed:
                await sender.add(ready.report.blocks)
            await sender.flush()
        except BaseException:
            await sender.abandon()
            raise
        await self._commit_reports(sealed, journal, sender.sample)
        self._advance(sum(ready.source.size_bytes for ready in sealed if ready.source), "")

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
        except (ContentChanged, Duplicate):
            # The file is not what it was, or its id is taken by what this user cannot look at: a
            # new session key, and nothing of the old upload.
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
        draft = self.sealer.draft(file.file_name, file.title)
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
        await self.sealer.recipients.refresh()
        source = pending.source if pending is not None else None
        ready = await asyncio.to_thread(self.sealer.finish, draft, report_id, sealed, made, source)
        await sender.add(ready.report.blocks)
        await sender.flush()
        [done] = await self._commit_reports([ready], self._journal, sender.sample)
        return done.entry

    # -- both ----------------------------------------------------------------------------

    async def _commit_reports(
        self, reports: Sequence[Ready], journal: Journal | None, sample: Sample
    ) -> Sequence[PutReport]:
        known = [(each.source, each.document) for each in reports if each.source]
        if journal is not None and known:
            await asyncio.to_thread(journal.record_committed, known)
        roots = [each.root for each in reports]
        whom = self.sealer.recipients.owner_email
        changed = await commit_reports(self.session.transport, self._upload, roots, whom)
        await read_back(self.index.source, sample, [CID.parse(one.root) for one in roots])
        metas = [each.report.meta for each in reports]
        digests = {meta.data_payload_cid: meta.sha256 for meta in metas}
        await asyncio.to_thread(self._digests.remember, digests)
        made = [await self._as_committed(each, changed) for each in reports]
        for each, change in zip(reports, made, strict=True):
            if each.source is not None:
                self._stored[each.source.path] = change.entry
        self._unindexed += made
        if len(self._unindexed) >= _INDEX_EVERY_REPORTS:
            await self._renew_index()
        return made

    async def _as_committed(self, ready: Ready, changed: Collection[str]) -> PutReport:
        made = PutReport(ready.report.entry, ready.readers)
        if made.entry.id not in changed:
            return made
        found = await StoredBefore(self.session, self.index).find(made)
        if found is None:
            raise Duplicate("A report with this id is there already, and cannot be opened.")
        return found

    async def _renew_index(self) -> None:
        changes, self._unindexed = self._unindexed, []
        if changes:
            await self.index.change(changes, self._upload)

    @property
    def _digests(self) -> StoredDigests:
        return StoredDigests(self.session.store.digests_file, self.session.unlocked.state_key)

    def _advance(self, size_bytes: int, label: str) -> None:
        self._done_bytes += size_bytes
        self.progress(self._done_bytes, self._total_bytes, label)
