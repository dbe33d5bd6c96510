"""Reads over gateways that lie, stall, die, redirect or have nothing (BK-01, BK-06, BK-07)."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from hygieia.blocks.embedded import EmbeddedBlockStore, open_embedded
from hygieia.blocks.gateway import GatewayReader
from hygieia.errors import (
    BlockMissing,
    BlockRefused,
    DagRefused,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Unreachable,
)
from hygieia.ipld.builder import directory
from hygieia.ipld.cid import CID
from hygieia.limits import MAX_BLOCK_BYTES
from hygieia.server.gateway import gateway_routes
from tests.dags import envelope, raw, report
from tests.unit.blocks.gateways import (
    HASTY,
    PATIENT,
    Handler,
    always,
    answering,
    collect,
    dying_after,
    endless,
    serving,
    stall,
)


async def test_a_block_is_read_and_counted(store: EmbeddedBlockStore) -> None:
    block = raw(1, 100_000)
    await store.put([block])
    async with serving(*gateway_routes(store)) as good, GatewayReader([good.url]) as reader:
        assert await reader.get(block.cid) == block
        (health,) = reader.health
        assert (health.served_blocks, health.served_bytes, health.failures) == (1, 100_000, 0)


@pytest.mark.parametrize(
    ("name", "routes"),
    [
        ("lies", always(200, b"something else")),
        ("is silent", answering(stall)),
        ("never ends", answering(endless)),
        ("sends too much", always(200, bytes(MAX_BLOCK_BYTES + 1))),
        ("has nothing", always(404)),
        ("has had enough", always(429, Retry_After="1")),
        ("is broken", always(500)),
        ("redirects", always(302, Location="/elsewhere")),
        ("compresses", always(200, b"\x1f\x8b", Content_Encoding="gzip")),
    ],
)
async def test_the_next_gateway_is_asked_when_one(
    store: EmbeddedBlockStore, name: str, routes: list[web.RouteDef]
) -> None:
    block = raw(1, 50_000)
    await store.put([block])
    async with (
        serving(*routes) as bad,
        serving(*gateway_routes(store)) as good,
        GatewayReader([bad.url, good.url], patience=HASTY) as reader,
    ):
        assert await reader.get(block.cid) == block
        assert reader.health[0].last_failure is not None
        assert reader.health[1].served_blocks == 1


async def test_an_address_where_nobody_listens_is_passed_over(store: EmbeddedBlockStore) -> None:
    block = raw(1)
    await store.put([block])
    async with (
        serving(*gateway_routes(store)) as good,
        GatewayReader(["http://127.0.0.1:9", good.url], patience=PATIENT) as reader,
    ):
        assert await reader.get(block.cid) == block


async def test_a_redirect_is_never_followed(store: EmbeddedBlockStore) -> None:
    async with (
        serving(*always(200, b"x")) as third_party,
        serving(*always(301, Location=f"{third_party.url}/ipfs/x")) as gateway,
        GatewayReader([gateway.url], patience=PATIENT) as reader,
    ):
        with pytest.raises(Unreachable, match="redirects"):
            await reader.get(raw(1).cid)
        assert third_party.asked == []


async def test_a_liar_is_asked_last(store: EmbeddedBlockStore) -> None:
    blocks = [raw(seed) for seed in range(5)]
    await store.put(blocks)
    async with (
        serving(*always(200, b"lie")) as liar,
        serving(*gateway_routes(store)) as good,
        GatewayReader([liar.url, good.url], patience=PATIENT) as reader,
    ):
        for block in blocks:
            await reader.get(block.cid)
        assert len(liar.asked) == 1
        assert reader.health[0].lies == 1


async def test_the_error_says_what_all_gateways_together_did(store: EmbeddedBlockStore) -> None:
    cid = raw(1).cid
    async with serving(*always(404)) as empty, serving(*always(200, b"lie")) as liar:
        async with GatewayReader([empty.url], patience=PATIENT) as reader:
            with pytest.raises(BlockMissing):
                await reader.get(cid)
        async with GatewayReader([empty.url, liar.url], patience=PATIENT) as reader:
            with pytest.raises(BlockRefused):
                await reader.get(cid)
        async with GatewayReader(["http://127.0.0.1:9", empty.url], patience=PATIENT) as reader:
            with pytest.raises(Unreachable):
                await reader.get(cid)


async def test_blocks_come_in_order_from_wherever_they_are(
    store: EmbeddedBlockStore, tmp_path: Path
) -> None:
    other = open_embedded(tmp_path / "other")
    blocks = [raw(seed, 20_000) for seed in range(12)]
    await store.put(blocks[::2])
    await other.put(blocks[1::2])
    async with (
        serving(*gateway_routes(store)) as one,
        serving(*gateway_routes(other)) as two,
        GatewayReader([one.url, two.url]) as reader,
    ):
        found = [block async for block in reader.blocks([b.cid for b in blocks])]
    assert found == blocks
    await other.close()


async def a_file(store: EmbeddedBlockStore, size_bytes: int) -> tuple[CID, bytes]:
    blocks, built, data = envelope(7, size_bytes)
    root, _ = directory([("data.pgp", built)])
    await store.put([*blocks, root], holder="test")
    return root.cid, data


@pytest.mark.parametrize("part", [(0, None), (0, 10), (100, 1_500_000), (3_000_000, None)])
async def test_a_file_is_read_whole_and_in_parts(
    store: EmbeddedBlockStore, part: tuple[int, int | None]
) -> None:
    root, data = await a_file(store, 4_500_000)
    async with serving(*gateway_routes(store)) as good, GatewayReader([good.url]) as reader:
        found = await collect(reader.read_file(root, ["data.pgp"], start=part[0], end=part[1]))
        assert found == data[part[0] : part[1]]
        assert len(good.asked) == 1


@pytest.mark.parametrize("dies_at", [0, 150, 1_200_000, 3_333_333])
async def test_the_next_gateway_goes_on_where_one_died(
    store: EmbeddedBlockStore, dies_at: int
) -> None:
    root, data = await a_file(store, 4_500_000)
    async with (
        serving(*dying_after(store, dies_at)) as dying,
        serving(*gateway_routes(store)) as good,
        GatewayReader([dying.url, good.url], patience=PATIENT) as reader,
    ):
        assert await collect(reader.read_file(root, ["data.pgp"])) == data
        if dies_at > 1_200_000:
            assert "entity-bytes=" in good.asked[0]


async def test_a_file_is_read_from_gateways_that_all_die_all_the_time(
    store: EmbeddedBlockStore,
) -> None:
    root, data = await a_file(store, 3_500_000)
    async with (
        serving(*dying_after(store, 2_300_000)) as one,
        GatewayReader([one.url], patience=PATIENT) as reader,
    ):
        assert await collect(reader.read_file(root, ["data.pgp"])) == data


async def test_a_file_is_read_block_by_block_where_no_cars_are_served(
    store: EmbeddedBlockStore,
) -> None:
    root, data = await a_file(store, 2_500_000)
    (true,) = [route for route in gateway_routes(store) if route.path.startswith("/ipfs")][:1]
    serve: Handler = true.handler

    async def no_cars(request: web.Request) -> web.StreamResponse:
        if request.query.get("format") != "raw":
            return web.Response(status=406)
        return await serve(request)

    async with (
        serving(web.get("/ipfs/{path:.+}", no_cars)) as plain,
        GatewayReader([plain.url]) as reader,
    ):
        assert await collect(reader.read_file(root, ["data.pgp"])) == data
        assert await collect(reader.read_file(root, ["data.pgp"])) == data
        assert sum("format=car" in asked for asked in plain.asked) == 1


async def test_a_car_with_strange_blocks_releases_nothing_wrong(
    store: EmbeddedBlockStore,
) -> None:
    root, data = await a_file(store, 1_500_000)
    stranger, _ = await a_file(store, 900_000)
    gateway = gateway_routes(store)[0]
    serve: Handler = gateway.handler

    async def mix(request: web.Request) -> web.StreamResponse:
        if request.query.get("format") == "car":
            request.match_info["path"] = f"{stranger}/data.pgp"
        return await serve(request)

    async with (
        serving(web.get("/ipfs/{path:.+}", mix)) as mixing,
        GatewayReader([mixing.url]) as reader,
    ):
        assert await collect(reader.read_file(root, ["data.pgp"])) == data


async def test_a_path_that_leads_nowhere_is_said_so(store: EmbeddedBlockStore) -> None:
    root, _ = await a_file(store, 1000)
    async with serving(*gateway_routes(store)) as good, GatewayReader([good.url]) as reader:
        with pytest.raises(NotFound):
            await collect(reader.read_file(root, ["nothing"]))


async def test_a_file_over_its_limit_is_refused_before_its_leaves(
    store: EmbeddedBlockStore,
) -> None:
    root, _ = await a_file(store, 2_500_000)
    async with serving(*gateway_routes(store)) as good, GatewayReader([good.url]) as reader:
        with pytest.raises(LimitExceeded):
            await collect(reader.read_file(root, ["data.pgp"], max_size_bytes=1_000_000))


async def test_what_is_no_vault_file_is_refused(store: EmbeddedBlockStore) -> None:
    dag = report(1)
    await store.put(dag.blocks)
    async with serving(*gateway_routes(store)) as good, GatewayReader([good.url]) as reader:
        with pytest.raises(DagRefused):
            await collect(reader.read_file(dag.root))


async def test_a_whole_dag_is_fetched_once_even_if_a_gateway_dies(
    store: EmbeddedBlockStore,
) -> None:
    dag = report(1, 2_500_000)
    await store.put(dag.blocks)
    async with (
        serving(*dying_after(store, 1_800_000)) as dying,
        serving(*gateway_routes(store)) as good,
        GatewayReader([dying.url, good.url], patience=PATIENT) as reader,
    ):
        found = [block.cid async for block in reader.fetch_dag(dag.root, max_bytes=1 << 24)]
        assert sorted(map(str, found)) == sorted(map(str, dag.cids))
        with pytest.raises(LimitExceeded):
            async for _ in reader.fetch_dag(dag.root, max_bytes=1 << 20):
                pass


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway.example",
        "ftp://gateway.example",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@gateway.example",
        "https://gateway.example/?q=1",
        "https://gateway.example/#x",
        "https://gateway.example/ x",
        "https://gateway.example:99999",
        "https://" + "a" * 3000,
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        GatewayReader([url])


def test_no_gateway_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput):
        GatewayReader([])
