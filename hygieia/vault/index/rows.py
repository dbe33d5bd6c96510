"""Rows of the index's tables and how a segment lists them (docs/spec/13-index.md §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import IntegrityError, InvalidInput
from hygieia.limits import (
    MAX_NOTE_BYTES,
    MAX_SEGMENT_BYTES,
    REPORTS_SEGMENT_FLOOR_BYTES,
    SEGMENT_ENTRIES,
    TABLE_SEGMENT_FLOOR_BYTES,
)
from hygieia.openpgp.strict_json import dumps, loads_list, loads_object
from hygieia.vault import words
from hygieia.vault.people import Contact
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Readers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REPORTS: Final = "reports"
READERS: Final = "readers"
CONTACTS: Final = "contacts"
DELEGATIONS: Final = "delegations"
_END_CONTEXT: Final = "hygieia delegation-end 1"
TABLES: Final = (REPORTS, READERS, CONTACTS, DELEGATIONS)


@dataclass(frozen=True, slots=True)
class Purged:
    """What stays of a report that is gone: its place, so that none is ever renumbered."""

    id: str

    def to_json(self) -> dict[str, Any]:
        """The entry as it stands in a segment."""
        return {"id": self.id, "purged": True}


@dataclass(frozen=True, slots=True)
class DelegationNote:
    """A delegation, given or received, as its signed note; judged where it is used."""

    id: str
    note: Mapping[str, Any]

    @property
    def is_end(self) -> bool:
        """Whether it says that the delegation has ended."""
        text = self.note.get("note")
        return isinstance(text, str) and text.partition("\n")[0] == _END_CONTEXT

    def to_json(self) -> dict[str, Any]:
        """The entry as it stands in a segment."""
        return dict(self.note)

    @classmethod
    def from_json(cls, note: Mapping[str, Any]) -> DelegationNote:
        """Read an entry; its id stands in the note's text. Raises ``IntegrityError``."""
        text = note.get("note")
        try:
            said = text.partition("\n")[2] if isinstance(text, str) else ""
            body = loads_object(said, max_bytes=MAX_NOTE_BYTES)
        except InvalidInput as error:
            raise IntegrityError("A delegation in the index cannot be read.") from error
        found = body.get("id") or body.get("delegation")
        if not isinstance(found, str) or not words.is_report_id(found):
            raise IntegrityError("A delegation in the index has no id.")
        return cls(found, note)


Row = ReportEntry | Readers | Purged | Contact | DelegationNote


def row_key(row: Row) -> str:
    """What a row is found by: a report's or delegation's id, a contact's key."""
    return row.key if isinstance(row, Contact) else row.id


def floor_bytes(table: str) -> int:
    """The least length that a segment of ``table`` is padded to."""
    return REPORTS_SEGMENT_FLOOR_BYTES if table == REPORTS else TABLE_SEGMENT_FLOOR_BYTES


def write_segment(rows: Sequence[Row]) -> bytes:
    """The JSON list that is encrypted. Raises ``InvalidInput`` above 16 MiB."""
    text = dumps([row.to_json() for row in rows]).encode()
    if len(text) > MAX_SEGMENT_BYTES:
        raise InvalidInput("A segment of the index would be longer than it may be.")
    return text


def read_segment(table: str, data: bytes, count: int) -> tuple[Row, ...]:
    """Read a segment that must hold ``count`` rows. Raises ``IntegrityError``."""
    try:
        items = loads_list(data, max_bytes=MAX_SEGMENT_BYTES)
    except InvalidInput as error:
        raise IntegrityError("A segment of the index cannot be read.") from error
    if len(items) != count or count > SEGMENT_ENTRIES:
        raise IntegrityError("A segment of the index has another number of entries than signed.")
    if not all(isinstance(item, dict) for item in items):
        raise IntegrityError("A segment of the index holds something else than entries.")
    return tuple(_read_row(_READ[table], item) for item in items)


def _read_row(read: Callable[[Mapping[str, Any]], Row], item: Mapping[str, Any]) -> Row:
    if item.get("purged") is not True:
        return read(item)
    found = item.get("id")
    if not isinstance(found, str) or not words.is_report_id(found):
        raise IntegrityError("A purged entry of the index has no id.")
    return Purged(found)


_READ: Final[dict[str, Callable[[Mapping[str, Any]], Row]]] = {
    REPORTS: ReportEntry.from_json,
    READERS: Readers.from_json,
    CONTACTS: Contact.from_json,
    DELEGATIONS: DelegationNote.from_json,
}
