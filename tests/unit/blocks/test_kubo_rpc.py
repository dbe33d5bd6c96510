"""Calls to a Kubo's RPC as it gets them: repeated when cut, so many at once, with a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from hygieia.blocks.kubo import rpc as module
from hygieia.blocks.kubo.address import Address
from hygieia.blocks.kubo.rpc import CALLS_AT_ONCE, IMPORTS_AT_ONCE, TRIES, Rpc
from hygieia.errors import Unavailable
from hygieia.ipld.block import Block
from hygieia.ipld.cid import RAW

Call = Callable[[Rpc], Awaitable[object]]
LEAF, OTHER = Block.of(RAW, b"content"), Block.of(RAW, b"another").cid
ROOT = LEAF.cid
ANSWER = {"Size": 5, "Ref": str(ROOT), "Stats": {"BlockCount": 1}}
GARBAGE = b"no JSON"


@dataclass
class Node:
    """What answers like a Kubo, after it has cut the first connections."""

    cuts: int = 0
    body: bytes = json.dumps(ANSWER).encode() + b"\n"
    breaks_off: bool = False
    at_once: int = 0
    asked: list[web.Request] = field(default_factory=list)
    waiting: int = 0
    most: int = 0
    full: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/api/v0/version":  # the pulse
            return web.Response()
        await request.read()
        self.asked.append(request)
        await self._wait_for_others()
        if len(self.asked) <= self.cuts:
            return self._cut(request, web.Response())
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        await answer.write(self.body)
        return self._cut(request, answer) if self.breaks_off else answer

    async def _wait_for_others(self) -> None:
        """Answer nobody before as many as may have asked at once, and one more had time to."""
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        if self.waiting == self.at_once and not self.full.is_set():
            await asyncio.sleep(0.3)
            self.full.set()
        if self.at_once:
            await self.full.wait()
        self.waiting -= 1

    @staticmethod
    def _cut(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return answer


@contextlib.asynccontextmanager
async def calls_to(node: Node) -> AsyncIterator[Rpc]:
    app = web.Application(client_max_size=0)
    app.router.add_post("/api/v0/{path:.*}", node.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    rpc = Rpc(Address("http", "127.0.0.1", runner.addresses[0][1], None))
    try:
        yield rpc
    finally:
        await rpc.close()
        await runner.cleanup()


async def store(rpc: Rpc) -> None:
    await rpc.import_car([LEAF], ROOT, pin=False)


async def replace_pin(rpc: Rpc) -> None:
    await rpc.update_pin(ROOT, OTHER)


CALLS: dict[str, Call] = {
    "identity": lambda rpc: rpc.identity(),
    "size": lambda rpc: rpc.size(ROOT),
    "import": store,
    "refs": lambda rpc: rpc.is_whole(ROOT),
    "pin": lambda rpc: rpc.pin(ROOT, "report:1"),
    "pinned": lambda rpc: rpc.is_pinned(ROOT),
    "update": replace_pin,
    "unpin": lambda rpc: rpc.unpin(ROOT),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)


@each_call
@pytest.mark.usefixtures("_no_pauses")
async def test_a_call_whose_connection_is_cut_is_made_again(call: Call) -> None:
    node = Node(cuts=1)
    async with calls_to(node) as rpc:
        await call(rpc)
    assert len(node.asked) == 2


@each_call
@pytest.mark.usefixtures("_no_pauses")
async def test_a_call_that_is_always_cut_is_given_up(call: Call) -> None:
    node = Node(cuts=100)
    async with calls_to(node) as rpc:
        with pytest.raises(Unavailable):
            await call(rpc)
    assert len(node.asked) == TRIES


async def test_an_answer_in_lines_that_breaks_off_is_not_begun_again() -> None:
    node = Node(breaks_off=True)
    async with calls_to(node) as rpc:
        with pytest.raises(Unavailable):
            await rpc.is_whole(ROOT)
    assert len(node.asked) == 1


@each_call
@pytest.mark.usefixtures("_no_pauses")
async def test_noise_for_an_answer_is_told_as_a_store_that_does_not_answer(call: Call) -> None:
    async with calls_to(Node(body=GARBAGE)) as rpc:
        with pytest.raises(Unavailable):
            await call(rpc)


async def test_no_more_calls_are_made_at_once_than_kubo_shall_bear() -> None:
    node = Node(at_once=CALLS_AT_ONCE)
    async with calls_to(node) as rpc:
        sizes = await asyncio.gather(*(rpc.size(ROOT) for _ in range(2 * CALLS_AT_ONCE)))
    assert sizes == [5] * (2 * CALLS_AT_ONCE)
    assert node.most == CALLS_AT_ONCE


async def test_fewer_imports_are_made_at_once_than_calls() -> None:
    node = Node(at_once=IMPORTS_AT_ONCE)
    async with calls_to(node) as rpc:
        await asyncio.gather(*(store(rpc) for _ in range(3 * IMPORTS_AT_ONCE)))
    assert len(node.asked) == 3 * IMPORTS_AT_ONCE
    assert node.most == IMPORTS_AT_ONCE


@pytest.mark.parametrize("call", [c for n, c in CALLS.items() if n != "identity"])
async def test_kubo_gets_our_time_limit_and_is_to_look_nowhere_else(call: Call) -> None:
    node = Node()
    async with calls_to(node) as rpc:
        await call(rpc)
    (asked,) = node.asked
    assert asked.query["timeout"] in {"30s", "600s"}
    assert asked.query["offline"] == "true"


async def test_a_pin_is_updated_from_old_to_new_and_the_old_is_kept() -> None:
    node = Node()
    async with calls_to(node) as rpc:
        await replace_pin(rpc)
    (asked,) = node.asked
    assert asked.query.getall("arg") == [str(ROOT), str(OTHER)]
    assert asked.query["unpin"] == "false"
