"""CL-06: half a header, a body at a crawl, an answer not read: the connection is closed."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hygieia.server import connections
from hygieia.server.connections import STOOD_STILL_SECONDS, Patience
from tests.factories.dags import new_report
from tests.factories.servers import Api, running_api, settings_in

# The server's own limits are ten seconds and more; here they are short, and nothing is timed.
QUICK = Patience(header_seconds=0.3, body_window_seconds=0.3, stalled_seconds=0.3)

REFUSED_BODY = (
    b"POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)


@pytest.fixture
async def quick(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(settings_in(tmp_path), patience=QUICK) as api:
        yield api


async def connect(api: Api) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = api.url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(20):
            return await reader.read() == b""
    except ConnectionError:
        return True


def test_the_servers_own_limits_are_those_promised() -> None:
    assert Patience().header_seconds == connections.HEADER_SECONDS == 10
    assert Patience().body_window_seconds == connections.BODY_WINDOW_SECONDS == 10


@pytest.mark.parametrize("sent", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
async def test_half_a_header_is_not_waited_for(quick: Api, sent: bytes) -> None:
    reader, writer = await connect(quick)
    writer.write(sent)
    assert await is_closed(reader)
    writer.close()


async def test_nor_is_one_that_drips(quick: Api) -> None:
    reader, writer = await connect(quick)

    async def drip() -> None:
        for letter in b"GET / HTTP/1.1\r\n" + b"X-Slow: 1\r\n" * 1000:
            writer.write(bytes([letter]))
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    assert await is_closed(reader)
    dripping.cancel()
    writer.close()


async def test_a_body_that_stops_is_not_waited_for(quick: Api) -> None:
    reader, writer = await connect(quick)
    writer.write(
        b"POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\n\r\n{"
    )
    assert await is_closed(reader)
    writer.close()


async def test_an_answer_that_is_not_read_is_given_up(quick: Api) -> None:
    member = await quick.sign_up()
    dag = new_report(bytes(30 << 20))
    upload = await member.start_upload()
    for start in range(0, len(dag.blocks), 6):
        await member.put(upload, dag.blocks[start : start + 6])
    await member.commit(upload, [("0" * 32, dag.root)])
    reader, writer = await connect(quick)
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # a private part, on purpose
    writer.write(f"GET /ipfs/{dag.root}/data.pgp HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    gauge = quick.services.metrics.in_flight
    async with asyncio.timeout(20):
        while gauge._value.get() == 0:  # noqa: ASYNC110 - a gauge is no event
            await asyncio.sleep(0.01)
        while gauge._value.get() > 0:  # noqa: ASYNC110  (polled: nothing announces it)
            await asyncio.sleep(0.05)
    writer.close()


async def test_an_answer_that_is_read_slowly_but_steadily_is_sent(tmp_path: Path) -> None:
    """200 kB/s: a piece of a MiB takes longer than a client may do nothing."""
    patience = Patience(stalled_seconds=3.0)
    async with running_api(settings_in(tmp_path), patience=patience) as api:
        dag = new_report(bytes(30 << 20))
        await api.services.stores.blocks.put(dag.blocks, holder="a test")
        host, _, port = api.url.removeprefix("http://").partition(":")
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(slow, (host, int(port)))
            asked = f"GET /ipfs/{dag.root}?format=car HTTP/1.1\r\nHost: a\r\n\r\n"
            await loop.sock_sendall(slow, asked.encode())
            for _ in range(70):
                assert await loop.sock_recv(slow, 20_000)
                await asyncio.sleep(0.1)
            # What the kernel has goes on coming after the connection was given up.
            assert api.services.metrics.in_flight._value.get() == 1


async def test_a_server_that_stood_still_counts_it_against_nobody(tmp_path: Path) -> None:
    """As a machine that was paused: client and server both did nothing, for all three limits."""
    patience = Patience(header_seconds=3, body_window_seconds=3, stalled_seconds=3)
    async with running_api(settings_in(tmp_path), patience=patience) as api:
        dag = new_report(bytes(30 << 20))
        await api.services.stores.blocks.put(dag.blocks, holder="a test")
        header, body, answer = [await connect(api) for _ in range(3)]
        answer[0]._transport.pause_reading()  # type: ignore[attr-defined]  # a private part
        answer[1].write(f"GET /ipfs/{dag.root}?format=car HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        body[1].write(REFUSED_BODY[:-1])
        header[1].write(b"GET /healthz HTTP/1.1\r\nHost:")
        while api.services.metrics.in_flight._value.get() < 2:  # noqa: ASYNC110 - a gauge is no event
            await asyncio.sleep(0.01)
        time.sleep(3 + 2 * STOOD_STILL_SECONDS)  # noqa: ASYNC251 - nothing moves, on purpose
        header[1].write(b" a\r\n\r\n")
        body[1].write(REFUSED_BODY[-1:])
        answer[0]._transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(20):
            assert (await header[0].readline()).startswith(b"HTTP/1.1 200")
            assert (await body[0].readline()).startswith(b"HTTP/1.1 4")
            assert len(await answer[0].readexactly(30 << 20)) == 30 << 20
        for _, writer in (header, body, answer):
            writer.close()


async def test_a_connection_that_is_kept_alive_serves_on(tmp_path: Path) -> None:
    async with running_api(settings_in(tmp_path), patience=Patience(header_seconds=1)) as api:
        await serves_on(api)


async def serves_on(api: Api) -> None:
    reader, writer = await connect(api)
    for _ in range(3):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(3) == b"ok\n"
        await asyncio.sleep(1.5)
    writer.close()
