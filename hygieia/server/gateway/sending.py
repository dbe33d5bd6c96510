"""Sending a long answer piece by piece, as fast as the client takes it.

Where an answer's length is not known it goes out in HTTP chunks (RFC 9112 §7.1), and aiohttp joins
the parts of each into new octets before the transport sees them: a copy of the whole answer. So a
large piece is framed here, and the transport is given its octets as they are.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, hdrs

from hygieia.errors import HygieiaError
from hygieia.server.gateway import answers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web
    from aiohttp.abc import AbstractStreamWriter

Piece = tuple[bytes, bytes]
"""A short head, and what may be large; either may be empty."""


async def send_pieces(
    request: web.Request, response: web.StreamResponse, pieces: AsyncIterator[Piece]
) -> web.StreamResponse:
    """Send an answer whose headers, a length among them if it is known, are set.

    The first piece is had before the headers go out: what fails then is still an honest status.
    A failure after that cuts the connection, so that nobody takes a part for the whole.
    """
    # None: with a tuple, Python 3.11 raises SystemError at the end (CPython gh-128078).
    first = await anext(pieces, None) or (b"", b"")
    if in_chunks := hdrs.CONTENT_LENGTH not in response.headers and (
        request.version >= HttpVersion11
    ):
        response.enable_chunked_encoding()
    writer = await response.prepare(request)
    try:
        await _write(response, first)
        async for piece in pieces:
            if in_chunks and writer is not None and piece[1]:
                await _write_chunk(request, response, writer, piece)
            else:
                await _write(response, piece)
            # A quick reader's answer is written without waiting once: let others have a turn.
            await asyncio.sleep(0)
        await response.write_eof()
    except HygieiaError:
        answers.cut_off(request)
    return response


async def _write(response: web.StreamResponse, piece: Piece) -> None:
    for part in piece:
        if part:
            await response.write(part)


async def _write_chunk(
    request: web.Request, response: web.StreamResponse, writer: AbstractStreamWriter, piece: Piece
) -> None:
    """One HTTP chunk of both parts. The headers are out: the first piece was written by aiohttp."""
    head, data = piece
    transport = request.transport
    if transport is None or transport.is_closing():
        await response.write(data)  # says what aiohttp says of a client that has gone
        return
    # Wait until the buffer is empty, not nearly so: what comes next then goes to the socket as it
    # is, instead of being copied behind the rest of this.
    transport.set_write_buffer_limits(high=0)
    transport.write(b"%x\r\n%b" % (len(head) + len(data), head))
    transport.write(memoryview(data))
    transport.write(b"\r\n")
    writer.output_size += len(head) + len(data)
    await writer.drain()
