"""The shape of a vault index's DAG, inspected by its difference from the pinned one (docs/spec/13).

A directory tree of envelopes and nothing else: ``index.pgp``, ``contents`` with ``keys.pgp`` and a
tree of segments for each table, perhaps ``pairs``. Whatever the pinned root already links under the
same name is complete and is not visited, so a small change costs a small inspection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.domain.block_facts import Wanted
from hygieia.domain.envelope_shape import (
    Seen,
    inspect_header,
    inspect_payloads,
    require_payload_at_most,
)
from hygieia.errors import DagRefused, QuotaExceeded
from hygieia.ipld.cid import CID, DAG_PB
from hygieia.ipld.shapes import KEYS_NAME, read_envelope, read_index_root
from hygieia.ipld.unixfs import decode_directory
from hygieia.limits import (
    MAX_PAIRS_LINKS,
    MAX_SEGMENT_BYTES,
    MAX_SEGMENTS,
    SEGMENTS_PER_DIRECTORY,
)

if TYPE_CHECKING:
    from hygieia.domain.inspection import Inspection
    from hygieia.ipld.dagpb import Link

MAX_TABLES: Final = 16
_TABLE: Final = re.compile(r"[a-z0-9-]{1,40}")
_GROUP: Final = re.compile(r"[0-9]{3}")
_SEGMENT: Final = re.compile(r"[0-9]{2}\.pgp")
_PAIR: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_MAX_GROUPS: Final = MAX_SEGMENTS // SEGMENTS_PER_DIRECTORY


@dataclass(frozen=True, slots=True)
class IndexShape:
    """An index that was found whole. ``new_cids`` are those the pinned root does not vouch for."""

    root: CID
    size_bytes: int
    new_cids: tuple[CID, ...]


@dataclass(frozen=True, slots=True)
class _Level:
    """What may stand in a directory: how many entries, of what names, and what they are."""

    names: re.Pattern[str]
    max_entries: int
    below: _Level | None


_SEGMENTS: Final = _Level(_SEGMENT, SEGMENTS_PER_DIRECTORY, None)
_GROUPS: Final = _Level(_GROUP, _MAX_GROUPS, _SEGMENTS)
_PAIRS: Final = _Level(_PAIR, MAX_PAIRS_LINKS, None)


def inspect_index(root: CID, pinned: CID | None, max_bytes: int) -> Inspection[IndexShape]:
    """Inspect the index at ``root``, knowing that everything below ``pinned`` is complete.

    Raises as ``inspect_report`` does.
    """
    seen = Seen()
    facts = yield Wanted(whole=[root] if pinned is None else [root, pinned])
    octets = facts[root].start
    seen.add(root)
    node = read_index_root(octets)
    links = [node.index, node.contents] + ([node.pairs] if node.pairs else [])
    size_bytes = len(octets) + sum(link.tsize for link in links)
    if size_bytes > max_bytes:
        raise QuotaExceeded("The account does not have room for this index.")
    old = None if pinned is None else read_index_root(facts[pinned].start)
    yield from _inspect_files([node.index], [old.index] if old else [], seen)
    yield from _inspect_contents(node.contents, old.contents if old else None, seen)
    if node.pairs is not None:
        old_pairs = old.pairs if old else None
        yield from _inspect_directory(node.pairs, old_pairs, _PAIRS, seen)
    return IndexShape(root, size_bytes, tuple(seen.cids))


def _inspect_contents(link: Link, old: Link | None, seen: Seen) -> Inspection[None]:
    if link == old:
        return
    entries, old_entries = yield from _entries(link, old, seen)
    keys = [entry for entry in entries if entry.name == KEYS_NAME]
    tables = [entry for entry in entries if entry.name != KEYS_NAME]
    named_rightly = all(_TABLE.fullmatch(table.name) for table in tables)
    if len(keys) != 1 or len(tables) > MAX_TABLES or not named_rightly:
        raise DagRefused("An index's contents are not keys.pgp and tables.")
    yield from _inspect_files(keys, old_entries, seen)
    by_name = {entry.name: entry for entry in old_entries}
    for table in tables:
        yield from _inspect_directory(table, by_name.get(table.name), _GROUPS, seen)


def _inspect_directory(link: Link, old: Link | None, level: _Level, seen: Seen) -> Inspection[None]:
    if link == old:
        return
    entries, old_entries = yield from _entries(link, old, seen)
    if not 1 <= len(entries) <= level.max_entries:
        raise DagRefused("A directory of the index has too few or too many entries.")
    if not all(level.names.fullmatch(entry.name) for entry in entries):
        raise DagRefused("A directory of the index has an entry that does not belong there.")
    if level.below is None:
        yield from _inspect_files(entries, old_entries, seen)
        return
    by_name = {entry.name: entry for entry in old_entries}
    for entry in entries:
        yield from _inspect_directory(entry, by_name.get(entry.name), level.below, seen)


def _entries(
    link: Link, old: Link | None, seen: Seen
) -> Inspection[tuple[tuple[Link, ...], tuple[Link, ...]]]:
    """A directory's entries and those that the pinned index has in its place."""
    if link.cid.codec != DAG_PB or (old is not None and old.cid.codec != DAG_PB):
        raise DagRefused("An entry of the index is not a directory.")
    facts = yield Wanted(whole=[link.cid] if old is None else [link.cid, old.cid])
    seen.add(link.cid)
    octets = facts[link.cid].start
    entries = decode_directory(octets).entries
    if link.tsize != len(octets) + sum(entry.tsize for entry in entries):
        raise DagRefused("A directory's Tsize is false.")
    old_entries = () if old is None else decode_directory(facts[old.cid].start).entries
    return entries, old_entries


def _inspect_files(
    links: list[Link] | tuple[Link, ...], old: list[Link] | tuple[Link, ...], seen: Seen
) -> Inspection[None]:
    """Inspect the envelopes that the pinned index does not have under the same names."""
    known = set(old)
    fresh = [link for link in links if link not in known]
    if not fresh:
        return
    if any(link.cid.codec != DAG_PB for link in fresh):
        raise DagRefused("An entry of the index is not an envelope.")
    facts = yield Wanted(whole=[link.cid for link in fresh])
    seen.add(*(link.cid for link in fresh))
    envelopes = [read_envelope(facts[link.cid].start, link) for link in fresh]
    for header in dict.fromkeys(envelope.header for envelope in envelopes):
        yield from inspect_header(header, seen)
    for envelope in envelopes:
        require_payload_at_most(envelope, MAX_SEGMENT_BYTES, "A file of the index")
    yield from inspect_payloads(envelopes, seen)
