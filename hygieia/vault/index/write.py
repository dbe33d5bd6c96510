"""Writing an index: changes in, only the blocks that changed out (docs/spec/13-index.md §6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hygieia.errors import InvalidInput, LimitExceeded
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, directory, join
from hygieia.ipld.shapes import CONTENTS_NAME, INDEX_NAME, KEYS_NAME, PAIRS_NAME
from hygieia.limits import MAX_SEGMENTS, SEGMENT_ENTRIES, SEGMENTS_PER_DIRECTORY
from hygieia.openpgp.session_keys import SessionKey, make_session_key
from hygieia.openpgp.signing import sign_note
from hygieia.vault.index.draft import Draft
from hygieia.vault.index.note import INDEX_CONTEXT, IndexNote, TableSize
from hygieia.vault.index.rows import CONTACTS, TABLES, Row, floor_bytes, row_key, write_segment
from hygieia.vault.index.state import IndexState, Segment, Table
from hygieia.vault.report_build import make_header, seal_content

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.vault.index.changes import Change
    from hygieia.vault.index.keys import KeysFile


@dataclass(frozen=True, slots=True)
class IndexUpdate:
    """A new index: its state, and the blocks that are new in it, children first, the root last."""

    state: IndexState
    blocks: tuple[Block, ...]

    @property
    def size_bytes(self) -> int:
        """What the change adds to the store."""
        return sum(len(block.data) for block in self.blocks)


def new_index(keys: KeysFile, *, key: UnlockedKey, created: str) -> IndexUpdate:
    """The first index of an account: no tables yet, sequence 1."""
    return _fresh(keys, key, make_session_key(), _Signed(1, None, None, None, created))


def apply(
    state: IndexState,
    changes: Sequence[Change],
    *,
    key: UnlockedKey,
    created: str,
    above: int = 0,
) -> IndexUpdate | None:
    """Apply ``changes`` in order; None when they change nothing.

    Segments of ``readers`` that they need have to be read first (``load_for``). ``above`` lifts
    the sequence over one that a device remembers after the server was restored from a backup.
    """
    draft = Draft(state, key.certificate)
    for change in changes:
        draft.apply(change)
    if not draft.changed and not above:
        return None
    writer = _Writer(state.session_key, state.header)
    tables = dict(state.tables)
    for name in TABLES:
        if name in draft.touched:
            tables[name] = writer.table(state.table(name), draft.touched[name])
    keys_file = state.keys_file
    if draft.keys != state.keys:
        keys_file = writer.envelope(draft.keys.to_bytes())
    signed = _Signed(
        sequence=max(state.sequence, above) + 1,
        previous=str(state.root),
        cursor=draft.cursor,
        log_head=draft.log_head,
        created=created,
    )
    changed = replace(state, tables=tables, keys=draft.keys, keys_file=keys_file)
    return _seal(writer, changed, signed, key)


def rekey(
    state: IndexState, *, key: UnlockedKey, created: str, log_head: str | None = None
) -> IndexUpdate:
    """The whole index under a new session key, as after a change of password.

    Everything has to be read first (``load_all``); tables of later versions cannot be carried
    over under another key, so an index that has some raises ``InvalidInput``. ``log_head``: the
    activity trail's newer head, if any.
    """
    if state.foreign:
        raise InvalidInput("The index was written by a newer version: update this program first.")
    session_key = make_session_key()
    header = make_header(session_key, [key.certificate])
    writer = _Writer(session_key, header.block)
    tables = {
        name: writer.table(Table(name, places={}), _all_rows(table))
        for name, table in state.tables.items()
    }
    changed = replace(
        state,
        session_key=session_key,
        header=header.block,
        tables=tables,
        keys_file=writer.envelope(state.keys.to_bytes()),
    )
    head = log_head or state.note.log_head
    signed = _Signed(state.sequence + 1, str(state.root), state.note.cursor, head, created)
    update = _seal(writer, changed, signed, key)
    return IndexUpdate(update.state, (header.block, *update.blocks))


@dataclass(frozen=True, slots=True)
class _Signed:
    sequence: int
    previous: str | None
    cursor: str | None
    log_head: str | None
    created: str


class _Writer:
    """Collects new blocks; everything it encrypts is under one session key and header."""

    def __init__(self, session_key: SessionKey, header: Block) -> None:
        self._session_key = session_key
        self._header = Built(header.cid, len(header.data), len(header.data))
        self.blocks: list[Block] = []

    def envelope(self, content: bytes, floor: int = 0) -> Built:
        """Encrypt ``content`` under a fresh salt; its file node."""
        blocks, payload = seal_content(content, self._session_key, floor=floor)
        node, built = join(self._header, payload)
        self.blocks += [*blocks, node]
        return built

    def directory(self, entries: Sequence[tuple[str, Built]]) -> Built:
        """A directory over ``entries``."""
        block, built = directory(entries)
        self.blocks.append(block)
        return built

    def table(self, table: Table, touched: Mapping[int, Sequence[Row]]) -> Table:
        """The table with segments ``touched`` replaced or added."""
        segments = list(table.segments)
        for number in sorted(touched):
            rows = tuple(touched[number])
            file = self.envelope(write_segment(rows), floor_bytes(table.name))
            segments[number : number + 1] = [Segment(file, rows)]
        if len(segments) > MAX_SEGMENTS:
            raise LimitExceeded("The vault's index is full.")
        directories = list(table.directories)
        for number in sorted({place // SEGMENTS_PER_DIRECTORY for place in touched}):
            first = number * SEGMENTS_PER_DIRECTORY
            files = [each.file for each in segments[first : first + SEGMENTS_PER_DIRECTORY]]
            built = self.directory([(f"{n:02d}.pgp", file) for n, file in enumerate(files)])
            directories[number : number + 1] = [built]
        root = self.directory([(f"{n:03d}", each) for n, each in enumerate(directories)])
        last = segments[-1].rows
        before = (len(segments) - 1) * SEGMENT_ENTRIES
        entries = table.entries if last is None else before + len(last)
        return Table(
            name=table.name,
            entries=entries,
            segments=tuple(segments),
            directories=tuple(directories),
            root=root,
            places=_places(table, touched, entries),
        )


def _places(
    table: Table, touched: Mapping[int, Sequence[Row]], entries: int
) -> Mapping[str, int] | None:
    # A contact may have taken a new key, by which it is found from now on, in its old place.
    same_keys = entries == table.entries and table.name != CONTACTS
    if table.places is None or same_keys:
        return table.places
    new = {
        row_key(row): number * SEGMENT_ENTRIES + offset
        for number, rows in touched.items()
        for offset, row in enumerate(rows)
    }
    return {**table.places, **new}


def _all_rows(table: Table) -> dict[int, Sequence[Row]]:
    found: dict[int, Sequence[Row]] = {}
    for number, segment in enumerate(table.segments):
        if segment.rows is None:
            raise InvalidInput("The whole index has to be read before it gets a new key.")
        found[number] = segment.rows
    return found


def _fresh(
    keys: KeysFile, key: UnlockedKey, session_key: SessionKey, signed: _Signed
) -> IndexUpdate:
    header = make_header(session_key, [key.certificate])
    writer = _Writer(session_key, header.block)
    keys_file = writer.envelope(keys.to_bytes())
    state = IndexState(
        root=header.block.cid,
        note=_note(signed, "", {}, {}),
        session_key=session_key,
        header=header.block,
        keys=keys,
        keys_file=keys_file,
        tables={},
        foreign={},
    )
    update = _seal(writer, state, signed, key)
    return IndexUpdate(update.state, (header.block, *update.blocks))


def _seal(writer: _Writer, state: IndexState, signed: _Signed, key: UnlockedKey) -> IndexUpdate:
    """Build ``contents``, sign the note over it, and tie both under the root."""
    entries = [(KEYS_NAME, state.keys_file)]
    entries += [(name, table.root) for name, table in state.tables.items() if table.root]
    entries += [(name, Built(link.cid, 0, link.tsize)) for name, link in state.foreign.items()]
    contents = writer.directory(entries)
    sizes = {name: TableSize(len(t.segments), t.entries) for name, t in state.tables.items()}
    foreign = {name: state.note.tables[name] for name in state.foreign}
    note = _note(signed, str(contents.cid), sizes | foreign, state.note.extra)
    index = writer.envelope(sign_note(key, INDEX_CONTEXT, note.to_body()))
    top = [(CONTENTS_NAME, contents), (INDEX_NAME, index)]
    if state.pairs is not None:
        top.append((PAIRS_NAME, Built(state.pairs.cid, 0, state.pairs.tsize)))
    root = writer.directory(top)
    return IndexUpdate(replace(state, root=root.cid, note=note), tuple(writer.blocks))


def _note(
    signed: _Signed, contents: str, tables: Mapping[str, TableSize], extra: Mapping[str, object]
) -> IndexNote:
    return IndexNote(
        sequence=signed.sequence,
        previous=signed.previous,
        contents=contents,
        tables=tables,
        cursor=signed.cursor,
        log_head=signed.log_head,
        created=signed.created,
        extra=extra,
    )
