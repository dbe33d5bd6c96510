"""An open index in memory (docs/spec/13-index.md).

Values are never changed: a change makes a new state that shares what stayed the same, so an old
one is still good when a second device won the race.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygieia.errors import NotFound
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built
from hygieia.ipld.cid import CID
from hygieia.ipld.dagpb import Link
from hygieia.limits import SEGMENT_ENTRIES, SEGMENTS_PER_DIRECTORY
from hygieia.openpgp.session_keys import SessionKey
from hygieia.vault.index.keys import KeysFile
from hygieia.vault.index.note import Floor, IndexNote
from hygieia.vault.index.rows import (
    CONTACTS,
    DELEGATIONS,
    READERS,
    REPORTS,
    DelegationNote,
    Purged,
    Row,
)
from hygieia.vault.people import Contact, FormerKey, People
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Readers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hygieia.openpgp.certificates import Certificate


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its file as the directory links it, and its rows once they were read."""

    file: Built
    rows: tuple[Row, ...] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table. ``places`` says where a row is, by what it is found by: the same for ever.

    ``readers`` runs parallel to ``reports`` and has no places of its own.
    """

    name: str
    entries: int = 0
    segments: tuple[Segment, ...] = ()
    directories: tuple[Built, ...] = ()
    root: Built | None = None
    places: Mapping[str, int] | None = None

    def rows(self) -> Iterator[Row]:
        """Every row that was read, in order of its place."""
        for segment in self.segments:
            yield from segment.rows or ()

    def row(self, place: int) -> Row:
        """The row at ``place``. Raises ``NotFound`` where its segment has not been read."""
        number, offset = divmod(place, SEGMENT_ENTRIES)
        rows = self.segments[number].rows
        if rows is None:
            raise NotFound(f"Segment {number} of the index's {self.name} has not been read.")
        return rows[offset]

    def rows_in(self, number: int) -> int:
        """How many rows segment ``number`` holds: all are full but the last."""
        return min(SEGMENT_ENTRIES, self.entries - number * SEGMENT_ENTRIES)

    def segments_in(self, directory: int) -> int:
        """How many segments ``directory`` (PPP) holds: all are full but the last."""
        return min(SEGMENTS_PER_DIRECTORY, len(self.segments) - directory * SEGMENTS_PER_DIRECTORY)


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index whose signature, bindings and tables have been verified.

    ``header`` is the leaf with the owner's packet that all its envelopes share. ``foreign`` are
    tables and ``pairs`` a directory that this version does not read: their links are carried over.
    """

    root: CID
    note: IndexNote
    session_key: SessionKey
    header: Block
    keys: KeysFile
    keys_file: Built
    tables: Mapping[str, Table]
    foreign: Mapping[str, Link]
    pairs: Link | None = None

    @property
    def sequence(self) -> int:
        """The sequence, the same as in the IPNS record that names this root."""
        return self.note.sequence

    @property
    def floor(self) -> Floor:
        """What a device remembers once the server has acknowledged this index."""
        return Floor(self.note.sequence, str(self.root))

    def table(self, name: str) -> Table:
        """The table of that name, an empty one if the index has none."""
        return self.tables.get(name) or Table(name, places={})

    def find(self, report_id: str) -> ReportEntry | Purged | None:
        """What is known of a report: its entry, that it was purged, or nothing."""
        table = self.table(REPORTS)
        place = (table.places or {}).get(report_id)
        row = None if place is None else table.row(place)
        return row if isinstance(row, ReportEntry | Purged) else None

    def report(self, report_id: str) -> ReportEntry:
        """The entry of a report. Raises ``NotFound`` for an unknown or purged one."""
        found = self.find(report_id)
        if not isinstance(found, ReportEntry):
            raise NotFound("The vault's index has no such report.")
        return found

    def reports(self) -> Iterator[ReportEntry]:
        """Every report, trashed ones included, in the order in which they were entered."""
        return (row for row in self.table(REPORTS).rows() if isinstance(row, ReportEntry))

    def readers(self, report_id: str) -> Readers:
        """Who else reads a report. Raises ``NotFound`` until that segment has been read."""
        place = (self.table(REPORTS).places or {}).get(report_id)
        row = None if place is None else self.table(READERS).row(place)
        if not isinstance(row, Readers):
            raise NotFound("The vault's index has no such report.")
        return row

    def contacts(self) -> Iterator[Contact]:
        """The pinned contacts."""
        return (row for row in self.table(CONTACTS).rows() if isinstance(row, Contact))

    def delegations(self) -> Iterator[DelegationNote]:
        """The delegations given and received, as signed notes."""
        rows = self.table(DELEGATIONS).rows()
        return (row for row in rows if isinstance(row, DelegationNote))

    def people(self, me: Certificate, *more: FormerKey) -> People:
        """Whom the owner knows. ``me`` is the certificate of the key in hand.

        ``more`` are former keys taken as confirmed, to judge by them what was given back.
        """
        return People(me, (*self.keys.former_keys, *more), self.contacts())
