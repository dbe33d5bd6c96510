"""The shape of a message to an inbox: one envelope's file node (docs/spec/17-delegations.md §4)."""

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
from hygieia.errors import DagRefused, LimitExceeded, QuotaExceeded
from hygieia.ipld.cid import CID, DAG_PB
from hygieia.ipld.shapes import read_envelope

if TYPE_CHECKING:
    from hygieia.domain.inspection import Inspection

MAX_PAYLOAD_BYTES: Final = 256 * 1024
MIN_PACKETS: Final = 2
MAX_PACKETS: Final = 8


@dataclass(frozen=True, slots=True)
class MessageShape:
    """A message that was found whole: the bytes of its DAG, and the blocks looked at."""

    size_bytes: int
    cids: tuple[CID, ...]


def inspect_message(root: CID, max_bytes: int) -> Inspection[MessageShape]:
    """Inspect the envelope at ``root``.

    Raises:
        DagRefused, EnvelopeRefused: it is no envelope, or a size is false.
        LimitExceeded: too many or too few recipients, or too large.
        QuotaExceeded: more than ``max_bytes``.
    """
    if root.codec != DAG_PB:
        raise DagRefused("A message is one file node of a header leaf and a payload.")
    seen = Seen()
    facts = yield Wanted(whole=[root])
    seen.add(root)
    node = read_envelope(facts[root].start)
    require_payload_at_most(node, MAX_PAYLOAD_BYTES, "A message")
    if node.tsize > max_bytes:
        raise QuotaExceeded("The account does not have room for this message.")
    packets = yield from inspect_header(node.header, seen)
    if not MIN_PACKETS <= len(packets) <= MAX_PACKETS:
        raise LimitExceeded(f"A message is to {MIN_PACKETS} to {MAX_PACKETS} recipients.")
    yield from inspect_payloads([node], seen)
    return MessageShape(node.tsize, tuple(seen.cids))
