"""Sending a file from the socket it comes in by to the one it goes out by, within the kernel.

Only over plain HTTP: who speaks TLS must touch every byte.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hygieia.blocks.bulk import SinkFailed
from hygieia.server.gateway import answers

if TYPE_CHECKING:
    import socket

    from aiohttp import web

    from hygieia.blocks.bulk import BulkReads, FileBytes
    from hygieia.ipld.cid import CID


def plain_socket(request: web.Request) -> socket.socket | None:
    """The socket that an answer goes out by, None where its bytes must pass through us."""
    transport = request.transport
    if transport is None or transport.is_closing() or transport.get_extra_info("sslcontext"):
        return None
    found: socket.socket | None = transport.get_extra_info("socket")
    return found


async def relay_file(
    request: web.Request,
    response: web.StreamResponse,
    sink: socket.socket,
    bulk: BulkReads,
    part: tuple[CID, int, int],
) -> int:
    """Send what ``bulk`` gives of a file; how many bytes that was. 0: nothing, the headers neither.

    ``response`` has a Content-Length. Who has gone is hung up on.
    """
    stream = await bulk.file(*part)
    if stream is None:
        return 0
    try:
        first = await stream.read_before_relay()
        return len(first) and len(first) + await _relay(request, response, sink, stream, first)
    finally:
        await stream.close()


async def _relay(
    request: web.Request,
    response: web.StreamResponse,
    sink: socket.socket,
    stream: FileBytes,
    first: bytes,
) -> int:
    writer = await response.prepare(request)
    # A descriptor of its own, since the event loop watches the other one.
    own = os.dup(sink.fileno())
    try:
        # What goes before must be out: the transport knows nothing of what comes after.
        if request.transport is not None:
            request.transport.set_write_buffer_limits(high=0)
        await response.write(first)
        if writer is None:
            return 0
        await writer.drain()
        sent = await stream.relay_to(own)
        if writer.length is not None:
            writer.length -= sent
        writer.output_size += sent
    except SinkFailed:
        answers.cut_off(request)
        raise ConnectionResetError from None
    finally:
        os.close(own)
    return sent
