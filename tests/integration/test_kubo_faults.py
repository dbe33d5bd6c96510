"""A Kubo that stops, is cut off or talks noise: what the block store makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import random
import urllib.error
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from hygieia.blocks.kubo import open_kubo
from hygieia.blocks.kubo.rpc import CALL_SECONDS, Rpc
from hygieia.blocks.port import BlockStore
from hygieia.documents.sqlite import open_sqlite
from hygieia.errors import BlockRefused, Unavailable
from hygieia.ipld.block import UnverifiedBlock
from tests.dags import raw, report, shared_and_shared_again
from tests.kubo import KuboServer
from tests.running import frozen
from tests.tcp_proxy import TcpProxy, Weather, tcp_proxy

pytestmark = pytest.mark.servers

CUTS = 10


@pytest.fixture
def proxy(kubo: KuboServer) -> Iterator[TcpProxy]:
    kubo.empty()
    with tcp_proxy(kubo.api_port) as proxy:
        yield proxy


@pytest.fixture
async def store(kubo: KuboServer, proxy: TcpProxy, tmp_path: Path) -> AsyncIterator[BlockStore]:
    documents = open_sqlite(tmp_path / "documents.sqlite")
    store = await asyncio.to_thread(open_kubo, kubo.address_at(proxy.port), documents)
    yield store
    await store.close()
    await documents.close()


async def unavailable(store: BlockStore, seed: int) -> None:
    """Every kind of call that asks Kubo says so, and soon enough."""
    dag = report(1, 50_000)
    outcomes = await asyncio.wait_for(
        asyncio.gather(
            store.get(dag.root),
            store.sizes(dag.cids),
            store.missing(dag.cids, holder="other"),
            store.put(report(seed, 50_000).blocks, holder="other"),
            store.put([raw(seed)]),
            store.pin(dag.root, name="other"),
            store.sweep(),
            return_exceptions=True,
        ),
        timeout=60,
    )
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes), outcomes


@pytest.mark.parametrize("weather", [Weather.GONE, Weather.FORGETFUL, Weather.GARBAGE])
async def test_bad_weather_is_unavailable_and_passes(
    store: BlockStore, proxy: TcpProxy, weather: Weather
) -> None:
    dag = report(1, 50_000)
    await store.put(dag.blocks, holder="upload")
    proxy.turn(weather)
    proxy.cut()
    await unavailable(store, 10)
    proxy.turn(Weather.FINE)
    proxy.cut()
    assert await store.get_many(dag.cids) == [block.data for block in dag.blocks]
    await store.pin(dag.root, name="report")
    await store.release("upload")
    await store.release("other")
    await store.sweep()
    assert await store.missing(dag.cids) == []


@pytest.mark.slow
async def test_a_frozen_kubo_is_given_up_before_a_slow_ones_time_is_over(
    store: BlockStore, kubo: KuboServer
) -> None:
    dag = report(1, 50_000)
    await store.put(dag.blocks, holder="one")
    with frozen(kubo.process):
        asked = [store.get(dag.root), store.size(dag.root), store.put(report(2).blocks, holder="x")]
        outcomes = await asyncio.wait_for(
            asyncio.gather(*asked, return_exceptions=True), CALL_SECONDS
        )
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    assert await store.get(dag.root) == dag.blocks[-1].data
    assert await store.put(report(2).blocks, holder="x") > 0


async def test_what_was_acknowledged_survives_cables_being_pulled(
    store: BlockStore, proxy: TcpProxy
) -> None:
    cuts = 0
    acknowledged: list[int] = []

    async def upload(seed: int) -> None:
        dag, name = report(seed, 30_000), f"report {seed}"
        while True:
            try:
                await store.put(dag.blocks, holder=name)
                await store.pin(dag.root, name=name)
                await store.release(name)
            except Unavailable:
                continue
            acknowledged.append(seed)
            return

    async def keep_uploading(seed: int) -> None:
        await upload(seed)
        while cuts < CUTS:
            await upload(seed := seed + 80)

    async def pull_cables() -> None:
        nonlocal cuts
        while cuts < CUTS:
            # An import and a pin must fit in between now and then.
            await asyncio.sleep(random.uniform(0.05, 0.4))
            proxy.cut()
            cuts += 1

    pulling = asyncio.create_task(pull_cables())
    await asyncio.gather(*(keep_uploading(100 + 10 * number) for number in range(8)))
    await pulling
    await store.sweep()
    for seed in acknowledged:
        assert await store.missing(report(seed, 30_000).cids) == []


async def test_an_operators_own_collection_takes_nothing_that_is_held_or_pinned(
    store: BlockStore, kubo: KuboServer
) -> None:
    held, pinned, unwanted = report(1, 50_000), report(20, 50_000), report(40, 50_000)
    await store.put(held.blocks, holder="upload")
    await store.put(pinned.blocks)
    await store.pin(pinned.root)
    await store.put(unwanted.blocks)
    await asyncio.to_thread(kubo.ask, "repo/gc")
    assert await store.missing([*held.cids, *pinned.cids]) == []
    assert len(await store.missing(unwanted.cids)) == len(unwanted.cids)


@pytest.mark.parametrize("place", [0, 5])
async def test_a_leaf_that_is_another_is_refused_by_kubo_and_named_by_us(
    store: BlockStore, kubo: KuboServer, place: int
) -> None:
    # Raw leaves are not hashed here on their way in. Large ones: Kubo hangs up before it has all.
    leaves = [raw(seed, 1 << 20) for seed in range(6)]
    sent = [UnverifiedBlock(leaf.cid, leaf.data) for leaf in leaves]
    sent[place] = UnverifiedBlock(leaves[place].cid, b"x" + leaves[place].data[1:])
    with pytest.raises(BlockRefused, match=str(leaves[place].cid)):
        await store.put(sent, holder="one")
    assert await store.missing([leaf.cid for leaf in leaves]) == [leaf.cid for leaf in leaves]
    assert await store.put([UnverifiedBlock(leaf.cid, leaf.data) for leaf in leaves]) == 6 << 20
    assert await store.get(leaves[place].cid) == leaves[place].data


async def test_two_contents_for_one_cid_are_refused(store: BlockStore) -> None:
    leaf = raw(1)
    with pytest.raises(BlockRefused, match="Two blocks"):
        await store.put([leaf, UnverifiedBlock(leaf.cid, b"another")])
    assert await store.size(leaf.cid) is None


async def test_a_damaged_block_is_refused_until_kubo_drops_it_and_it_is_put_again(
    store: BlockStore, kubo: KuboServer
) -> None:
    dag = report(1, 50_000)
    await store.put(dag.blocks, holder="upload")
    leaf_block = max(dag.blocks, key=lambda block: len(block.data))
    stored = kubo.data_file(leaf_block.data)
    stored.write_bytes(bytes(len(leaf_block.data)))
    with pytest.raises(BlockRefused):
        await store.get(leaf_block.cid)
    # Kubo passes over a block that it believes to have: the guide's command comes first.
    with contextlib.suppress(urllib.error.HTTPError, http.client.IncompleteRead):
        await asyncio.to_thread(kubo.ask, "repo/verify", drop="true")
    assert await store.missing([leaf_block.cid]) == [leaf_block.cid]
    await store.put([leaf_block], holder="upload")
    assert await store.get(leaf_block.cid) == leaf_block.data


async def test_sharing_asks_as_little_of_a_large_report_as_of_a_small_one(
    store: BlockStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    repeated = Rpc._repeated

    async def counted(rpc: Rpc, once: Callable[[], Awaitable[object]]) -> object:
        asked[-1] += 1
        return await repeated(rpc, once)

    for size_bytes in (50_000, 20_000_000):
        old_blocks, old, new_blocks, new = shared_and_shared_again(size_bytes)
        await store.put(old_blocks, holder="share")
        await store.pin(old, name="report")
        await store.put(new_blocks, holder="share")
        asked.append(0)
        with monkeypatch.context() as counting:
            counting.setattr(Rpc, "_repeated", counted)
            await store.update_pin(old, new, name="report")
        await store.release("share")
        await store.sweep()
        cids = [block.cid for block in (*old_blocks, *new_blocks)]
        header, envelope, root = (block.cid for block in old_blocks[-3:])
        assert await store.missing(cids) == [header, envelope, root]
    assert asked[0] == asked[1]
