"""Reading an index, block by verified block, without doing I/O (docs/spec/13-index.md §6).

Readings (``hygieia.vault.reading``): whoever drives them gets the blocks, from wherever it likes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hygieia.errors import DagRefused, EnvelopeRefused, IntegrityError
from hygieia.ipld.builder import Built
from hygieia.ipld.cid import CID, RAW
from hygieia.ipld.dagpb import Link
from hygieia.ipld.shapes import KEYS_NAME, EnvelopeNode, IndexNode, read_envelope, read_index_root
from hygieia.ipld.unixfs import Child, decode_directory
from hygieia.limits import (
    MAX_KEYS_FILE_BYTES,
    MAX_NOTE_BYTES,
    MAX_SEGMENT_BYTES,
    SEGMENTS_PER_DIRECTORY,
)
from hygieia.openpgp.envelope import open_small
from hygieia.openpgp.payload import decrypt_bytes
from hygieia.vault.index.keys import KeysFile
from hygieia.vault.index.note import Floor, IndexNote, TableSize, check_floor, open_index_note
from hygieia.vault.index.rows import (
    CONTACTS,
    DELEGATIONS,
    READERS,
    REPORTS,
    TABLES,
    Row,
    read_segment,
    row_key,
)
from hygieia.vault.index.state import IndexState, Segment, Table
from hygieia.vault.reading import Reading, fetch, read_payload

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from hygieia.ipld.block import Block
    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.openpgp.session_keys import SessionKey


def open_index(
    root: CID, key: UnlockedKey, *, floor: Floor | None = None, known: IndexState | None = None
) -> Reading[IndexState]:
    """Read and verify an index: its note, its keys and every table but ``readers``.

    Only ``index.pgp`` is opened by its PKESK. Segments of ``readers`` are read when a change
    needs them (``load_for``): listing a vault does not. Of an index that is ``known`` already,
    whatever is the same file is not read again.

    Raises ``NoteRefused`` when the owner did not sign it, ``Rollback`` or ``Fork`` against
    ``floor``, ``DagRefused``, ``EnvelopeRefused`` and ``IntegrityError`` when a part was changed.
    """
    [root_block] = yield from fetch([root])
    node = read_index_root(root_block.data)
    note, session_key, header = yield from _open_note(node, key)
    check_floor(note, str(root), floor)
    if note.contents != str(node.contents.cid):
        raise IntegrityError("The index's contents are not those that its owner signed.")
    [contents] = yield from fetch([node.contents.cid])
    links = _entries(contents, node.contents, {KEYS_NAME, *note.tables})
    keys = yield from _open_file(links[KEYS_NAME], header.cid, session_key, MAX_KEYS_FILE_BYTES)
    state = IndexState(
        root=root,
        note=note,
        session_key=session_key,
        header=header,
        keys=KeysFile.from_bytes(keys),
        keys_file=_built(links[KEYS_NAME]),
        tables={},
        foreign={name: links[name] for name in note.tables if name not in TABLES},
        pairs=node.pairs,
    )
    tables: dict[str, Table] = {}
    for name in (REPORTS, READERS, CONTACTS, DELEGATIONS):
        if name in note.tables:
            before = known.table(name) if known is not None else Table(name)
            table = yield from _open_table(state, name, note.tables[name], links[name], before)
            tables[name] = table
    _check_parallel(tables)
    return replace(state, tables=tables)


def load_segments(state: IndexState, name: str, numbers: Sequence[int]) -> Reading[IndexState]:
    """Read segments ``numbers`` of a table, those that have not been read yet."""
    table = state.table(name)
    wanted = [number for number in sorted(set(numbers)) if table.segments[number].rows is None]
    if not wanted:
        return state
    links = [_link(table.segments[number].file) for number in wanted]
    segments = list(table.segments)
    for start in range(0, len(wanted), SEGMENTS_PER_DIRECTORY):
        part = wanted[start : start + SEGMENTS_PER_DIRECTORY]
        read = yield from _open_segments(
            state, table, part, links[start : start + SEGMENTS_PER_DIRECTORY]
        )
        for number, rows in zip(part, read, strict=True):
            segments[number] = Segment(segments[number].file, rows)
            if name == READERS:
                _check_same_places(state.table(REPORTS).segments[number].rows, rows)
    tables = dict(state.tables) | {name: replace(table, segments=tuple(segments))}
    return replace(state, tables=tables)


def load_all(state: IndexState) -> Reading[IndexState]:
    """Read what has not been read yet: needed before a new session key."""
    return load_segments(state, READERS, range(len(state.table(READERS).segments)))


def _open_note(
    node: IndexNode, key: UnlockedKey
) -> Generator[Sequence[CID], Sequence[Block], tuple[IndexNote, SessionKey, Block]]:
    [file_node] = yield from fetch([node.index.cid])
    envelope = read_envelope(file_node.data, node.index)
    [header] = yield from fetch([envelope.header.cid])
    payload = yield from read_payload(envelope.payload, MAX_NOTE_BYTES)
    opened = open_small(header.data, payload, key, MAX_NOTE_BYTES)
    return open_index_note(opened.content, key.certificate), opened.session_key, header


def _open_table(
    state: IndexState, name: str, size: TableSize, link: Link, known: Table
) -> Reading[Table]:
    [block] = yield from fetch([link.cid])
    count = -(-size.segments // SEGMENTS_PER_DIRECTORY)
    names = [f"{number:03d}" for number in range(count)]
    directories = _entries(block, link, set(names))
    table = Table(
        name=name,
        entries=size.entries,
        directories=tuple(_built(directories[each]) for each in names),
        root=_built(link),
        segments=(_UNREAD,) * size.segments,
    )
    segments: list[Segment] = []
    for number, each in enumerate(names):
        first = number * SEGMENTS_PER_DIRECTORY
        before = known.segments[first : first + SEGMENTS_PER_DIRECTORY]
        segments += yield from _open_directory(state, table, number, directories[each], before)
    return replace(table, segments=tuple(segments), places=_places(name, segments))


def _open_directory(
    state: IndexState, table: Table, number: int, link: Link, known: Sequence[Segment]
) -> Reading[list[Segment]]:
    [block] = yield from fetch([link.cid])
    names = [f"{place:02d}.pgp" for place in range(table.segments_in(number))]
    entries = _entries(block, link, set(names))
    links = [entries[name] for name in names]
    segments = [Segment(_built(each)) for each in links]
    first = number * SEGMENTS_PER_DIRECTORY
    for place, before in enumerate(known[: len(segments)]):
        same = before.file.cid == links[place].cid
        if same and len(before.rows or ()) == table.rows_in(first + place):
            segments[place] = before
    if table.name == READERS:
        return segments
    unread = [place for place, segment in enumerate(segments) if segment.rows is None]
    rows = yield from _open_segments(
        state, table, [first + place for place in unread], [links[place] for place in unread]
    )
    for place, found in zip(unread, rows, strict=True):
        segments[place] = Segment(segments[place].file, found)
    return segments


def _open_segments(
    state: IndexState, table: Table, numbers: Sequence[int], links: Sequence[Link]
) -> Reading[list[tuple[Row, ...]]]:
    """Read the segments that ``links`` lead to; ``numbers`` are their places in the table."""
    nodes = yield from fetch([link.cid for link in links])
    envelopes = [
        _checked(read_envelope(node.data, link), state.header.cid)
        for node, link in zip(nodes, links, strict=True)
    ]
    payloads = yield from _payloads([envelope.payload for envelope in envelopes])
    return [
        read_segment(
            table.name,
            decrypt_bytes(payload, state.session_key, MAX_SEGMENT_BYTES),
            table.rows_in(number),
        )
        for number, payload in zip(numbers, payloads, strict=True)
    ]


def _open_file(link: Link, header: CID, session_key: SessionKey, max_bytes: int) -> Reading[bytes]:
    [node] = yield from fetch([link.cid])
    envelope = _checked(read_envelope(node.data, link), header)
    payload = yield from read_payload(envelope.payload, max_bytes)
    return decrypt_bytes(payload, session_key, max_bytes)


def _checked(envelope: EnvelopeNode, header: CID) -> EnvelopeNode:
    """Everything in an index is to the owner alone, under one header (docs/spec/13)."""
    if envelope.header.cid != header:
        raise EnvelopeRefused("A part of the index has recipients of its own.")
    return envelope


def _payloads(children: Sequence[Child]) -> Reading[list[bytes]]:
    """Read many payloads, of which nearly all are one leaf, in as few steps as possible."""
    single = [child for child in children if child.cid.codec == RAW]
    leaves = yield from fetch([child.cid for child in single])
    found = dict(zip((child.cid for child in single), leaves, strict=True))
    payloads = []
    for child in children:
        if child.cid.codec == RAW:
            payloads.append(_exact(found[child.cid].data, child))
        else:
            payloads.append((yield from read_payload(child, MAX_SEGMENT_BYTES)))
    return payloads


def _exact(data: bytes, child: Child) -> bytes:
    if len(data) != child.size_bytes:
        raise DagRefused("A leaf of the index has another size than its node says.")
    return data


def _entries(block: Block, link: Link, names: set[str]) -> Mapping[str, Link]:
    """A directory's entries, which must have exactly ``names``. Raises ``DagRefused``."""
    entries = {entry.name: entry for entry in decode_directory(block.data).entries}
    if link.tsize != len(block.data) + sum(entry.tsize for entry in entries.values()):
        raise DagRefused("A directory of the index has a false size.")
    if set(entries) != names:
        raise DagRefused("A directory of the index has other entries than its owner signed.")
    return entries


def _places(name: str, segments: Sequence[Segment]) -> dict[str, int] | None:
    if name == READERS:
        return None
    rows = [row for segment in segments for row in segment.rows or ()]
    places = {row_key(row): place for place, row in enumerate(rows)}
    if len(places) != len(rows):
        raise IntegrityError("The index has an entry twice.")
    return places


def _check_parallel(tables: Mapping[str, Table]) -> None:
    """``readers`` has an entry for every report, at the same place."""
    entries = [tables[name].entries if name in tables else 0 for name in (REPORTS, READERS)]
    if entries[0] != entries[1]:
        raise IntegrityError("The index's reports and readers do not run parallel.")


def _check_same_places(reports: Sequence[Row] | None, readers: Sequence[Row]) -> None:
    if reports is None or [row_key(row) for row in reports] != [row_key(row) for row in readers]:
        raise IntegrityError("The index's reports and readers do not run parallel.")


def _built(link: Link) -> Built:
    return Built(link.cid, 0, link.tsize)


def _link(built: Built) -> Link:
    return Link(built.cid, "", built.tsize)


_UNREAD = Segment(Built(CID.of(RAW, b""), 0, 0))
