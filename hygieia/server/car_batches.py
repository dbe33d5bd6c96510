"""Reading a CAR batch off the wire: hashed in a thread while the next piece arrives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from hygieia.errors import BlockRefused
from hygieia.ipld.car import CarReader
from hygieia.limits import MAX_BATCH_CIDS
from hygieia.server.problems import RequestRefused

if TYPE_CHECKING:
    from aiohttp import web

    from hygieia.ipld.block import Block

PIECE_BYTES: Final = 1 << 20
PAUSE_SECONDS: Final = 0.001


async def read_batch(request: web.Request, max_bytes: int) -> list[Block]:
    """The batch's blocks, verified.

    Raises:
        BlockRefused, LimitExceeded: cut short, malformed, with roots, or a block that does not hash
            to its CID or is not of the vault's kind (THREATS BK-01, BK-02, BK-06).
        RequestRefused: over ``max_bytes``.
    """
    if request.content_length is not None and request.content_length > max_bytes:
        raise RequestRefused("too-large", f"The body may have {max_bytes} bytes at most.")
    reader = CarReader(max_blocks=MAX_BATCH_CIDS)
    blocks: list[Block] = []
    total = pending = 0
    pieces: list[bytes] = []
    while data := await request.content.readany():
        total += len(data)
        pending += len(data)
        if total > max_bytes:
            raise RequestRefused("too-large", f"The body may have {max_bytes} bytes at most.")
        pieces.append(data)
        if pending >= PIECE_BYTES:
            blocks += await asyncio.to_thread(_feed, reader, pieces)
            pieces, pending = [], 0
        elif not request.content.is_eof():
            # Let some more arrive: waking up for every 64 KiB costs more than hashing them.
            await asyncio.sleep(PAUSE_SECONDS)
    blocks += await asyncio.to_thread(_finish, reader, pieces)
    return blocks


def _feed(reader: CarReader, pieces: list[bytes]) -> list[Block]:
    return reader.feed(b"".join(pieces))


def _finish(reader: CarReader, pieces: list[bytes]) -> list[Block]:
    blocks = _feed(reader, pieces)
    reader.finish()
    if reader.roots:
        raise BlockRefused("A batch names no roots.")
    return blocks
