"""Re-key: the same report under a new session key (docs/spec/19-re-key-and-give-back.md).

The content goes through this machine and is never written down. What an interrupted run has sent
is not sent again: its session key and leaves stand sealed in a journal, under the old payload's CID.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hygieia.client.batches import BatchSender
from hygieia.client.changing import Changer
from hygieia.client.commits import end_upload, is_open, start_upload
from hygieia.client.current import Current
from hygieia.client.journal import Journal, Pending, Source, job_name
from hygieia.client.passing import pass_on
from hygieia.client.read_back import read_back
from hygieia.errors import Conflict, InvalidInput
from hygieia.limits import MAX_EARLIER_REVISIONS
from hygieia.openpgp.session_keys import SessionKey
from hygieia.openpgp.times import format_time, now
from hygieia.vault.index import PutReport
from hygieia.vault.rekey import chain_before, issued_again
from hygieia.vault.report import Report
from hygieia.vault.report_build import ReportSecrets, Revision
from hygieia.vault.report_change import draft_of, require_owner
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Readers
from hygieia.vault.sharing import NextReaders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hygieia.openpgp.certificates import Certificate
    from hygieia.vault.people import Contact
    from hygieia.vault.report_build import BuiltReport

_REKEY: Final = "rekey"


@dataclass(frozen=True, slots=True)
class RekeyPlan:
    """What a new session key will do: who goes on, who does not, and which revisions there are."""

    current: Current
    going_on: NextReaders
    earlier: tuple[Report, ...]


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """A report under its new session key; ``issued_again`` and ``dropped`` count revisions."""

    entry: ReportEntry
    readers: Readers
    going_on: NextReaders
    issued_again: int
    dropped: int


@dataclass(slots=True)
class Rekeyer:
    """Makes session keys of an open vault's own reports new."""

    changer: Changer

    async def plan(self, entry: ReportEntry) -> RekeyPlan:
        """Look at what a re-key will do. Raises ``Forbidden``, ``Conflict`` as ``rekey``."""
        if entry.deleted is not None:
            raise Conflict(
                "A report in the trash is not re-keyed.",
                hint=f"Take it out first: hygieia restore {entry.id[:8]}",
            )
        current = await self.changer.current(entry)
        require_owner(current.report.meta, self.changer.people)
        await self.changer.refuse_older(current)
        going_on = await self.changer.going_on(current)
        versions = await self.changer.fetcher.versions(current.entry)
        earlier = chain_before(current.report, [version.report for version in versions])
        return RekeyPlan(current, going_on, tuple(earlier))

    async def rekey(
        self,
        entry: ReportEntry,
        *,
        keep: Sequence[Contact] = (),
        earlier: bool = False,
        progress: Callable[[int, int | None, str], None] | None = None,
    ) -> Rekeyed:
        """Encrypt a report anew for all its readers but those taken off and those left out.

        Args:
            entry: a report of one's own.
            keep: contacts who are to go on reading; each must be among its readers.
            earlier: issue earlier revisions again, for oneself alone, instead of dropping them.
            progress: told of the bytes that went through.

        Raises:
            Forbidden: somebody else's report. Conflict: it is in the trash.
            InvalidInput: somebody to be kept does not read it, or there are too many revisions.
            StaleRevision: another device changed it meanwhile; run it again.
            IntegrityError: its content is not what was signed. Nothing was changed.
        """
        plan = await self.plan(entry)
        _check_kept(plan.going_on, keep)
        again = plan.earlier if earlier else ()
        if len(again) > MAX_EARLIER_REVISIONS:
            raise InvalidInput(
                f"At most {MAX_EARLIER_REVISIONS} earlier revisions can be issued again.",
                hint="Save those you need with: hygieia get REPORT --revision N",
            )
        run = _Run(self.changer, plan, again, progress)
        built, readers = await run.whole()
        return Rekeyed(
            built.entry, readers, run.going_on, len(again), len(plan.earlier) - len(again)
        )


def _check_kept(going_on: NextReaders, keep: Sequence[Contact]) -> None:
    kept = {certificate.key_id for certificate in going_on.certificates}
    for contact in keep:
        if contact.key not in kept:
            raise InvalidInput(
                f"{contact.email} does not read this report, or cannot be encrypted to.",
                hint="Nothing was changed. Share it afterwards: hygieia share",
            )


