"""A server of the test's own on loopback: it answers what the test says and remembers all it got."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ScriptedServer:
    """Gives its answers in turn, the last one for ever."""

    answers: list[Answer]
    url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.seen.append((request.method, request.path))
        self.headers.append(dict(request.headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@contextlib.asynccontextmanager
async def scripted(*answers: Answer) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(list(answers))
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def saying(document: object, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON."""

    async def answer(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(document, status=status, headers=named)

    return answer


def sending(body: bytes, status: int = 200) -> Answer:
    """Answer with these bytes."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    return answer


def problem(code: str, status: int, **members: object) -> Answer:
    """Answer with a problem document."""
    return saying({"code": code, "detail": f"It is {code}.", "status": status, **members}, status)


async def hanging_up(request: web.Request) -> web.Response:
    """Break the connection off."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
