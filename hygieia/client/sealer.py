"""Sealing files into reports, each to whoever may read it at that moment (docs/spec/12, 17)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hygieia.client.commits import NewRoot
from hygieia.client.journal import Source
from hygieia.client.labels import Labels
from hygieia.client.recipients import Recipients, Sealing
from hygieia.client.session import Session
from hygieia.client.sources import FoundFile, check_unchanged, reading
from hygieia.errors import UsageError
from hygieia.openpgp.times import format_time, now
from hygieia.vault.report_build import (
    BuiltReport,
    ReportSecrets,
    Revision,
    SealedData,
    finish_report,
    make_header,
    seal_report,
)
from hygieia.vault.share_note import Readers
from hygieia.vault.sharing import LeftOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.vault.report_meta import Draft


@dataclass(frozen=True, slots=True)
class Ready:
    """A sealed report with its readers and their notes, and the file it was if there is one."""

    source: Source | None
    report: BuiltReport
    readers: Readers
    notes: tuple[bytes, ...]

    @property
    def root(self) -> NewRoot:
        """What is committed."""
        return NewRoot(self.report.entry.id, self.report.entry.cid, self.notes)

    @property
    def document(self) -> dict[str, Any]:
        """What a journal remembers of it before it is committed."""
        return {"entry": self.report.entry.to_json(), "readers": self.readers.to_json()}


@dataclass(slots=True)
class Sealer:
    """Makes reports of files. Its methods take a core for a while: call them in a thread."""

    session: Session
    labels: Labels
    recipients: Recipients
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    """Delegates who were not encrypted to, by key."""

    def draft(self, file_name: str, title: str) -> Draft:
        """What the meta of a file will say."""
        me, owner = self.session.key.key_id, self.recipients.owner
        return self.labels.draft(file_name, title, owner=owner, author=me)

    def short(self, files: Sequence[FoundFile]) -> list[Ready]:
        """Whole reports of short files, each under a session key of its own.

        So a later attempt needs no memory of it. Raises ``ContentChanged``, ``UsageError``.
        """
        sealed = []
        for file in files:
            content = _read_short(file)
            draft = self.draft(file.file_name, file.title)
            sealing = self._sealing(draft)
            report = seal_report(
                draft,
                content,
                sealing.certificates,
                key=self.session.key,
                created=format_time(now()),
            )
            sealed.append(self._noted(file.source, report, sealing))
        return sealed

    def finish(
        self,
        draft: Draft,
        report_id: str,
        sealed: SealedData,
        made: ReportSecrets,
        source: Source | None,
    ) -> Ready:
        """The report of a long content, whose payload has been sent: its header comes last."""
        sealing = self._sealing(draft)
        report = finish_report(
            draft,
            Revision.first(report_id),
            sealed,
            make_header(made.session_key, sealing.certificates),
            session_key=made.session_key,
            key=self.session.key,
            created=format_time(now()),
        )
        return self._noted(source, report, sealing)

    def _sealing(self, draft: Draft) -> Sealing:
        sealing = self.recipients.of(draft)
        for each in sealing.left_out:
            self.left_out[each.key] = each
        return sealing

    def _noted(self, source: Source | None, report: BuiltReport, sealing: Sealing) -> Ready:
        readers, notes = sealing.note(
            report.entry.id, report.recipients, self.session, format_time(now())
        )
        return Ready(source, report, readers, notes)


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
