"""How reports are shown: as promised JSON fields, and as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hygieia.cli.text import size, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hygieia.vault.report_entry import ReportEntry

_FIELDS: Final = (
    "id",
    "cid",
    "title",
    "file_name",
    "media_type",
    "size_bytes",
    "category",
    "revision",
    "created",
    "owner",
)
SHORT_ID_CHARACTERS: Final = 8


def describe(entry: ReportEntry) -> dict[str, Any]:
    """A report as ``--json`` shows it."""
    document = {name: getattr(entry, name) for name in _FIELDS}
    return document | ({"deleted": entry.deleted} if entry.deleted else {})


# Whether the server has a report's blocks; ``unknown``: it was not asked.
STORED: Final = "stored"
MISSING: Final = "missing"
UNKNOWN: Final = "unknown"
# Somebody reads an earlier version of it, and not the present one.
EARLIER_VERSION: Final = "earlier version"
_SHOWN: Final = {MISSING: "missing here", EARLIER_VERSION: "an earlier version"}


def report_table(entries: Iterable[ReportEntry], states: Mapping[str, str] | None = None) -> str:
    """Reports as rows: short ID, date, category, size, title, and a word where there is a state."""
    rows = [
        (
            entry.id[:SHORT_ID_CHARACTERS],
            entry.created[:10],
            entry.category,
            size(entry.size_bytes),
            entry.title,
            _SHOWN.get((states or {}).get(entry.id, ""), ""),
        )
        for entry in entries
    ]
    return table(("ID", "DATE", "CATEGORY", "SIZE", "TITLE", ""), rows) if rows else ""
