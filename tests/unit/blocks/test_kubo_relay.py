"""A file that goes from Kubo's gateway to whoever asked without passing through the process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import pytest
from aiohttp import web

from hygieia.blocks.bulk import SinkFailed
from hygieia.blocks.embedded import EmbeddedBlockStore
from hygieia.blocks.kubo import KuboGateway
from hygieia.blocks.kubo import gateway as gateway_module
from hygieia.blocks.kubo.splicing import CAN_SPLICE, Splice
from hygieia.server.gateway import files, gateway_routes, handlers
from tests.dags import file, noise
from tests.unit.blocks.gateways import answering, serving

pytestmark = pytest.mark.skipif(not CAN_SPLICE, reason="splice(2) is Linux's alone")

CONTENT = noise(1, 5_000_000)
BLOCKS, BUILT = file(CONTENT)


@asynccontextmanager
async def relayed(
    store: EmbeddedBlockStore, *origin: web.RouteDef
) -> AsyncIterator[tuple[str, KuboGateway]]:
    """Our gateway before another, which stands for Kubo's."""
    async with serving(*origin) as kubo:
        gateway = KuboGateway(kubo.url)
        async with serving(*gateway_routes(store, gateway)) as ours:
            yield ours.url, gateway
        await gateway.close()


def breaking_off_after(size_bytes: int) -> list[web.RouteDef]:
    async def answer(request: web.Request) -> web.StreamResponse:
        first, end = 0, len(CONTENT)
        response = web.StreamResponse(
            status=206,
            headers={
                "Content-Range": f"bytes {first}-{end - 1}/{len(CONTENT)}",
                "Content-Length": str(end - first),
            },
        )
        await response.prepare(request)
        await response.write(CONTENT[:size_bytes])
        assert request.transport is not None
        request.transport.close()
        return response

    return answering(answer)


