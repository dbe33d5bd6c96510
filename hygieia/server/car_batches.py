"""Reading a CAR batch off the wire: into one buffer, then taken apart in a thread.

A batch of 8 MiB is small enough to be had whole, and while one is hashed and written the next ones
arrive: so its octets are copied once after the parser, and cost one change of threads. Buffers are
used again, and are mappings: a bytearray of 8 MiB is filled with zeros when it is made, on the event
loop, for 5 to 9 ms (measured); of a mapping the pages come one by one as a batch arrives.
"""

from __future__ import annotations

import asyncio
import mmap
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from hygieia.errors import BlockRefused
from hygieia.ipld.car import CarReader
from hygieia.limits import CAR_BATCH_BYTES, CAR_BATCH_FRAMING_BYTES, MAX_BATCH_CIDS
from hygieia.server.problems import RequestRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from hygieia.ipld.block import UnverifiedBlock

PUT_BLOCKS_MAX_BYTES: Final = CAR_BATCH_BYTES + CAR_BATCH_FRAMING_BYTES
BUFFERS_KEPT: Final = 3
_OWN_BUFFER_BELOW_BYTES: Final = 1 << 20

Buffer = bytearray | mmap.mmap


class BatchReader:
    """Reads batches of at most ``max_bytes``."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._spare: list[mmap.mmap] = []

    @asynccontextmanager
    async def read(self, request: web.Request) -> AsyncIterator[list[UnverifiedBlock]]:
        """The batch's blocks, not yet hashed, for as long as the context lasts.

        The octets of large ones are views into the batch: what is kept of them must be copied.

        Raises:
            BlockRefused, LimitExceeded: cut short, malformed, with roots, or a block that is too
                large or not of the vault's kind (threats BK-01, BK-06).
            RequestRefused: over ``max_bytes``.
        """
        buffer = self._take(request.content_length)
        size_bytes = await self._fill(buffer, request)
        blocks = await asyncio.to_thread(_blocks_of, buffer, size_bytes)
        yield blocks
        # Only here: after an error, or when the client has gone, a thread may be at work on it.
        blocks.clear()
        self._give_back(buffer)

    async def _fill(self, buffer: Buffer, request: web.Request) -> int:
        end = 0
        # Through a view: assigning to a slice of a bytearray copies twice.
        with memoryview(buffer) as room:
            # Piece by piece as it came: readany() would join the pieces first.
            async for data, _ in request.content.iter_chunks():
                start, end = end, end + len(data)
                if end > len(room):
                    raise self._too_large()
                room[start:end] = data
        return end

    def _take(self, claimed_bytes: int | None) -> Buffer:
        """A buffer for what the request says it brings, or for all that it may if it says nothing."""
        if claimed_bytes is not None and claimed_bytes > self._max_bytes:
            raise self._too_large()
        if claimed_bytes is not None and claimed_bytes < _OWN_BUFFER_BELOW_BYTES:
            return bytearray(claimed_bytes)
        return self._spare.pop() if self._spare else _mapping(self._max_bytes)

    def _give_back(self, buffer: Buffer) -> None:
        if isinstance(buffer, bytearray) or len(self._spare) >= BUFFERS_KEPT:
            return
        try:
            # A mapping that somebody still looks into cannot be resized, be it to what it is.
            buffer.resize(self._max_bytes)
        except (
            BufferError,
            SystemError,
            AttributeError,
        ):  # the last two: a system without mremap(2)
            return
        self._spare.append(buffer)

    def _too_large(self) -> RequestRefused:
        return RequestRefused("too-large", f"The body may have {self._max_bytes} bytes at most.")


def _mapping(size_bytes: int) -> mmap.mmap:
    return mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _blocks_of(buffer: Buffer, size_bytes: int) -> list[UnverifiedBlock]:
    reader = CarReader(max_blocks=MAX_BATCH_CIDS, share=True)
    blocks = reader.feed_unverified(memoryview(buffer)[:size_bytes]) if size_bytes else []
    reader.finish()
    if reader.roots:
        raise BlockRefused("A batch names no roots.")
    return blocks
