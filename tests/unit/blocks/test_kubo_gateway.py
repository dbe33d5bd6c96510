"""Reads through a Kubo's own gateway. Ours stands in for it: both speak the same specs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from hygieia.blocks.bulk import BulkReads
from hygieia.blocks.embedded import EmbeddedBlockStore
from hygieia.blocks.gateway import GatewayReader
from hygieia.blocks.kubo import KuboGateway
from hygieia.blocks.kubo import gateway as module
from hygieia.errors import BlockMissing, BlockRefused, ConfigError, Unavailable
from hygieia.ipld.cid import CID
from hygieia.limits import MAX_BLOCK_BYTES
from hygieia.server.gateway import gateway_routes
from hygieia.server.gateway.files import file_bytes_in_bulk
from tests.dags import Dag, file, noise, raw
from tests.unit.blocks.gateways import always, answering, collect, serving, stall

CONTENT = noise(1, 3_000_000)
BLOCKS, BUILT = file(CONTENT)


@asynccontextmanager
async def read_through(*routes: web.RouteDef) -> AsyncIterator[KuboGateway]:
    async with serving(*routes) as served:
        gateway = KuboGateway(served.url)
        yield gateway
        await gateway.close()


async def bytes_of(bulk: BulkReads, root: CID, first: int, end: int) -> bytes | None:
    stream = await bulk.file(root, first, end)
    if stream is None:
        return None
    found = b""
    while piece := await stream.read():
        found += piece
    await stream.close()
    return found


async def test_blocks_are_had_in_order_over_connections_used_again(
    store: EmbeddedBlockStore,
) -> None:
    blocks = [raw(1, 0), raw(2, 100_000), raw(3, MAX_BLOCK_BYTES)]
    await store.put(blocks)
    peers = set[object]()

    async def noting(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        cid = CID.parse(request.path.rpartition("/")[2])
        return web.Response(body=await store.get(cid))

    async with read_through(*answering(noting)) as gateway:
        for _ in range(3):
            found = await gateway.blocks([block.cid for block in blocks])
            assert found == [block.data for block in blocks]
    assert len(peers) == 1


async def test_blocks_end_at_the_limit_but_there_is_at_least_one(store: EmbeddedBlockStore) -> None:
    blocks = [raw(seed, 10_000) for seed in range(4)]
    await store.put(blocks)
    cids = [block.cid for block in blocks]
    async with read_through(*gateway_routes(store)) as gateway:
        assert len(await gateway.blocks(cids, max_bytes=25_000)) == 2
        assert len(await gateway.blocks(cids, max_bytes=1)) == 1
        assert len(await gateway.blocks(cids)) == 4


async def test_what_is_missing_or_too_large_is_said_so(store: EmbeddedBlockStore) -> None:
    async with read_through(*gateway_routes(store)) as gateway:
        with pytest.raises(BlockMissing):
            await gateway.blocks([raw(1).cid])
        assert await gateway.file(raw(1).cid, 0, 100) is None
    async with read_through(*always(200, bytes(MAX_BLOCK_BYTES + 1))) as gateway:
        with pytest.raises(BlockRefused):
            await gateway.blocks([raw(1).cid])


@pytest.mark.parametrize("routes", [always(500), always(429), always(302, Location="/else")])
async def test_any_other_answer_is_unavailable(routes: list[web.RouteDef]) -> None:
    async with read_through(*routes) as gateway:
        with pytest.raises(Unavailable):
            await gateway.blocks([raw(1).cid])
        assert await gateway.file(BUILT.cid, 0, 100) is None


async def test_a_gateway_that_is_silent_or_gone_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.2)
    async with read_through(*answering(stall)) as gateway:
        with pytest.raises(Unavailable):
            await gateway.blocks([raw(1).cid])
    gone = KuboGateway("http://127.0.0.1:1")
    with pytest.raises(Unavailable):
        await gone.blocks([raw(1).cid])
    await gone.close()
    with pytest.raises(Unavailable):
        await gone.blocks([raw(1).cid])


async def trickle(request: web.Request) -> web.StreamResponse:
    headers = {"Content-Length": "1000000", "Content-Range": "bytes 0-999999/1000000"}
    response = web.StreamResponse(
        status=206 if "Range" in request.headers else 200, headers=headers
    )
    await response.prepare(request)
    while True:
        await response.write(b"x")
        await asyncio.sleep(0.05)


async def test_a_gateway_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_SECONDS", 0.2)
    monkeypatch.setattr(module, "LOOK_EVERY_SECONDS", 0.1)
    async with read_through(*answering(trickle)) as gateway, asyncio.timeout(20):
        with pytest.raises(Unavailable):
            await gateway.blocks([raw(1).cid])
        found = await bytes_of(gateway, raw(1).cid, 0, 1_000_000)
        assert len(found or b"") < 100, "the rest is read another way"


async def test_closing_waits_for_no_reads() -> None:
    begun = asyncio.Event()

    async def telling(request: web.Request) -> web.StreamResponse:
        begun.set()
        return await trickle(request)

    async with read_through(*answering(telling)) as gateway, asyncio.timeout(20):
        reading = asyncio.create_task(gateway.blocks([raw(1).cid]))
        await begun.wait()
        await gateway.close()
        with pytest.raises(Unavailable):
            await reading


async def test_many_readers_of_a_silent_gateway_wait_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 1)
    asked = 0

    async def counting(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await stall(request)

    async with read_through(*answering(counting)) as gateway:
        reads = [gateway.blocks([raw(1).cid]) for _ in range(5 * module.READS_AT_ONCE)]
        ends = await asyncio.gather(*reads, return_exceptions=True)
        assert all(isinstance(end, Unavailable) for end in ends)
    assert asked <= 2 * module.READS_AT_ONCE


@pytest.mark.parametrize(
    ("first", "end"), [(0, len(CONTENT)), (1, 2), (1_500_000, 2_700_001), (2_999_999, 3_000_000)]
)
async def test_any_part_of_a_file_is_had_as_a_stream(
    store: EmbeddedBlockStore, first: int, end: int
) -> None:
    await store.put(BLOCKS)
    async with read_through(*gateway_routes(store)) as gateway:
        assert await bytes_of(gateway, BUILT.cid, first, end) == CONTENT[first:end]


async def test_an_answer_of_another_length_or_part_is_not_taken(store: EmbeddedBlockStore) -> None:
    await store.put(BLOCKS)
    async with read_through(*gateway_routes(store)) as gateway:
        assert await gateway.file(BUILT.cid, 0, len(CONTENT) + 1) is None
    body = b"x" * 100
    for answer in (always(200, body), always(206, body, Content_Range="bytes 1-100/200")):
        async with read_through(*answer) as gateway:
            assert await gateway.file(BUILT.cid, 0, 100) is None


async def test_more_files_at_once_than_there_is_room_for_are_read_another_way(
    store: EmbeddedBlockStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILES_AT_ONCE", 1)
    await store.put(BLOCKS)
    async with read_through(*gateway_routes(store)) as gateway:
        one = await gateway.file(BUILT.cid, 0, 100)
        assert one is not None
        assert await gateway.file(BUILT.cid, 0, 100) is None
        await one.close()
        assert await bytes_of(gateway, BUILT.cid, 0, 100) == CONTENT[:100]


async def test_a_stream_that_breaks_off_goes_on_from_the_store(store: EmbeddedBlockStore) -> None:
    await store.put(BLOCKS)

    async def breaks_off(request: web.Request) -> web.StreamResponse:
        headers = {
            "Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}",
            "Content-Length": str(len(CONTENT)),
        }
        response = web.StreamResponse(status=206, headers=headers)
        await response.prepare(request)
        await response.write(CONTENT[:1_234_567])
        assert request.transport is not None
        request.transport.close()
        return response

    async with read_through(*answering(breaks_off)) as gateway:
        pieces = file_bytes_in_bulk(store, gateway, BUILT.cid, 0, len(CONTENT))
        assert await collect(pieces) == CONTENT


class Lying:
    """Gives other bytes than are asked for."""

    can_relay = False

    async def blocks(self, cids: Sequence[CID], *, max_bytes: int | None = None) -> list[bytes]:
        return [b"x" * (1 << 20) for _ in cids][: (max_bytes or 1 << 30) >> 20]

    async def file(self, root: CID, first: int, end: int) -> None:
        return None


async def test_a_reader_who_hashes_is_not_taken_in_by_a_damaged_kubo(
    store: EmbeddedBlockStore,
) -> None:
    await store.put(Dag(BUILT.cid, tuple(BLOCKS)).blocks)
    async with (
        serving(*gateway_routes(store, Lying())) as served,
        GatewayReader([served.url]) as reader,
    ):
        # The CAR is thrown away; single blocks are hashed by the server as well.
        assert await collect(reader.read_file(BUILT.cid)) == CONTENT
        assert reader.health[0].lies == 1


@pytest.mark.parametrize("url", ["ftp://kubo:8080", "http://", "http://kubo:8080/ipfs"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        KuboGateway(url)


async def test_a_gateway_of_another_kubo_is_found_out(store: EmbeddedBlockStore) -> None:
    block = raw(1)
    async with read_through(*gateway_routes(store)) as gateway:
        with pytest.raises(ConfigError, match="does not have"):
            await asyncio.to_thread(gateway.check, block.cid, block.data, offer_nothing)
        await store.put([block])
        await asyncio.to_thread(gateway.check, block.cid, block.data, offer_nothing)
    with pytest.raises(ConfigError, match="No gateway answers"):
        KuboGateway("http://127.0.0.1:1").check(block.cid, block.data, offer_nothing)


def offer_nothing() -> None:
    """Its Kubo has, or lacks, the block anyway."""
