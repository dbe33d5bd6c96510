"""A file's bytes, in order, with the next blocks being read while the last are being sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from hygieia.ipld.block import Block
from hygieia.ipld.walk import FileWalk
from hygieia.limits import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from hygieia.blocks.bulk import BulkReads, FileBytes
    from hygieia.blocks.port import BlockStore
    from hygieia.ipld.cid import CID

BLOCKS_AHEAD: Final = 4
SLICE_BYTES: Final = 64 << 10
"""So much is handed over between two looks at the clock."""
SLOW_PIECE_SECONDS: Final = 10
"""Who takes longer for a MiB is given blocks: streams are few, and are not held for long."""


async def file_bytes(blocks: BlockStore, root: CID, first: int, end: int) -> AsyncIterator[bytes]:
    """Yield bytes ``first`` … ``end`` (exclusive) of a UnixFS file of any layout.

    At most ``BLOCKS_AHEAD`` blocks are in memory beside the one being sent. Raises
    ``BlockMissing``, ``BlockRefused``, ``DagRefused``.
    """
    walk = FileWalk(root, start=first, end=end, any_layout=True)
    reads: dict[CID, asyncio.Task[bytes]] = {}
    try:
        while not walk.finished:
            wanted = walk.wanted(BLOCKS_AHEAD)
            for cid in wanted:
                if cid not in reads:
                    reads[cid] = asyncio.create_task(_get(blocks, cid))
            cid = wanted[0]
            data = await reads[cid]
            del reads[cid]
            # Already hashed by the store: only its place in the file is left to check.
            for piece in walk.feed(Block(cid, data)):
                yield piece
    finally:
        for read in reads.values():
            read.cancel()
            read.add_done_callback(_forget)


async def file_bytes_in_bulk(
    blocks: BlockStore, bulk: BulkReads | None, root: CID, first: int, end: int
) -> AsyncGenerator[bytes, None]:
    """``file_bytes``, not hashed where ``bulk`` gives them: see docs/adr/0015.

    What is short, what ``bulk`` does not give to the end, and the rest for who takes it slowly, comes
    hashed from ``blocks``.
    """
    stream = None
    if bulk is not None and end - first > CHUNK_BYTES:
        stream = await bulk.file(root, first, end)
    if stream is not None:
        try:
            async for part in _taken_fast(stream):
                first += len(part)
                yield part
        finally:
            await stream.close()
    if first < end:
        async for piece in file_bytes(blocks, root, first, end):
            yield piece


async def _taken_fast(stream: FileBytes) -> AsyncGenerator[bytes, None]:
    """What is to be streamed, up to the end or the first piece that is taken slowly."""
    clock = asyncio.get_running_loop().time
    while piece := await stream.read():
        handed_over = clock()
        for start in range(0, len(piece), SLICE_BYTES):
            yield piece[start : start + SLICE_BYTES]
            if clock() - handed_over > SLOW_PIECE_SECONDS:
                return


async def _get(blocks: BlockStore, cid: CID) -> bytes:
    return await blocks.get(cid)


def _forget(read: asyncio.Task[bytes]) -> None:
    if not read.cancelled():
        read.exception()
