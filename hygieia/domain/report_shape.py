"""The exact shape of a report's DAG, inspected without a key (docs/spec/12).

A directory of ``data.pgp`` and ``meta.pgp``, each a header leaf and a payload, both with the same
header leaf; headers hold only recipients, payloads start as ciphertext: plaintext is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.domain.block_facts import Wanted
from hygieia.domain.envelope_shape import (
    Seen,
    inspect_header,
    inspect_payloads,
    require_payload_at_most,
)
from hygieia.errors import DagRefused, EnvelopeRefused, QuotaExceeded
from hygieia.ipld.cid import CID
from hygieia.ipld.shapes import EnvelopeNode, read_envelope, read_report
from hygieia.ipld.unixfs import Child
from hygieia.limits import CHUNK_BYTES, MAX_INTEGER
from hygieia.openpgp.packets import pkesk_digest

if TYPE_CHECKING:
    from hygieia.domain.inspection import Inspection

MAX_META_PAYLOAD_BYTES: Final = CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class ReportShape:
    """A report that was found whole. ``size_bytes`` counts every block of the DAG once a link.

    ``packets`` are the digests of its header's PKESKs; ``cids`` the blocks that were looked at.
    """

    root: CID
    size_bytes: int
    packets: frozenset[str]
    data_payload: Child
    meta_payload: Child
    cids: tuple[CID, ...]

    @property
    def data_payload_bytes(self) -> int:
        """Bytes of the data payload's DAG."""
        return self.data_payload.tsize

    @property
    def meta_payload_bytes(self) -> int:
        """Bytes of the meta payload's DAG."""
        return self.meta_payload.tsize


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands above a report's payloads: directory, two file nodes, one header leaf."""

    size_bytes: int
    data: EnvelopeNode
    meta: EnvelopeNode
    packets: frozenset[str]


def inspect_report(root: CID, max_bytes: int) -> Inspection[ReportShape]:
    """Inspect the report at ``root``, of at most ``max_bytes`` in all.

    Raises:
        DagRefused: another shape, or a false size.
        EnvelopeRefused, LimitExceeded: a header or payload that is no vault envelope.
        QuotaExceeded: it claims more than ``max_bytes``; nothing of it was visited then.
    """
    seen = Seen()
    head = yield from _inspect_head(root, seen, max_bytes)
    yield from inspect_payloads((head.meta, head.data), seen)
    return _shape(root, head, seen)


def inspect_readers(root: CID, current: CID, max_bytes: int) -> Inspection[ReportShape]:
    """Inspect a root that differs from the committed ``current`` one in its header alone.

    The payloads were inspected when they were committed, so they are compared and not walked: the
    cost does not grow with the content. Raises as ``inspect_report``, and ``DagRefused`` where a
    payload is another one or of another claimed size.
    """
    seen = Seen()
    head = yield from _inspect_head(root, seen, max_bytes)
    known = yield from _inspect_head(current, Seen(), max_bytes)
    if (head.data.payload, head.meta.payload) != (known.data.payload, known.meta.payload):
        raise DagRefused("A change of readers keeps both payloads as they are.")
    return _shape(root, head, seen)


def inspect_packets(root: CID) -> Inspection[frozenset[str]]:
    """The digests of a committed report's recipients."""
    head = yield from _inspect_head(root, Seen(), MAX_INTEGER)
    return head.packets


def _inspect_head(root: CID, seen: Seen, max_bytes: int) -> Inspection[_Head]:
    facts = yield Wanted(whole=[root])
    seen.add(root)
    root_octets = facts[root].start
    report = read_report(root_octets)
    size_bytes = len(root_octets) + report.data.tsize + report.meta.tsize
    if size_bytes > max_bytes:
        raise QuotaExceeded("The account does not have room for this report.")
    facts = yield Wanted(whole=[report.data.cid, report.meta.cid])
    seen.add(report.data.cid, report.meta.cid)
    data = read_envelope(facts[report.data.cid].start, report.data)
    meta = read_envelope(facts[report.meta.cid].start, report.meta)
    if data.header != meta.header:
        raise DagRefused("A report's two files do not share their recipients header.")
    require_payload_at_most(meta, MAX_META_PAYLOAD_BYTES, "A report's meta")
    packets = yield from inspect_header(data.header, seen)
    digests = frozenset(pkesk_digest(packet) for packet in packets)
    if len(digests) != len(packets):
        raise EnvelopeRefused("A recipients header holds a packet twice.")
    return _Head(size_bytes, data, meta, digests)


def _shape(root: CID, head: _Head, seen: Seen) -> ReportShape:
    return ReportShape(
        root=root,
        size_bytes=head.size_bytes,
        packets=head.packets,
        data_payload=head.data.payload,
        meta_payload=head.meta.payload,
        cids=tuple(seen.cids),
    )
