"""Hashing received blocks: small ones where they are, large ones in a thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from hygieia.ipld.block import Block, UnverifiedBlock, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.ipld.cid import CID

IN_THREAD_FROM_BYTES: Final = 1 << 15


def bytes_of(found: Sequence[UnverifiedBlock]) -> int:
    """How many bytes blocks have together."""
    return sum(len(block.data) for block in found)


async def verify_one(cid: CID, data: bytes) -> Block:
    """A block of the vault's kind, hashed. Raises ``BlockRefused``."""
    if len(data) < IN_THREAD_FROM_BYTES:
        return verify(cid, data)
    return await asyncio.to_thread(verify, cid, data)


async def verify_all(found: Sequence[UnverifiedBlock]) -> list[Block]:
    """Blocks of any kind, hashed, all or none. Raises ``BlockRefused``."""
    if bytes_of(found) < IN_THREAD_FROM_BYTES:
        return [block.verify() for block in found]
    return await asyncio.to_thread(lambda: [block.verify() for block in found])
