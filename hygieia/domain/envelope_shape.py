"""Inspecting an envelope's DAG without a key: complete, exact in every size, ciphertext.

The payload must have the one tree that its size gives under the profile (``ipld.layout``), so an
inspection visits as many blocks as the claimed size is worth and no more (threats BK-03, BK-04).
Nothing here does I/O: an inspection is a generator that asks for facts and is sent them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hygieia.domain.block_facts import Facts, Wanted
from hygieia.errors import DagRefused, EnvelopeRefused
from hygieia.ipld.cid import CID, DAG_PB, RAW
from hygieia.ipld.layout import PROFILE
from hygieia.ipld.unixfs import Child, decode_file
from hygieia.openpgp.packets import check_payload_start, parse_header_leaf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.domain.inspection import Inspection
    from hygieia.ipld.shapes import EnvelopeNode


@dataclass(slots=True)
class Seen:
    """Every CID that an inspection found in place, in order."""

    cids: dict[CID, None] = field(default_factory=dict)

    def add(self, *cids: CID) -> None:
        """Note CIDs; a repeated one is noted once."""
        for cid in cids:
            self.cids[cid] = None


def inspect_header(header: Child, seen: Seen) -> Inspection[tuple[bytes, ...]]:
    """Check a header leaf and return its PKESK packets."""
    facts = yield Wanted(whole=[header.cid])
    seen.add(header.cid)
    leaf = facts[header.cid]
    if leaf.size_bytes != header.size_bytes:
        raise DagRefused("A recipients header does not have the size its node says.")
    return parse_header_leaf(leaf.start)


def inspect_payloads(envelopes: Sequence[EnvelopeNode], seen: Seen) -> Inspection[None]:
    """Check that payloads are complete, exact, and start as ciphertext does."""
    files: list[list[Child]] = []
    for envelope in envelopes:
        files.append((yield from _leaves(envelope.payload, seen)))  # noqa: PERF401 - no comprehension can yield
    firsts = [leaves[0].cid for leaves in files]
    others = [leaf.cid for leaves in files for leaf in leaves[1:]]
    facts = yield Wanted(starts=firsts, sizes=others)
    seen.add(*firsts, *others)
    for leaves in files:
        if any(facts[leaf.cid].size_bytes != leaf.size_bytes for leaf in leaves):
            raise DagRefused("A leaf does not have the size its node says.")
        check_payload_start(facts[leaves[0].cid].start)


def _leaves(payload: Child, seen: Seen) -> Inspection[list[Child]]:
    """A payload's leaves in order; its inner nodes must be just what its size gives."""
    children = [payload]
    for level in range(PROFILE.level(payload.size_bytes), 0, -1):
        facts = yield Wanted(whole=[child.cid for child in children])
        seen.add(*(child.cid for child in children))
        children = [part for child in children for part in _parts(child, level, facts)]
    return children


def _parts(child: Child, level: int, facts: Facts) -> tuple[Child, ...]:
    octets = facts[child.cid].start
    node = decode_file(octets)
    if [part.size_bytes for part in node.children] != PROFILE.child_sizes(child.size_bytes, level):
        raise DagRefused("A payload is not cut into leaves as the format has it.")
    codec = RAW if level == 1 else DAG_PB
    if any(part.cid.codec != codec for part in node.children):
        raise DagRefused("A payload's tree is not balanced.")
    if child.tsize != len(octets) + sum(part.tsize for part in node.children):
        raise DagRefused("A payload's Tsize is false.")
    return node.children


def require_payload_at_most(envelope: EnvelopeNode, max_bytes: int, what: str) -> None:
    """Refuse a payload over ``max_bytes`` before anything of it is visited."""
    if envelope.payload.size_bytes > max_bytes:
        raise EnvelopeRefused(f"{what} is larger than the format allows.")
