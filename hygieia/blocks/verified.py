"""Verification as a decorator: nothing unverified goes into a store, or comes out of it.

For adapters whose bytes come from another program. The embedded store verifies by itself, where it
can move a damaged block aside. A program that hashes all that it takes in need not have it hashed
here as well; what it gives is hashed here always.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hygieia.errors import BlockRefused
from hygieia.ipld.block import Block, verify_any
from hygieia.ipld.cid import RAW, SHA2_256
from hygieia.limits import MAX_BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from hygieia.blocks.port import AnyBlock, BlockStore, Pin, Swept
    from hygieia.ipld.cid import CID


class VerifiedBlockStore:
    """A ``BlockStore`` around another that hashes, in threads, what passes in and out.

    ``hashes_leaves``: the inner one refuses every raw SHA-256 block that is another, so these are
    handed to it as they came.
    """

    def __init__(self, inner: BlockStore, *, hashes_leaves: bool = False) -> None:
        self._inner = inner
        self._hashes_leaves = hashes_leaves

    async def put(
        self,
        blocks: Sequence[AnyBlock],
        *,
        holder: str | None = None,
        until: datetime | None = None,
    ) -> int:
        """See ``BlockStore.put``."""
        if any(len(block.data) > MAX_BLOCK_BYTES for block in blocks):
            raise BlockRefused("A block is over 2 MiB.")
        left = _is_leaf if self._hashes_leaves else _is_nothing
        if not all(isinstance(block, Block) or left(block.cid) for block in blocks):
            blocks = await asyncio.to_thread(_verified, blocks, left)
        return await self._inner.put(blocks, holder=holder, until=until)

    async def get(self, cid: CID) -> bytes:
        """See ``BlockStore.get``."""
        return (await self.get_many([cid]))[0]

    async def get_many(self, cids: Sequence[CID], *, max_bytes: int | None = None) -> list[bytes]:
        """See ``BlockStore.get_many``."""
        found = await self._inner.get_many(cids, max_bytes=max_bytes)
        await asyncio.to_thread(_check, cids, found)
        return found

    async def sizes(self, cids: Sequence[CID]) -> list[int | None]:
        """See ``BlockStore.sizes``."""
        return await self._inner.sizes(cids)

    async def size(self, cid: CID) -> int | None:
        """See ``BlockStore.size``."""
        return await self._inner.size(cid)

    async def missing(
        self, cids: Sequence[CID], *, holder: str | None = None, until: datetime | None = None
    ) -> list[CID]:
        """See ``BlockStore.missing``."""
        return await self._inner.missing(cids, holder=holder, until=until)

    async def release(self, holder: str) -> None:
        """See ``BlockStore.release``."""
        await self._inner.release(holder)

    async def pin(self, root: CID, *, name: str = "") -> None:
        """See ``BlockStore.pin``."""
        await self._inner.pin(root, name=name)

    async def unpin(self, root: CID, *, name: str = "") -> None:
        """See ``BlockStore.unpin``."""
        await self._inner.unpin(root, name=name)

    async def update_pin(
        self, old: CID, new: CID, *, name: str = "", keep_old: bool = False
    ) -> None:
        """See ``BlockStore.update_pin``."""
        await self._inner.update_pin(old, new, name=name, keep_old=keep_old)

    async def is_pinned(self, root: CID, *, name: str | None = None) -> bool:
        """See ``BlockStore.is_pinned``."""
        return await self._inner.is_pinned(root, name=name)

    def pins(self) -> AsyncIterator[Pin]:
        """See ``BlockStore.pins``."""
        return self._inner.pins()

    async def sweep(self) -> Swept:
        """See ``BlockStore.sweep``."""
        return await self._inner.sweep()

    async def put_record(self, name: str, record: bytes) -> None:
        """See ``BlockStore.put_record``."""
        await self._inner.put_record(name, record)

    async def get_record(self, name: str) -> bytes | None:
        """See ``BlockStore.get_record``."""
        return await self._inner.get_record(name)

    async def drop_record(self, name: str) -> None:
        """See ``BlockStore.drop_record``."""
        await self._inner.drop_record(name)

    def records(self) -> AsyncIterator[tuple[str, bytes]]:
        """See ``BlockStore.records``."""
        return self._inner.records()

    async def close(self) -> None:
        """See ``BlockStore.close``."""
        await self._inner.close()


def _is_leaf(cid: CID) -> bool:
    return cid.codec == RAW and cid.hash_code == SHA2_256


def _is_nothing(_cid: CID) -> bool:
    return False


def _verified(blocks: Sequence[AnyBlock], left: Callable[[CID], bool]) -> list[AnyBlock]:
    return [
        block if isinstance(block, Block) or left(block.cid) else block.verify() for block in blocks
    ]


def _check(cids: Sequence[CID], found: Sequence[bytes]) -> None:
    for cid, data in zip(cids, found, strict=False):  # the store may have ended early
        verify_any(cid, data)