async def test_files_and_parts_of_them_are_relayed_over_one_connection(
    store: EmbeddedBlockStore,
) -> None:
    await store.put(BLOCKS)
    asked = 0

    async def counting(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        handler = gateway_routes(store)[0].handler
        answer: web.StreamResponse = await handler(request)
        return answer

    counted = [web.get("/ipfs/{path:.+}", counting)]
    async with (
        relayed(store, *counted) as (url, _),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
    ):
        for part in (None, (0, 4_999_999), (1_000_001, 4_000_000), (4_999_999, 4_999_999)):
            span = {} if part is None else {"Range": f"bytes={part[0]}-{part[1]}"}
            async with session.get(f"{url}/ipfs/{BUILT.cid}", headers=span) as answer:
                assert answer.status == (200 if part is None else 206)
                first, last = part or (0, len(CONTENT) - 1)
                assert int(answer.headers["Content-Length"]) == last + 1 - first
                assert await answer.read() == CONTENT[first : last + 1]
    assert asked == 3, "a single byte is not worth it"


async def test_a_relayed_answer_ends_well_and_the_next_comes_over_the_same_connection(
    store: EmbeddedBlockStore, caplog: pytest.LogCaptureFixture
) -> None:
    await store.put(BLOCKS)
    async with relayed(store, *gateway_routes(store)) as (url, _):
        reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
        for _ in range(2):
            writer.write(f"GET /ipfs/{BUILT.cid} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(CONTENT)) == CONTENT
        writer.close()
    assert not caplog.records


@pytest.mark.parametrize("size_bytes", [0, 1, 1_500_000, 4_999_999])
async def test_what_breaks_off_is_ended_from_the_store(
    store: EmbeddedBlockStore, size_bytes: int
) -> None:
    await store.put(BLOCKS)
    async with (
        relayed(store, *breaking_off_after(size_bytes)) as (url, _),
        aiohttp.ClientSession() as session,
        session.get(f"{url}/ipfs/{BUILT.cid}") as answer,
    ):
        assert await answer.read() == CONTENT


async def test_what_neither_can_give_is_cut_off(store: EmbeddedBlockStore) -> None:
    await store.put([block for block in BLOCKS if block != BLOCKS[3]])
    async with (
        relayed(store, *breaking_off_after(2_000_000)) as (url, _),
        aiohttp.ClientSession() as session,
    ):
        answer = await session.get(f"{url}/ipfs/{BUILT.cid}")
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_who_goes_away_frees_the_place(store: EmbeddedBlockStore) -> None:
    await store.put(BLOCKS)
    async with (
        relayed(store, *gateway_routes(store)) as (url, gateway),
        aiohttp.ClientSession() as session,
    ):
        for _ in range(20):  # more than there are places
            async with session.get(f"{url}/ipfs/{BUILT.cid}") as answer:
                await answer.content.readexactly(1)
                answer.close()
        for _ in range(600):
            if (stream := await gateway.file(BUILT.cid, 0, 10)) is not None:
                await stream.close()
                return
            await asyncio.sleep(0.05)
        pytest.fail("the places stay taken")


async def test_who_goes_away_frees_the_place_where_nothing_is_relayed_too(
    store: EmbeddedBlockStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "plain_socket", lambda _request: None)  # as over TLS
    blocks, built = file(noise(2, 30_000_000))
    await store.put(blocks)
    gc.disable()  # it would free them at some time or other
    try:
        async with (
            relayed(store, *gateway_routes(store)) as (url, gateway),
            aiohttp.ClientSession() as session,
        ):
            async with session.get(f"{url}/ipfs/{built.cid}") as answer:
                await answer.content.readexactly(1)
                answer.close()
            async with asyncio.timeout(20):
                while gateway._files:  # noqa: ASYNC110 - nothing announces it
                    await asyncio.sleep(0.05)
    finally:
        gc.enable()


@pytest.fixture
def pipes() -> Iterator[tuple[socket.socket, ...]]:
    """A source with who feeds it, a sink with who reads from it."""
    source, feeding = socket.socketpair()
    sink, reading = socket.socketpair()
    with source, feeding, sink, reading:
        source.setblocking(False)
        sink.setblocking(False)
        yield source, feeding, sink, reading


def splicing(pipes: tuple[socket.socket, ...], window_seconds: float = 3600) -> Splice:
    source, _, sink, _ = pipes
    return Splice(source.fileno(), sink.fileno(), threading.Event(), window_seconds=window_seconds)


def test_a_source_that_is_silent_ends(pipes: tuple[socket.socket, ...]) -> None:
    _, feeding, _, reading = pipes
    feeding.sendall(b"x" * 1000)
    assert splicing(pipes).move(5000, silence_seconds=0.05) == 1000
    assert reading.recv(2000) == b"x" * 1000


def test_a_sink_that_has_gone_fails(pipes: tuple[socket.socket, ...]) -> None:
    _, feeding, _, reading = pipes
    feeding.sendall(b"x" * 1000)
    reading.close()
    with pytest.raises(SinkFailed):
        splicing(pipes).move(5000, silence_seconds=3600)


def test_who_takes_nothing_or_trickles_is_given_up_and_what_went_out_is_counted(
    pipes: tuple[socket.socket, ...],
) -> None:
    _, feeding, _, reading = pipes
    sent = noise(3, 4_000_000)
    feeder = threading.Thread(target=_feed, args=(feeding, sent))
    feeder.start()
    moved = splicing(pipes, 0.2).move(len(sent), silence_seconds=3600)
    assert moved < len(sent), "there is no room for all of it"
    trickled = threading.Thread(target=_trickle, args=(reading, moved, received := bytearray()))
    trickled.start()
    more = splicing(pipes, 0.2).move(len(sent) - moved, silence_seconds=3600)
    assert more < len(sent) - moved
    pipes[0].close()
    pipes[2].close()
    for thread in (feeder, trickled):
        thread.join()
    assert received[:moved] == sent[:moved]
    assert len(received) == moved + more


def _feed(feeding: socket.socket, sent: bytes) -> None:
    with contextlib.suppress(OSError):
        feeding.sendall(sent)


def _trickle(reading: socket.socket, freely: int, received: bytearray) -> None:
    """Take what is there, but so slowly that it is no good to anybody; to the end."""
    while piece := reading.recv(1000 if len(received) >= freely else freely):
        received += piece
        if len(received) >= freely:
            time.sleep(0.01)


async def test_a_slow_client_frees_the_place_and_gets_the_rest_all_the_same(
    store: EmbeddedBlockStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "Splice", partial(Splice, window_seconds=0.2))
    content = noise(2, 40_000_000)  # more than sockets hold
    blocks, built = file(content)
    await store.put(blocks)
    async with (
        relayed(store, *gateway_routes(store)) as (url, gateway),
        aiohttp.ClientSession(read_bufsize=1 << 16) as session,
        session.get(f"{url}/ipfs/{built.cid}") as answer,
    ):
        first = await answer.content.readexactly(1)
        async with asyncio.timeout(20):
            while gateway._files:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.05)
        assert first + await answer.read() == content


async def test_a_slow_client_frees_the_place_where_nothing_is_relayed_too(
    store: EmbeddedBlockStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SLOW_PIECE_SECONDS", 0.1)
    await store.put(BLOCKS)
    async with relayed(store, *gateway_routes(store)) as (_, gateway):
        content = files.file_bytes_in_bulk(store, gateway, BUILT.cid, 0, len(CONTENT))
        received = bytearray(await anext(content))
        assert len(received) <= 1 << 16
        assert gateway._files == 1
        await asyncio.sleep(0.2)
        received += await anext(content)
        assert gateway._files == 0
        received += b"".join([piece async for piece in content])
    assert received == CONTENT


def test_a_splice_that_is_stopped_ends_soon() -> None:
    source, feeding = socket.socketpair()
    sink, reading = socket.socketpair()
    with source, feeding, sink, reading:
        source.setblocking(False)
        stopped = threading.Event()
        stopped.set()
        splice = Splice(source.fileno(), sink.fileno(), stopped)
        assert splice.move(5000, silence_seconds=3600) == 0
