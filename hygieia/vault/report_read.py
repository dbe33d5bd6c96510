"""Reading a report's meta from blocks (docs/spec/12-report.md §7): five of them, in three steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.ipld.unixfs import Child
from hygieia.limits import MAX_NOTE_BYTES
from hygieia.openpgp.packets import parse_header_leaf, pkesk_digest
from hygieia.vault.reading import Reading, fetch, read_payload
from hygieia.vault.report import EncryptedReport, Expected, Report, open_report

if TYPE_CHECKING:
    from hygieia.ipld.cid import CID
    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.openpgp.session_keys import SessionKey
    from hygieia.vault.people import People


def read_structure(root: CID) -> Reading[EncryptedReport]:
    """Read a report's three nodes. Raises ``DagRefused``, ``MetaMismatch``."""
    [root_block] = yield from fetch([root])
    links = EncryptedReport.nodes(root_block)
    data_node, meta_node = yield from fetch([links.data.cid, links.meta.cid])
    return EncryptedReport.read(root_block, data_node, meta_node)


def read_packets(root: CID) -> Reading[frozenset[str]]:
    """The digests of the packets of a report's header. Raises as ``read_structure``."""
    encrypted = yield from read_structure(root)
    [header] = yield from fetch([encrypted.header.cid])
    return frozenset(pkesk_digest(packet) for packet in parse_header_leaf(header.data))


def read_report(
    root: CID, key: UnlockedKey | SessionKey, people: People, expected: Expected | None = None
) -> Reading[Report]:
    """Read, open and judge a report's meta; its content is read by whoever wants it.

    Raises as ``open_report``, and ``DagRefused``, ``LimitExceeded``.
    """
    encrypted = yield from read_structure(root)
    [header] = yield from fetch([encrypted.header.cid])
    meta = encrypted.meta
    payload = yield from read_payload(Child(meta.cid, meta.size_bytes, meta.tsize), MAX_NOTE_BYTES)
    return open_report(encrypted, header.data, payload, key, people, expected)
