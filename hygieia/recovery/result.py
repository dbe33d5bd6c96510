"""What a recovery reports: while it runs, and at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hygieia.errors import HygieiaError, IntegrityError
from hygieia.ipld.cid import CID
from hygieia.openpgp.notes import Verdict
from hygieia.vault.report_entry import ReportEntry


class Stage(StrEnum):
    """What the recovery is at."""

    KEY = "key"
    INDEX = "index"
    REPORTS = "reports"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recovery is. Totals are 0 until the index is open; ``name`` is the file at work."""

    stage: Stage
    reports: int = 0
    total_reports: int = 0
    size_bytes: int = 0
    total_bytes: int = 0
    name: str = ""


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """A report that was written, its content the one that its author signed.

    ``verdict`` says whether the author's signature could be verified: a stranger's cannot, and
    whoever shows the report has to say so. ``path`` is None when only a list was asked for.
    """

    entry: ReportEntry
    path: Path | None
    sha256: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Missing:
    """A report that could not be restored, and why: missing everywhere, or altered."""

    entry: ReportEntry
    error: HygieiaError

    @property
    def altered(self) -> bool:
        """Whether it is there but does not verify."""
        return isinstance(self.error, IntegrityError)


@dataclass(frozen=True, slots=True)
class NotOpened:
    """An index that a valid record names and that could not be opened, and why."""

    root: CID
    sequence: int
    error: HygieiaError


@dataclass(slots=True)
class RecoveryResult:
    """The end of a recovery.

    ``root`` and ``sequence`` are the index that was opened, ``created`` when its owner wrote it;
    ``from_record`` is false where only the kit's own last index was to be had. ``warnings`` are
    sentences for people. Reports in the trash count in ``missing`` only if altered. ``not_opened``
    are indexes newer than the one opened: what they changed is not among the entries.
    """

    root: CID
    sequence: int
    created: str
    from_record: bool
    entries: list[ReportEntry] = field(default_factory=list)
    restored: list[Restored] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    not_opened: list[NotOpened] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all that the index names was restored, and no newer index was seen."""
        return not self.missing and not self.not_opened