class _Run:
    """One re-key: its journal, its upload, and the revisions one after the other."""

    def __init__(
        self,
        changer: Changer,
        plan: RekeyPlan,
        again: Sequence[Report],
        progress: Callable[[int, int | None, str], None] | None,
    ) -> None:
        self._changer = changer
        self._session = changer.session
        self._plan = plan
        self.going_on = plan.going_on
        self._again = again
        self._progress = progress
        self._done_bytes = 0
        current = plan.current.report
        self._total_bytes = sum(each.meta.size_bytes for each in (*again, current))
        # Content and recipients decide. A session key that an interrupted run wrapped for somebody
        # who is no longer to read the report must not come back: it may have been sent already.
        payloads = [str(each.encrypted.data.cid) for each in (*again, current)]
        recipients = sorted(each.key_id for each in plan.going_on.certificates)
        job = job_name([], [_REKEY, current.meta.id, *payloads, "for", *recipients])
        folder = self._session.store.uploads_folder
        self._journal = Journal(folder, job, self._session.unlocked.state_key)

    async def whole(self) -> tuple[BuiltReport, Readers]:
        transport, current = self._session.transport, self._plan.current
        with self._journal as journal:
            upload = await self._upload(journal)
            sender = BatchSender(transport, upload)
            try:
                built = await self._build(sender)
                await sender.flush()
            except BaseException:
                await sender.abandon()
                raise
            newest = built[-1]
            by = self.going_on.delegations
            readers, notes = await asyncio.to_thread(self._changer.noted, newest, by)
            await self._changer.replace_root(
                newest.entry,
                current,
                upload,
                _REKEY,
                [note.decode() for note in notes],
                [str(each.root.cid) for each in built[:-1]],
            )
            roots = [each.root.cid for each in built]
            await read_back(self._changer.source, sender.sample, roots)
            entered = PutReport(newest.entry, readers, drops_earlier=True)
            await self._changer.index.change([entered])
            journal.finish()
        await end_upload(transport, upload)
        return newest, readers

    async def _upload(self, journal: Journal) -> str:
        transport = self._session.transport
        if journal.upload is not None and await is_open(transport, journal.upload):
            return journal.upload
        upload = await start_upload(transport)
        journal.use_upload(upload)
        return upload

    async def _build(self, sender: BatchSender) -> list[BuiltReport]:
        """Every revision to be committed, the new current one last; their blocks are sent."""
        me = self._session.key.key_id
        current = self._plan.current.report
        number, previous = current.meta.revision, str(current.encrypted.meta.cid)
        built: list[BuiltReport] = []
        for report in self._again:
            number += 1
            revision = issued_again(report, number, previous, me)
            built.append(await self._one(report, revision, sender, last=False))
            previous = built[-1].entry.meta_payload_cid
        revision = issued_again(current, number + 1, previous, me)
        built.append(await self._one(current, revision, sender, last=True))
        return built

    async def _readers(self) -> Sequence[Certificate]:
        """Those of the plan who are to go on reading now: the content may have taken an hour.

        Nobody else, for whom the journal would not be this one.
        """
        await self._changer.index.refresh()
        now_on = await self._changer.going_on(self._plan.current)
        planned = {each.key_id for each in self._plan.going_on.certificates}
        kept = tuple(each for each in now_on.certificates if each.key_id in planned)
        self.going_on = replace(now_on, certificates=kept)
        return kept

    async def _one(
        self, report: Report, revision: Revision, sender: BatchSender, *, last: bool
    ) -> BuiltReport:
        pending = self._pending(report)
        made = ReportSecrets(SessionKey(pending.session_key), pending.salt)
        sealed = await pass_on(
            self._changer.fetcher,
            report,
            made,
            sender,
            journal=self._journal,
            pending=pending,
            progress=lambda size: self._advance(size, report.meta.file_name),
        )
        readers = await self._readers() if last else ()
        draft = draft_of(report.meta, self._session.key.key_id)
        built = await asyncio.to_thread(
            self._changer.finish, draft, revision, sealed, made, readers
        )
        await sender.add(built.blocks)
        return built

    def _pending(self, report: Report) -> Pending:
        """What an earlier run remembers of this content, or a new session key for it."""
        source = Source(str(report.encrypted.data.cid), report.meta.size_bytes, 0)
        pending = self._journal.pending.get(source.path)
        if pending is None:
            made = ReportSecrets.make()
            pending = Pending(
                source=source,
                report=report.meta.id,
                session_key=made.session_key.octets,
                salt=made.salt,
                created=format_time(now()),
            )
            self._journal.begin(pending)
        return pending

    def _advance(self, size_bytes: int, label: str) -> None:
        self._done_bytes += size_bytes
        if self._progress is not None:
            self._progress(self._done_bytes, self._total_bytes, label)
