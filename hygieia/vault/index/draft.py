"""An index being changed: which rows are touched by which change (docs/spec/13-index.md §6)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hygieia.errors import InvalidInput
from hygieia.limits import SEGMENT_ENTRIES
from hygieia.vault.index.changes import (
    Change,
    Purge,
    PutContact,
    PutDelegation,
    PutFormerKey,
    PutReaders,
    PutReport,
    PutSubject,
    SetCursor,
    SetDeleted,
    SetDigests,
    SetKeys,
    SetLogHead,
)
from hygieia.vault.index.note import is_cursor
from hygieia.vault.index.read import load_segments
from hygieia.vault.index.rows import (
    CONTACTS,
    DELEGATIONS,
    READERS,
    REPORTS,
    DelegationNote,
    Purged,
    Row,
    row_key,
)
from hygieia.vault.people import Contact
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Readers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hygieia.openpgp.certificates import Certificate
    from hygieia.vault.index.keys import KeysFile
    from hygieia.vault.index.state import IndexState
    from hygieia.vault.reading import Reading


class Draft:
    """Takes changes one after the other. ``touched`` holds whole segments, by table and number."""

    def __init__(self, state: IndexState, me: Certificate) -> None:
        self._state = state
        self._me = me
        self._new_places: dict[str, dict[str, int]] = {}
        self._entries = {name: table.entries for name, table in state.tables.items()}
        self.touched: dict[str, dict[int, list[Row]]] = {}
        self.cursor = state.note.cursor
        self.log_head = state.note.log_head
        self.keys = state.keys
        self._must_write = False

    @property
    def changed(self) -> bool:
        """Whether anything differs from the state that the draft began with."""
        state = self._state
        differs = self.cursor != state.note.cursor or self.keys != state.keys
        return bool(self.touched) or differs or self._must_write

    def apply(self, change: Change) -> None:
        """Take one change. Raises ``InvalidInput`` when a segment that it needs is not read."""
        match change:
            case PutReport():
                self._put_report(change)
            case SetDeleted(report_id, time):
                self._set_deleted(report_id, time)
            case PutReaders(readers):
                self._put_readers(readers)
            case Purge(report_id):
                self._purge(report_id)
            case PutContact(contact, instead_of):
                self._put_contact(contact, instead_of)
            case PutDelegation(delegation):
                self._put_delegation(delegation)
            case SetCursor(cursor):
                self.cursor = _checked_cursor(cursor)
            case SetLogHead(head, by_itself):
                self._must_write = by_itself and head != self.log_head
                self.log_head = head
            case SetDigests() | SetKeys() | PutSubject() | PutFormerKey():
                self.keys = _changed_keys(self.keys, change)

    def _put_report(self, change: PutReport) -> None:
        entry, readers = change.entry, change.readers
        place = self._place(REPORTS, entry.id)
        if place is None:
            self._append(REPORTS, entry)
            self._append(READERS, readers or Readers(entry.id))
            return
        known = self._row(REPORTS, place)
        if not isinstance(known, ReportEntry) or entry.revision < known.revision:
            return
        same_key = entry.data_payload_cid == known.data_payload_cid
        if readers is not None and same_key:
            named, readers = readers, self._without_dropped(place, readers)
            if readers != named and entry.revision == known.revision:
                entry = known  # its root is older than the one without them
        self._set(
            REPORTS,
            place,
            replace(entry, deleted=known.deleted, extra={**known.extra, **entry.extra}),
        )
        if readers is not None:
            earlier = () if change.drops_earlier else self._earlier(place, readers, same_key)
            self._set_readers(place, readers, earlier, same_key=same_key)

    def _without_dropped(self, place: int, readers: Readers) -> Readers:
        """Without packets that are dropped, as a device names them that had not heard of it.

        No packet comes back: who is given a report again gets a new one. What such a device says of
        the other readers is added to what is known, since it began from less.
        """
        known = self._row(READERS, place)
        if not isinstance(known, Readers):
            return readers
        left = [each for each in readers.readers if each.pkesk not in known.removed_packets]
        if len(left) == len(readers.readers):
            return readers
        stay = [each for each in known.readers if each.pkesk not in readers.removed_packets]
        there = {each.pkesk for each in stay}
        new = [each for each in left if each.pkesk not in there]
        return replace(readers, readers=(*stay, *new))

    def _set_readers(
        self, place: int, readers: Readers, earlier: tuple[str, ...], *, same_key: bool
    ) -> None:
        """Whoever was taken off stays so until the session key is new, or she reads it again.

        Under whichever of her keys. A device that had not heard of it must not put her back (docs/spec/13-index.md §6).
        """
        known = self._row(READERS, place)
        if same_key and isinstance(known, Readers):
            gone: Iterable[str] = ()
            if known.removed:
                people = self._state.people(self._me)
                back = {people.person(each.key) for each in readers.readers}
                gone = (key for key in known.removed if people.person(key) not in back)
            packets = (*readers.removed_packets, *known.removed_packets)
            readers = replace(
                readers,
                removed=tuple(dict.fromkeys((*readers.removed, *gone))),
                removed_packets=tuple(dict.fromkeys(packets)),
            )
        kept_out = self._kept_out(place, readers)
        self._set(READERS, place, replace(readers, earlier=earlier, kept_out=kept_out))

    def _kept_out(self, place: int, readers: Readers) -> tuple[str, ...]:
        """Whom the owner took off, under any session key, and has not given the report again."""
        known = self._row(READERS, place)
        keys = {*readers.kept_out, *(known.kept_out if isinstance(known, Readers) else ())}
        if not keys:
            return ()
        people = self._state.people(self._me)
        reading = {people.person(each.key) for each in readers.readers}
        return tuple(sorted(key for key in keys if people.person(key) not in reading))

    def _earlier(self, place: int, readers: Readers, same_key: bool) -> tuple[str, ...]:
        """Whoever had an earlier session key, and is not among ``readers`` under any of her keys."""
        known = self._row(READERS, place)
        keys = set(readers.earlier)
        if isinstance(known, Readers):
            keys.update(known.earlier)
            if not same_key:
                keys.update(known.removed, (each.key for each in known.readers))
        if not keys:
            return ()
        people = self._state.people(self._me)
        reading = {people.person(each.key) for each in readers.readers}
        return tuple(sorted(key for key in keys if people.person(key) not in reading))

    def _set_deleted(self, report_id: str, time: str | None) -> None:
        place = self._place(REPORTS, report_id)
        known = None if place is None else self._row(REPORTS, place)
        if place is not None and isinstance(known, ReportEntry):
            self._set(REPORTS, place, known.deleted_at(time))

    def _put_readers(self, readers: Readers) -> None:
        place = self._place(REPORTS, readers.id)
        if place is not None and isinstance(self._row(READERS, place), Readers):
            readers = self._without_dropped(place, readers)
            earlier = self._earlier(place, readers, same_key=True)
            self._set_readers(place, readers, earlier, same_key=True)

    def _purge(self, report_id: str) -> None:
        place = self._place(REPORTS, report_id)
        if place is not None:
            self._set(REPORTS, place, Purged(report_id))
            self._set(READERS, place, Purged(report_id))

    def _put_contact(self, contact: Contact, instead_of: str | None) -> None:
        place = self._place(CONTACTS, contact.key)
        if place is None and instead_of is not None:
            place = self._place(CONTACTS, instead_of)
        if place is None:
            # Another device has decided about this email since: what was judged without that is void.
            if contact.email not in self._emails():
                self._append(CONTACTS, contact)
            return
        known = self._row(CONTACTS, place)
        # A key is one person's: under another email it takes nobody's place (15.1). And where another
        # key stands than the two that were judged, a device has decided since.
        judged = contact.key if instead_of is None else instead_of
        if isinstance(known, Contact) and known.email == contact.email and known.key == judged:
            self._set(CONTACTS, place, contact)

    def _emails(self) -> set[str]:
        places = range(self._entries.get(CONTACTS, 0))
        rows = (self._row(CONTACTS, place) for place in places)
        return {row.email for row in rows if isinstance(row, Contact)}

    def _put_delegation(self, delegation: DelegationNote) -> None:
        place = self._place(DELEGATIONS, row_key(delegation))
        if place is None:
            self._append(DELEGATIONS, delegation)
            return
        known = self._row(DELEGATIONS, place)
        # An end sticks, whoever delivers the delegation once more (17.2).
        if delegation.is_end or not (isinstance(known, DelegationNote) and known.is_end):
            self._set(DELEGATIONS, place, delegation)

    def _place(self, table: str, key: str) -> int | None:
        place = (self._state.table(table).places or {}).get(key)
        return self._new_places.get(table, {}).get(key) if place is None else place

    def _row(self, table: str, place: int) -> Row:
        return self._segment(table, place // SEGMENT_ENTRIES)[place % SEGMENT_ENTRIES]

    def _set(self, table: str, place: int, row: Row) -> None:
        if self._row(table, place) != row:
            self._touch(table, place // SEGMENT_ENTRIES)[place % SEGMENT_ENTRIES] = row

    def _append(self, table: str, row: Row) -> None:
        place = self._entries.get(table, 0)
        number, offset = divmod(place, SEGMENT_ENTRIES)
        if offset:
            self._touch(table, number).append(row)
        else:
            self.touched.setdefault(table, {})[number] = [row]
        self._entries[table] = place + 1
        self._new_places.setdefault(table, {})[row_key(row)] = place

    def _touch(self, table: str, number: int) -> list[Row]:
        touched = self.touched.setdefault(table, {})
        if number not in touched:
            touched[number] = list(self._segment(table, number))
        return touched[number]

    def _segment(self, table: str, number: int) -> Sequence[Row]:
        touched = self.touched.get(table, {}).get(number)
        if touched is not None:
            return touched
        rows = self._state.table(table).segments[number].rows
        if rows is None:
            raise InvalidInput("A segment of the index has to be read before it is changed.")
        return rows


def _changed_keys(
    keys: KeysFile, change: SetDigests | SetKeys | PutSubject | PutFormerKey
) -> KeysFile:
    match change:
        case SetDigests(parts):
            return keys.with_digests(parts)
        case PutSubject(subject):
            return keys.with_subject(subject)
        case PutFormerKey(former):
            return keys.with_former_key(former)
        case SetKeys(new):
            return new


def _checked_cursor(cursor: str) -> str:
    if not is_cursor(cursor):
        raise InvalidInput("The server's cursor is longer than it may be.")
    return cursor


def load_for(state: IndexState, changes: Iterable[Change]) -> Reading[IndexState]:
    """Read the segments of ``readers`` that ``changes`` will touch."""
    reports = state.table(REPORTS)
    numbers: set[int] = set()
    for change in changes:
        match change:
            case PutReport(entry, readers):
                if readers is None and entry.id in (reports.places or {}):
                    continue
                report_id = entry.id
            case PutReaders(readers):
                report_id = readers.id
            case Purge(report_id):
                pass
            case _:
                continue
        place = (reports.places or {}).get(report_id)
        if place is not None:
            numbers.add(place // SEGMENT_ENTRIES)
        elif reports.entries % SEGMENT_ENTRIES:
            numbers.add(reports.entries // SEGMENT_ENTRIES)
    return load_segments(state, READERS, sorted(numbers))
