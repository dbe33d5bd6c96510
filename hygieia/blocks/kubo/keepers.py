"""Nodes whose links keep blocks: what an upload holds, and what is left of a DAG with gaps.

A keeper is a dag-pb node that links each block as a raw one, so that a pin of it keeps these blocks
and walks no further. Octets of chance in it make each keeper one of a kind: two holders of the same
blocks have two pins, and the gateway shows none to who does not know its CID.
"""

from __future__ import annotations

import secrets
from collections import deque
from typing import TYPE_CHECKING, Final

from hygieia.blocks.links import links_of
from hygieia.errors import BlockMissing, BlockRefused, IntegrityError
from hygieia.ipld import varint
from hygieia.ipld.block import Block, verify_any
from hygieia.ipld.cid import CID, DAG_PB, IDENTITY, RAW
from hygieia.ipld.dagpb import Link, encode_node

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

LINKS_A_KEEPER: Final = 4096
MAX_WALKED: Final = 4_000_000
_NONCE_BYTES: Final = 16
PROBE: Final = Block.of(RAW, b"hygieia asks whether a gateway reads this Kubo's blocks")
"""Stored without a pin when a gateway is looked at. It is nobody's, so no sweep counts it."""


def key_of(cid: CID) -> bytes:
    """The multihash, which alone names a block's bytes."""
    return varint.encode(cid.hash_code) + varint.encode(len(cid.digest)) + cid.digest


def is_inline(cid: CID) -> bool:
    """Whether the CID carries its bytes itself: never stored, always had."""
    return cid.hash_code == IDENTITY


def as_raw(cid: CID) -> CID:
    """The same bytes under the codec that links nothing."""
    return CID(RAW, cid.hash_code, cid.digest)


def keepers_of(cids: Sequence[CID]) -> Iterator[tuple[Block, Sequence[CID]]]:
    """Keepers for these blocks, each with those that it links."""
    for start in range(0, len(cids), LINKS_A_KEEPER):
        part = cids[start : start + LINKS_A_KEEPER]
        links = [Link(as_raw(cid), "", 0) for cid in part]
        yield Block.of(DAG_PB, encode_node(links, secrets.token_bytes(_NONCE_BYTES))), part


async def walk(get: Callable[[CID], Awaitable[bytes]], root: CID) -> tuple[list[CID], set[CID]]:
    """What may be below a root, and which of its nodes are missing: (all but these, these).

    Raw blocks are named and not asked for.
    """
    seen: set[CID] = set()
    found: list[CID] = []
    missing: set[CID] = set()
    waiting = deque([root])
    while waiting and len(seen) < MAX_WALKED:
        cid = waiting.popleft()
        if cid in seen:
            continue
        seen.add(cid)
        try:
            below = [] if cid.codec == RAW else await _links(get, cid)
        except (BlockMissing, BlockRefused):
            missing.add(cid)
            continue
        waiting.extend(below)
        if not is_inline(cid):
            found.append(cid)
    return found, missing


async def difference(
    get: Callable[[CID], Awaitable[bytes]], old: CID, new: CID
) -> list[CID] | None:
    """The raw blocks that ``new`` reaches and ``old``, which is whole, does not.

    None when a node of the difference is missing. Nodes are compared place by place, so the work
    grows with what differs and not with what is shared.
    """
    pairs: list[tuple[CID | None, CID]] = [(old, new)]
    seen: set[CID] = set()
    leaves: list[CID] = []
    while pairs:
        before, after = pairs.pop()
        if after in seen or after == before:
            continue
        seen.add(after)
        if after.codec == RAW:
            leaves.append(after)
            continue
        try:
            links = await _links(get, after)
            known = [] if before is None or before.codec == RAW else await _links(get, before)
        except (BlockMissing, BlockRefused):
            return None
        shared = set(known)
        counterparts: list[CID | None] = [*known, *[None] * len(links)]
        pairs.extend(
            (counterparts[place], cid) for place, cid in enumerate(links) if cid not in shared
        )
    return leaves


async def _links(get: Callable[[CID], Awaitable[bytes]], cid: CID) -> list[CID]:
    data = cid.digest if is_inline(cid) else verify_any(cid, await get(cid)).data
    try:
        return links_of(cid, data)
    except IntegrityError:
        return []  # its bytes are intact and are no node: it links nothing
