"""The signed note of an index: ``hygieia index 1`` (docs/spec/13-index.md §3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import Fork, NoteRefused, Rollback
from hygieia.limits import MAX_CURSOR_BYTES, MAX_SEGMENTS, SEGMENT_ENTRIES
from hygieia.openpgp.notes import Verdict, parse_note, verify_note
from hygieia.vault import words
from hygieia.vault.fields import Fields, unknown
from hygieia.vault.report_meta import is_cid

if TYPE_CHECKING:
    from hygieia.openpgp.certificates import Certificate

INDEX_CONTEXT: Final = "hygieia index 1"
MAX_TABLES: Final = 64


@dataclass(frozen=True, slots=True)
class TableSize:
    """How many segments a table has and how many entries in them, purged ones counted."""

    segments: int
    entries: int


@dataclass(frozen=True, slots=True)
class IndexNote:
    """What the owner signed about her index. ``contents`` covers everything below it by CID.

    ``previous`` is the root before this one (None at the first), ``cursor`` how far the server's
    changes have been taken in, ``log_head`` is the hash of the
    activity trail's newest entry that was verified. A table without entries is not listed.
    """

    sequence: int
    previous: str | None
    contents: str
    tables: Mapping[str, TableSize]
    cursor: str | None
    log_head: str | None
    created: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_body(self) -> dict[str, Any]:
        """The JSON object that is signed."""
        return {
            "sequence": self.sequence,
            "previous": self.previous,
            "contents": self.contents,
            "tables": {
                name: {"segments": size.segments, "entries": size.entries}
                for name, size in self.tables.items()
            },
            "cursor": self.cursor,
            "log_head": self.log_head,
            "created": self.created,
        } | dict(self.extra)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> IndexNote:
        """Read a note's body. Raises ``NoteRefused``."""
        fields = Fields(body, NoteRefused, "The index's note")
        return cls(
            sequence=fields.integer("sequence", 1),
            previous=fields.text_or_none("previous", is_cid),
            contents=fields.text("contents", is_cid),
            tables=_read_tables(fields),
            cursor=fields.text_or_none("cursor", is_cursor),
            log_head=fields.text_or_none("log_head", is_cid),
            created=fields.text("created", words.is_time),
            extra=unknown(body, _KNOWN),
        )


_KNOWN: Final = frozenset(
    {"sequence", "previous", "contents", "tables", "cursor", "log_head", "created"}
)


def is_cursor(text: str) -> bool:
    """Whether ``text`` is short enough for a cursor; what it means only the server knows."""
    return len(text.encode()) <= MAX_CURSOR_BYTES


def _read_tables(fields: Fields) -> dict[str, TableSize]:
    tables = {}
    for name, item in fields.object("tables").items():
        if not words.is_slug(name) or not isinstance(item, dict):
            raise fields.refused("tables")
        size = Fields(item, NoteRefused, "A table of the index's note")
        tables[name] = TableSize(size.integer("segments", 1), size.integer("entries", 1))
        if tables[name].segments != -(-tables[name].entries // SEGMENT_ENTRIES):
            raise fields.refused("tables")
    if len(tables) > MAX_TABLES or any(size.segments > MAX_SEGMENTS for size in tables.values()):
        raise fields.refused("tables")
    return tables


def open_index_note(data: bytes, owner: Certificate) -> IndexNote:
    """Read an index note that only ``owner`` may have signed.

    ``owner`` is the certificate of the key in hand. Raises ``NoteRefused``; a key since called
    compromised makes no new index, so it is refused too.
    """
    note = parse_note(data, INDEX_CONTEXT)
    verdict = verify_note(note, owner)
    if verdict is not Verdict.VALID:
        raise NoteRefused(f"The index is not signed by its owner: {verdict.value}.")
    return IndexNote.from_body(note.body)


@dataclass(frozen=True, slots=True)
class Floor:
    """The newest index that a device, or a kit, has known: nothing below it is accepted.

    ``root`` is None where only the sequence is remembered.
    """

    sequence: int
    root: str | None = None


def check_floor(note: IndexNote, root: str, floor: Floor | None) -> None:
    """Refuse an index lower than ``floor``, or a sibling of it (threat MS-22).

    Raises ``Rollback`` for a lower sequence, ``Fork`` for an equal one with another root and for
    the next one when it does not follow from the known root.
    """
    if floor is None:
        return
    if note.sequence < floor.sequence:
        raise Rollback(
            f"The vault's index offered is number {note.sequence}; "
            f"this device has seen number {floor.sequence}.",
            hint="Somebody may be hiding newer reports. Nothing was changed.",
        )
    if floor.root is None:
        return
    if note.sequence == floor.sequence and root != floor.root:
        raise Fork(f"There are two different indexes number {note.sequence}.")
    if note.sequence == floor.sequence + 1 and note.previous != floor.root:
        raise Fork(f"The index number {note.sequence} does not follow from the known one.")
