"""The shapes that vault objects have on IPFS: an envelope's file node, a report, an index root.

Structure only, nothing is decrypted: the server that takes a commit, the client and the recovery
all ask here, so that they give one verdict (threat BK-05). docs/spec/12-report.md §2, 13-index.md §2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hygieia.errors import DagRefused
from hygieia.ipld.cid import DAG_PB, RAW
from hygieia.ipld.dagpb import Link
from hygieia.ipld.layout import PROFILE
from hygieia.ipld.unixfs import Child, decode_directory, decode_file
from hygieia.limits import MAX_HEADER_BYTES

DATA_NAME: Final = "data.pgp"
META_NAME: Final = "meta.pgp"
INDEX_NAME: Final = "index.pgp"
CONTENTS_NAME: Final = "contents"
PAIRS_NAME: Final = "pairs"
KEYS_NAME: Final = "keys.pgp"


@dataclass(frozen=True, slots=True)
class EnvelopeNode:
    """An envelope as a file: a leaf with the recipients header, then the payload's root."""

    header: Child
    payload: Child
    tsize: int

    @property
    def size_bytes(self) -> int:
        """Size of the whole file."""
        return self.header.size_bytes + self.payload.size_bytes


@dataclass(frozen=True, slots=True)
class ReportNode:
    """A report's two entries."""

    data: Link
    meta: Link


@dataclass(frozen=True, slots=True)
class IndexNode:
    """An index root's entries."""

    index: Link
    contents: Link
    pairs: Link | None


def read_envelope(octets: bytes, link: Link | None = None) -> EnvelopeNode:
    """Read the file node of an envelope; raises ``DagRefused``.

    ``link`` is the directory entry that led here: its Tsize must be exact.
    """
    node = decode_file(octets)
    if len(node.children) != 2:
        raise DagRefused("An envelope is not a header leaf and a payload.")
    header, payload = node.children
    if header.cid.codec != RAW or header.size_bytes > MAX_HEADER_BYTES:
        raise DagRefused("An envelope's header is not one small leaf.")
    level = PROFILE.level(payload.size_bytes)
    if payload.cid.codec != (DAG_PB if level else RAW):
        raise DagRefused("An envelope's payload does not have the shape of its size.")
    tsize = len(octets) + header.tsize + payload.tsize
    if link is not None and link.tsize != tsize:
        raise DagRefused("An envelope's Tsize is false.")
    return EnvelopeNode(header, payload, tsize)


def read_report(octets: bytes) -> ReportNode:
    """Read a report's directory: ``data.pgp`` and ``meta.pgp``, nothing else.

    Raises ``DagRefused``.
    """
    entries = {entry.name: entry for entry in decode_directory(octets).entries}
    if set(entries) != {DATA_NAME, META_NAME}:
        raise DagRefused("A report is not exactly data.pgp and meta.pgp.")
    if any(entry.cid.codec != DAG_PB for entry in entries.values()):
        raise DagRefused("A report's entries are not envelopes.")
    return ReportNode(entries[DATA_NAME], entries[META_NAME])


def read_index_root(octets: bytes) -> IndexNode:
    """Read an index root: ``index.pgp``, ``contents``, perhaps ``pairs``, nothing else.

    Raises ``DagRefused``.
    """
    entries = {entry.name: entry for entry in decode_directory(octets).entries}
    if set(entries) - {PAIRS_NAME} != {INDEX_NAME, CONTENTS_NAME}:
        raise DagRefused("An index is not exactly index.pgp and contents.")
    if any(entry.cid.codec != DAG_PB for entry in entries.values()):
        raise DagRefused("An index's entries are not nodes.")
    return IndexNode(entries[INDEX_NAME], entries[CONTENTS_NAME], entries.get(PAIRS_NAME))
