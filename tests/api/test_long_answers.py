"""A long CAR, of a length that nobody knows beforehand, sent in HTTP chunks to whoever reads it."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from aiohttp import web

from hygieia.blocks.embedded import open_embedded
from hygieia.ipld.block import Block
from hygieia.ipld.builder import FileBuilder
from hygieia.ipld.car import car_header, section_head
from hygieia.ipld.cid import CID, RAW
from hygieia.limits import CHUNK_BYTES
from hygieia.server.gateway import gateway_routes

LEAVES = 6


@dataclass
class Long:
    host: str
    port: int
    root: CID
    car: bytes

    @property
    def target(self) -> str:
        return f"/ipfs/{self.root}?format=car&dag-scope=all"


@pytest_asyncio.fixture
async def long(tmp_path: Path) -> AsyncIterator[Long]:
    store = open_embedded(tmp_path / "blocks")
    builder = FileBuilder()
    blocks = [
        block
        for number in range(LEAVES)
        for block in builder.add_leaf(Block.of(RAW, bytes([number]) * CHUNK_BYTES))
    ]
    ends, tree = builder.finish()
    await store.put([*blocks, *ends], holder="test")
    nodes, leaves = [ends[-1]], blocks
    app = web.Application()
    app.add_routes(gateway_routes(store))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    car = car_header([tree.cid]) + b"".join(
        section_head(block.cid, len(block.data)) + block.data for block in [*nodes, *leaves]
    )
    yield Long(host, port, tree.cid, car)
    await runner.cleanup()
    await store.close()


async def test_a_slow_reader_with_little_room_gets_every_octet(long: Long) -> None:
    def read() -> bytes:
        connection = http.client.HTTPConnection(long.host, long.port)
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sock.connect((long.host, long.port))
        connection.request("GET", long.target)
        answer, found = connection.getresponse(), bytearray()
        assert answer.getheader("Transfer-Encoding") == "chunked"
        while piece := answer.read(10_007):
            found += piece
        # The answer has ended where it says: the connection serves the next request.
        connection.request("HEAD", f"/ipfs/{long.root}?format=raw")
        assert connection.getresponse().status == 200
        connection.close()
        return bytes(found)

    assert await asyncio.to_thread(read) == long.car


async def test_a_client_that_knows_no_chunks_gets_the_octets_alone(long: Long) -> None:
    def read() -> bytes:
        with socket.create_connection((long.host, long.port)) as plain:
            plain.sendall(f"GET {long.target} HTTP/1.0\r\n\r\n".encode())
            found = bytearray()
            while piece := plain.recv(1 << 16):
                found += piece
        head, _, body = bytes(found).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200")
        assert b"\r\ntransfer-encoding:" not in head.lower()
        return body

    assert await asyncio.to_thread(read) == long.car


async def test_readers_who_leave_midway_do_no_harm_to_the_others(long: Long) -> None:
    async def leave() -> None:
        reader, writer = await asyncio.open_connection(long.host, long.port)
        writer.write(f"GET {long.target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await reader.readexactly(100_000)
        writer.transport.abort()

    for _ in range(5):
        await leave()
    await test_a_client_that_knows_no_chunks_gets_the_octets_alone(long)
