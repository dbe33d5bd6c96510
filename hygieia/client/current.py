"""A report as it is now: what a change is based on (docs/spec/12)."""

from __future__ import annotations

from dataclasses import dataclass

from hygieia.vault.report import Report
from hygieia.vault.report_entry import ReportEntry


@dataclass(frozen=True, slots=True)
class Current:
    """A report as the server has it now, verified."""

    report: Report
    rev: int

    @property
    def entry(self) -> ReportEntry:
        """The report's line in the index, as of now."""
        encrypted = self.report.encrypted
        return ReportEntry.of(
            self.report.meta, cid=str(encrypted.root), meta_payload_cid=str(encrypted.meta.cid)
        )

    def is_ahead_of(self, entry: ReportEntry) -> bool:
        """Whether it was changed since the index's ``entry`` was made."""
        return self.report.meta.revision > entry.revision
