"""Gateways that a test makes: true ones, and such that lie, stall, die or have nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from hygieia.blocks.embedded import EmbeddedBlockStore
from hygieia.blocks.remote import Patience
from hygieia.server.gateway import gateway_routes

HASTY = Patience(connect=1.0, stall=0.3, block=2.0, record=1.0, others=0.2)
"""With gateways that stand still: what is waited for."""
PATIENT = Patience(connect=10.0, stall=30.0, block=60.0, record=30.0, others=30.0)
"""With gateways that answer: their machine may stand still for a while."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Running:
    url: str
    asked: list[str] = field(default_factory=list)


@asynccontextmanager
async def serving(*routes: web.RouteDef) -> AsyncIterator[Running]:
    running = Running("")

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        running.asked.append(request.path_qs)
        return await handler(request)

    app = web.Application(middlewares=[note])
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    running.url = f"http://{host}:{port}"
    try:
        yield running
    finally:
        await runner.cleanup()


def answering(handler: Handler) -> list[web.RouteDef]:
    return [web.get("/{rest:.*}", handler)]


def always(status: int, body: bytes = b"", **headers: str) -> list[web.RouteDef]:
    async def answer(_request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return answering(answer)


async def stall(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(1 << 16))


def dying_after(store: EmbeddedBlockStore, size_bytes: int) -> list[web.RouteDef]:
    """The true gateway, but every answer breaks off."""

    async def answer(request: web.Request) -> web.StreamResponse:
        async with serving(*gateway_routes(store)) as true:
            import aiohttp

            async with aiohttp.ClientSession() as session:
                url = true.url + request.path_qs
                async with session.get(url, headers={"Accept": request.headers["Accept"]}) as got:
                    body = await got.read()
                    response = web.StreamResponse(
                        status=got.status, headers={"Content-Type": got.headers["Content-Type"]}
                    )
        await response.prepare(request)
        await response.write(body[:size_bytes])
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.abort()
        return response

    return answering(answer)


async def collect(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])
