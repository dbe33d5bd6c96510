"""The exact shape of a report's DAG, inspected without a key (FORMATS §5).

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
from hygieia.errors import DagRefused, QuotaExceeded
from hygieia.ipld.cid import CID
from hygieia.ipld.shapes import read_envelope, read_report
from hygieia.limits import CHUNK_BYTES

if TYPE_CHECKING:
    from hygieia.domain.inspection import Inspection

MAX_META_PAYLOAD_BYTES: Final = CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class ReportShape:
    """A report that was found whole. ``size_bytes`` counts every block of the DAG once a link."""

    root: CID
    size_bytes: int
    readers: int
    data_payload: CID
    data_payload_bytes: int
    meta_payload: CID
    meta_payload_bytes: int
    cids: tuple[CID, ...]


def inspect_report(root: CID, max_bytes: int) -> Inspection[ReportShape]:
    """Inspect the report at ``root``, of at most ``max_bytes`` in all.

    Raises:
        DagRefused: another shape, or a false size.
        EnvelopeRefused, LimitExceeded: a header or payload that is no vault envelope.
        QuotaExceeded: it claims more than ``max_bytes``; nothing of it was visited then.
    """
    seen = Seen()
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
    yield from inspect_payloads((meta, data), seen)
    return ReportShape(
        root=root,
        size_bytes=size_bytes,
        readers=len(packets),
        data_payload=data.payload.cid,
        data_payload_bytes=data.payload.tsize,
        meta_payload=meta.payload.cid,
        meta_payload_bytes=meta.payload.tsize,
        cids=tuple(seen.cids),
    )
