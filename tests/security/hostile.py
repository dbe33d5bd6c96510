"""A hostile server: a proxy before a real one, telling one kind of lie at a time.

Everything passes unchanged and is remembered, until a test says how to lie. What reaches the proxy
after the first lie is remembered apart, so that a test can say "and nothing more was sent".
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web

from hygieia.ipld.block import Block
from hygieia.ipld.car import CarReader
from hygieia.ipld.cid import CID
from tests.ports import free_port

_HOP_BY_HOP = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
_LARGEST_BODY_BYTES = 64 << 20


@dataclass(frozen=True)
class Request:
    """What a client sent. `number` counts from the proxy's last `behave`."""

    number: int
    method: str
    path: str
    query: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def blocks(self) -> list[Block]:
        """The blocks of an uploaded CAR."""
        reader = CarReader()
        found = list(reader.feed(self.body))
        reader.finish()
        return found


@dataclass(frozen=True)
class Reply:
    """What the client gets."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def saying(self, document: dict[str, Any]) -> Reply:
        return replace(self, body=json.dumps(document).encode())


def json_reply(document: dict[str, Any], status: int = 200) -> Reply:
    """A made-up answer of the API."""
    return Reply(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


Forward = Callable[[], Awaitable[Reply]]
Lie = Callable[[Request, Forward], Awaitable[Reply | None]]
"""Answers a request; None breaks the connection off."""


@dataclass(frozen=True)
class _Rule:
    method: str
    path: re.Pattern[str]
    lie: Lie


class HostileProxy:
    """Runs in a thread of its own, so that whole commands can be run against it."""

    def __init__(self) -> None:
        self.address = f"http://127.0.0.1:{free_port()}"
        self.upstream = ""
        self.seen: list[Request] = []
        self.replies: list[tuple[Request, Reply]] = []
        self.blocks: dict[str, bytes] = {}
        self.sent_bytes = 0
        self._rules: list[_Rule] = []
        self._first_lie: int | None = None
        self._under_way = 0
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None

    # -- lies ----------------------------------------------------------------------------------

    def behave(self) -> None:
        """Forget every lie and everything seen, once nothing is under way any more."""
        end = time.monotonic() + 30
        while self._under_way and time.monotonic() < end:
            time.sleep(0.01)
        self._rules, self._first_lie = [], None
        self.seen, self.replies, self.blocks, self.sent_bytes = [], [], {}, 0

    def lie(self, method: str, path: str, lie: Lie) -> None:
        """Answer requests for `path` (a regular expression, matched whole) by `lie`."""
        self._rules.insert(0, _Rule(method, re.compile(path), lie))

    def change(self, method: str, path: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """Pass requests on, and change the JSON of the answer (in place, or by returning it)."""

        async def lie(_: Request, forward: Forward) -> Reply:
            reply = await forward()
            document = reply.document
            return reply.saying(change(document) or document)

        self.lie(method, path, lie)

    def answer(self, method: str, path: str, reply: Reply) -> None:
        """Answer without asking the real server."""

        async def lie(_: Request, __: Forward) -> Reply:
            return reply

        self.lie(method, path, lie)

    def serve(self, blocks: Iterable[Block]) -> None:
        """Have blocks of one's own, beside the real server's. Serves no CARs from then on."""
        self.blocks |= {str(block.cid): block.data for block in blocks}

        async def lie(request: Request, forward: Forward) -> Reply:
            if "format=car" in request.query:
                return Reply(406)
            own = self.blocks.get(request.path.removeprefix("/ipfs/"))
            return await forward() if own is None else Reply(200, own)

        self.lie("GET", r"/ipfs/[^/]+(/.*)?", lie)

    # -- what was seen -------------------------------------------------------------------------

    def after_the_lie(self) -> list[str]:
        """What was sent once the first lie had been told."""
        assert self._first_lie is not None, "the lie was never asked for"
        return [str(request) for request in self.seen[self._first_lie + 1 :]]

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests for `path`, a regular expression matched whole."""
        pattern = re.compile(path)
        return [r for r in self.seen if r.method == method and pattern.fullmatch(r.path)]

    def uploaded(self) -> list[Block]:
        """Every block that was sent, in order, again where it was sent again."""
        cars = self.asked("POST", r"/api/v1/uploads/[^/]+/blocks")
        return [block for car in cars for block in car.blocks]

    # -- the proxy itself ----------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[HostileProxy]:
        ready, ended = threading.Event(), asyncio.Event()

        async def work() -> None:
            timeout = aiohttp.ClientTimeout(total=60)
            async with aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as session:
                self._session = session
                app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
                app.router.add_route("*", "/{path:.*}", self._handle)
                runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=1)
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", int(self.address.rpartition(":")[2])).start()
                ready.set()
                await ended.wait()
                await runner.cleanup()

        thread = threading.Thread(target=lambda: self._loop.run_until_complete(work()))
        thread.start()
        try:
            assert ready.wait(60), "the proxy does not start"
            yield self
        finally:
            self._loop.call_soon_threadsafe(ended.set)
            thread.join(30)
            self._loop.close()

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        self._under_way += 1
        try:
            return await self._answer(http)
        finally:
            self._under_way -= 1

    async def _answer(self, http: web.Request) -> web.StreamResponse:
        body = await http.read()
        request = Request(
            len(self.seen), http.method, http.path, http.query_string, dict(http.headers), body
        )
        self.seen.append(request)

        async def forward() -> Reply:
            return await self._forward(request)

        for rule in self._rules:
            if rule.method == request.method and rule.path.fullmatch(request.path):
                reply = await rule.lie(request, forward)
                if self._first_lie is None:
                    self._first_lie = len(self.seen) - 1
                break
        else:
            reply = await forward()
        if reply is None:
            assert http.transport is not None
            http.transport.abort()
            return web.Response()
        self.replies.append((request, reply))
        return await self._send(http, reply)

    async def _forward(self, request: Request) -> Reply:
        assert self._session is not None
        headers = {n: v for n, v in request.headers.items() if n.lower() not in _HOP_BY_HOP}
        headers.pop("Host", None)
        query = f"?{request.query}" if request.query else ""
        try:
            async with self._session.request(
                request.method,
                f"{self.upstream}{request.path}{query}",
                data=io.BytesIO(request.body) if request.body else None,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                kept = {n: v for n, v in answer.headers.items() if n.lower() not in _HOP_BY_HOP}
                return Reply(answer.status, await answer.read(), kept)
        except aiohttp.ClientError:
            return Reply(502)

    async def _send(self, http: web.Request, reply: Reply) -> web.StreamResponse:
        if "Content-Type" not in reply.headers:
            reply = replace(
                reply, headers={"Content-Type": "application/octet-stream"} | reply.headers
            )
        self.sent_bytes += len(reply.body)
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


def own_cid(data: bytes) -> CID:
    """The CID of a raw block."""
    return Block.of(0x55, data).cid
