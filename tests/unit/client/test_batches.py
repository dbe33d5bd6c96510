"""Blocks on their way to the server: a few batches at once, no more; failures come to light."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from hygieia.client.batches import BatchSender
from hygieia.client.transport import Transport
from hygieia.errors import QuotaExceeded
from hygieia.ipld.block import Block
from hygieia.ipld.car import CarReader
from hygieia.ipld.cid import RAW
from hygieia.limits import CAR_BATCH_BYTES, MAX_BATCH_CIDS
from tests.unit.client.servers import ScriptedServer, problem, saying, scripted

MIB = 1 << 20
STORED = saying({"stored_blocks": 0, "stored_bytes": 0})


def block(number: int, size: int = MIB) -> Block:
    return Block.of(RAW, number.to_bytes(4, "big") * (size // 4))


def batches_of(server: ScriptedServer) -> list[list[Block]]:
    found = []
    for body, (_, path) in zip(server.bodies, server.seen, strict=True):
        if path.endswith("/blocks"):
            reader = CarReader()
            found.append(list(reader.feed(body)))
            reader.finish()
    return found


async def test_every_block_arrives_in_batches_that_are_small_enough() -> None:
    blocks = [block(n) for n in range(20)] + [block(n, 100) for n in range(100, 5200)]
    async with scripted(STORED) as server, Transport(server.url) as to:
        sender = BatchSender(to, "u1")
        await sender.send_all(blocks)
    sent = batches_of(server)
    assert {b.cid for batch in sent for b in batch} == {b.cid for b in blocks}
    for batch in sent:
        assert sum(len(b.data) for b in batch) <= CAR_BATCH_BYTES
        assert len(batch) <= MAX_BATCH_CIDS


async def test_nothing_is_sent_when_there_is_nothing() -> None:
    async with scripted(STORED) as server, Transport(server.url) as to:
        await BatchSender(to, "u1").send_all([])
    assert server.seen == []


async def test_whoever_adds_waits_while_too_much_is_under_way() -> None:
    gate = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await gate.wait()
        return web.json_response({})

    async with scripted(slow) as server, Transport(server.url) as to:
        sender = BatchSender(to, "u1")
        adding = asyncio.create_task(sender.add([block(n) for n in range(80)]))
        while len(server.seen) < 3:  # noqa: ASYNC110  (seen from outside)
            await asyncio.sleep(0.01)
        assert not adding.done()
        assert len(server.seen) == 3
        gate.set()
        await adding
        await sender.flush()
    assert sum(len(batch) for batch in batches_of(server)) == 80


async def test_the_failure_of_a_batch_comes_to_light_at_the_next_or_at_the_end() -> None:
    full = problem("quota-exceeded", 507)
    async with scripted(full) as server, Transport(server.url) as to:
        with pytest.raises(QuotaExceeded):
            await BatchSender(to, "u1").send_all([block(n) for n in range(60)])
        late = BatchSender(to, "u1")
        await late.add([block(1)])
        with pytest.raises(QuotaExceeded):
            await late.flush()
    assert len(server.seen) < 8


async def test_what_is_abandoned_is_not_sent_any_further() -> None:
    never = asyncio.Event()

    async def stuck(_: web.Request) -> web.Response:
        await never.wait()
        return web.json_response({})

    async with scripted(stuck) as server, Transport(server.url) as to:
        sender = BatchSender(to, "u1")
        await sender.add([block(n) for n in range(20)])
        await sender.abandon()
        assert not [task for task in asyncio.all_tasks() if "_send" in str(task.get_coro())]
        never.set()
    assert len(server.seen) <= 3


async def test_of_what_may_be_there_only_what_is_missing_is_sent() -> None:
    blocks = [block(n) for n in range(4)]

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/missing"):
            asked = json.loads(await request.text())["cids"]
            return web.json_response({"missing": asked[1:3]})
        return web.json_response({})

    async with scripted(answer) as server, Transport(server.url) as to:
        sender = BatchSender(to, "u1")
        await sender.add(blocks, maybe_there=True)
        await sender.flush()
    assert [[b.cid for b in batch] for batch in batches_of(server)] == [
        [b.cid for b in blocks[1:3]]
    ]
