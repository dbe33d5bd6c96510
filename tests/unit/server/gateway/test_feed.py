from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from hygieia.blocks.embedded import EmbeddedBlockStore, open_embedded
from hygieia.blocks.verified import VerifiedBlockStore
from hygieia.errors import BlockMissing, LimitExceeded
from hygieia.ipld import dagpb
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID, DAG_PB
from hygieia.server.gateway import feed
from hygieia.server.gateway.asked import CarParameters, Scope
from hygieia.server.gateway.feed import CarFeed
from tests.dags import Dag, linked, raw, report

ALL = CarParameters(Scope.ALL, None, duplicates=False)
REPEATED = CarParameters(Scope.ALL, None, duplicates=True)


class Measured(VerifiedBlockStore):
    """Knows how much was read and not yet taken on."""

    def __init__(self, inner: EmbeddedBlockStore) -> None:
        super().__init__(inner)
        self.read_bytes = 0
        self.calls = 0

    async def get_many(self, cids: Sequence[CID], *, max_bytes: int | None = None) -> list[bytes]:
        found = await super().get_many(cids, max_bytes=max_bytes)
        self.read_bytes += sum(map(len, found))
        self.calls += 1
        return found


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Measured]:
    opened = Measured(open_embedded(tmp_path))
    yield opened
    await opened.close()


def understating(blocks: Sequence[Block]) -> Dag:
    """A node whose links say that large blocks are one byte."""
    links = [dagpb.Link(block.cid, f"{number:05}", 1) for number, block in enumerate(blocks)]
    root = Block.of(DAG_PB, dagpb.encode_node(links, b"\x08\x01"))
    return Dag(root.cid, (*blocks, root))


async def test_false_sizes_in_links_do_not_fill_the_memory(store: Measured) -> None:
    dag = understating([raw(seed, 1 << 20) for seed in range(24)])
    await store.put(dag.blocks, holder="me")
    taken = most = 0
    found = []
    async for cid, data in CarFeed(store, [], dag.root, ALL):
        found.append(cid)
        taken += len(data)
        await asyncio.sleep(0.002)  # lets what is being read ahead arrive
        most = max(most, store.read_bytes - taken)
    assert found == [dag.root, *dag.cids[:-1]]
    assert most <= feed.READY_BYTES + (feed.READS_AHEAD + 1) * feed.BYTES_A_READ


async def test_small_blocks_are_read_many_at_a_time(store: Measured) -> None:
    dag = linked(*(Dag(b.cid, (b,)) for b in (raw(seed, 200) for seed in range(600))))
    await store.put(dag.blocks, holder="me")
    found = [cid async for cid, _ in CarFeed(store, [], dag.root, ALL)]
    assert len(found) == 601
    assert store.calls < 100


async def test_a_diamond_is_bounded_with_and_without_duplicates(
    store: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    # BK-03: forty levels of two links to one child would be 2^40 blocks.
    monkeypatch.setattr(feed, "MAX_CAR_BLOCKS", 500)
    dag = Dag(raw(1).cid, (raw(1),))
    for _ in range(40):
        top = linked(dag, dag)
        dag = Dag(top.root, (*dag.blocks, top.blocks[-1]))
    await store.put(dag.blocks, holder="me")
    assert len([cid async for cid, _ in CarFeed(store, [], dag.root, ALL)]) == 41
    with pytest.raises(LimitExceeded):
        async for _ in CarFeed(store, [], dag.root, REPEATED):
            pass


async def test_a_chain_is_followed_so_deep_and_no_deeper(store: Measured) -> None:
    dag = Dag(raw(1).cid, (raw(1),))
    for _ in range(feed.MAX_CAR_DEPTH + 2):
        dag = linked(dag)
        await store.put([dag.blocks[-1]], holder="me")
    await store.put([raw(1)], holder="me")
    with pytest.raises(LimitExceeded):
        async for _ in CarFeed(store, [], dag.root, ALL):
            pass


async def test_a_gap_is_met_and_an_abandoned_feed_leaves_nothing_running(
    store: Measured,
) -> None:
    dag = report(1, 3_000_000)
    await store.put(dag.blocks[1:], holder="me")
    with pytest.raises(BlockMissing):
        async for _ in CarFeed(store, [], dag.root, ALL):
            pass
    pieces = aiter(CarFeed(store, [], dag.root, ALL))
    await anext(pieces)
    await pieces.aclose()  # type: ignore[attr-defined]  # a private part, on purpose
    await asyncio.sleep(0.05)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
