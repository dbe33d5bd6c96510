"""Reading a CAR batch off the wire: into one buffer, then taken apart and hashed in a thread.

A batch of 8 MiB is small enough to be had whole, and while one is hashed and written the next ones
arrive: so its octets are copied once after the parser, and cost one change of threads.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hygieia.errors import BlockRefused
from hygieia.ipld.car import CarReader
from hygieia.limits import MAX_BATCH_CIDS
from hygieia.server.problems import RequestRefused

if TYPE_CHECKING:
    from aiohttp import web

    from hygieia.ipld.block import Block


async def read_batch(request: web.Request, max_bytes: int) -> list[Block]:
    """The batch's blocks, verified. The octets of large ones are views into the batch.

    Raises:
        BlockRefused, LimitExceeded: cut short, malformed, with roots, or a block that does not hash
            to its CID or is not of the vault's kind (THREATS BK-01, BK-02, BK-06).
        RequestRefused: over ``max_bytes``.
    """
    return await asyncio.to_thread(_blocks_of, await _read_body(request, max_bytes))


async def _read_body(request: web.Request, max_bytes: int) -> bytearray:
    claimed = request.content_length or 0
    if claimed > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray(claimed)
    end = 0
    while data := await request.content.readany():
        start, end = end, end + len(data)
        if end > max_bytes:
            raise _too_large(max_bytes)
        body[start:end] = data
    del body[end:]
    return body


def _blocks_of(body: bytearray) -> list[Block]:
    reader = CarReader(max_blocks=MAX_BATCH_CIDS, share=True)
    blocks = reader.feed(body) if body else []
    reader.finish()
    if reader.roots:
        raise BlockRefused("A batch names no roots.")
    return blocks


def _too_large(max_bytes: int) -> RequestRefused:
    return RequestRefused("too-large", f"The body may have {max_bytes} bytes at most.")
