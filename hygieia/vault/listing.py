"""Finding reports in an open index: lists, searches, names (docs/spec/13-index.md §4)."""

from __future__ import annotations

import base64
import binascii
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.errors import InvalidInput, NotFound
from hygieia.vault import words
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_meta import is_cid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hygieia.vault.index import IndexState

MIN_PREFIX: Final = 6


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of reports, newest first, and where the next one begins (None at the end)."""

    reports: tuple[ReportEntry, ...]
    next: str | None


def find_report(state: IndexState, name: str) -> ReportEntry:
    """The report that ``name`` means: an id, a unique prefix of one of 6 or more, or a CID.

    Raises ``NotFound``, or ``InvalidInput`` for a prefix that is too short or not unique.
    """
    if words.is_report_id(name):
        return state.report(name)
    if is_cid(name):
        found = [entry for entry in state.reports() if entry.cid == name]
    elif len(name) < MIN_PREFIX:
        raise InvalidInput(f"A report is named by its CID or {MIN_PREFIX} or more of its id.")
    else:
        found = [entry for entry in state.reports() if entry.id.startswith(name)]
    if len(found) > 1:
        raise InvalidInput("More than one report begins so: give more of its id.")
    if not found:
        raise NotFound(
            "The vault has no such report.",
            hint="Its list: hygieia ls. What others share with you comes in by: hygieia shared",
        )
    return found[0]


def list_reports(
    entries: Iterable[ReportEntry],
    *,
    category: str | None = None,
    subject: frozenset[str] | None = None,
    search: str | None = None,
    trash: bool = False,
    limit: int | None = None,
    after: str | None = None,
) -> Listed:
    """Reports that match, newest first; ``after`` is the ``next`` of the page before.

    ``subject`` are the ids of whoever the records are of, former keys included. Every word of ``search`` has to occur in title, file name or category, whatever its case or
    accents. Raises ``InvalidInput`` for a cursor that is none.
    """
    wanted = _folded(search).split() if search else []
    place = _read_cursor(after) if after is not None else None
    matching = sorted(
        (
            entry
            for entry in entries
            if (entry.deleted is not None) == trash
            and (category is None or entry.category == category)
            and (subject is None or entry.subject in subject)
            and (place is None or _key(entry) < place)
            and all(word in _haystack(entry) for word in wanted)
        ),
        key=_key,
        reverse=True,
    )
    page = matching if limit is None else matching[:limit]
    more = len(page) < len(matching) and bool(page)
    return Listed(tuple(page), _cursor(page[-1]) if more else None)


def _key(entry: ReportEntry) -> tuple[str, str]:
    return entry.created, entry.id


def _cursor(entry: ReportEntry) -> str:
    text = f"{entry.created} {entry.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, str]:
    refused = InvalidInput("This is not a cursor of a list: use the one that the last page gave.")
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise refused from None
    created, _, report_id = text.partition(" ")
    if not words.is_time(created) or not words.is_report_id(report_id):
        raise refused
    return created, report_id


def _haystack(entry: ReportEntry) -> str:
    return _folded(f"{entry.title}\n{entry.file_name}\n{entry.category}")


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in decomposed if not unicodedata.combining(each))
