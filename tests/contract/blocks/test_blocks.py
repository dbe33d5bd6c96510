from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hygieia.blocks.port import BlockStore
from hygieia.errors import BlockMissing, BlockRefused, Unavailable
from hygieia.ipld.block import Block, UnverifiedBlock
from hygieia.ipld.cid import CID, DAG_PB, IDENTITY, RAW, SHA2_256
from hygieia.limits import MAX_BLOCK_BYTES
from tests.dags import noise, raw, report

SIZES = (0, 1, 100, 8192, 8193, 50_000, 1 << 20, MAX_BLOCK_BYTES)


@pytest.mark.parametrize("size_bytes", SIZES)
async def test_a_block_put_is_got_byte_for_byte(store: BlockStore, size_bytes: int) -> None:
    block = raw(1, size_bytes)
    assert await store.put([block]) == size_bytes
    assert await store.get(block.cid) == block.data
    assert await store.size(block.cid) == size_bytes


async def test_many_blocks_of_all_sizes_are_put_at_once(store: BlockStore) -> None:
    blocks = [raw(seed, size) for seed, size in enumerate(SIZES)]
    assert await store.put(blocks) == sum(SIZES)
    assert await store.get_many([block.cid for block in blocks]) == [b.data for b in blocks]


async def test_putting_again_stores_nothing(store: BlockStore) -> None:
    blocks = [raw(1), raw(2, 60_000)]
    await store.put(blocks)
    assert await store.put(blocks) == 0
    assert await store.put([*blocks, raw(3)]) == 100


async def test_a_block_twice_in_one_put_counts_once(store: BlockStore) -> None:
    block = raw(1, 60_000)
    assert await store.put([block, block]) == 60_000


async def test_putting_nothing_does_nothing(store: BlockStore) -> None:
    assert await store.put([]) == 0


async def test_an_unverified_block_is_verified(store: BlockStore) -> None:
    block = raw(1)
    assert await store.put([UnverifiedBlock(block.cid, block.data)]) == 100


async def test_a_block_that_does_not_hash_to_its_cid_is_refused_with_its_whole_batch(
    store: BlockStore,
) -> None:
    good, other = raw(1), raw(2)
    with pytest.raises(BlockRefused):
        await store.put([good, UnverifiedBlock(other.cid, good.data)])
    assert await store.missing([good.cid, other.cid]) == [good.cid, other.cid]


async def test_a_block_over_the_limit_is_refused(store: BlockStore) -> None:
    data = bytes(MAX_BLOCK_BYTES + 1)
    with pytest.raises(BlockRefused):
        await store.put([UnverifiedBlock(CID.of(RAW, data), data)])


async def test_a_missing_block_is_said_to_be_missing(store: BlockStore) -> None:
    absent, had = raw(1).cid, raw(2)
    await store.put([had])
    with pytest.raises(BlockMissing):
        await store.get(absent)
    with pytest.raises(BlockMissing):
        await store.get_many([had.cid, absent])
    assert await store.size(absent) is None
    assert await store.sizes([had.cid, absent]) == [100, None]


async def test_missing_names_each_once_in_order(store: BlockStore) -> None:
    had = raw(0)
    await store.put([had])
    first, second = raw(1).cid, raw(2).cid
    assert await store.missing([second, had.cid, first, second]) == [second, first]
    assert await store.missing([second, first, second], holder="me") == [second, first]


async def test_one_multihash_names_one_block_under_every_codec(store: BlockStore) -> None:
    root = report(1).blocks[-1]
    await store.put([root])
    assert await store.get(CID(RAW, SHA2_256, root.cid.digest)) == root.data
    assert await store.put([Block(CID(RAW, SHA2_256, root.cid.digest), root.data)]) == 0


async def test_an_identity_block_is_always_had_and_never_stored(store: BlockStore) -> None:
    cid = CID(RAW, IDENTITY, b"hello")
    assert await store.get(cid) == b"hello"
    assert await store.size(cid) == 5
    assert await store.missing([cid], holder="me") == []
    assert await store.put([Block(cid, b"hello")]) == 0
    await store.pin(CID(DAG_PB, IDENTITY, b""))


async def test_get_many_ends_at_the_limit_but_gives_at_least_one(store: BlockStore) -> None:
    blocks = [raw(seed, 10_000) for seed in range(4)]
    await store.put(blocks)
    cids = [block.cid for block in blocks]
    assert len(await store.get_many(cids, max_bytes=25_000)) == 2
    assert len(await store.get_many(cids, max_bytes=40_000)) == 4
    assert len(await store.get_many(cids, max_bytes=1)) == 1
    assert await store.get_many([]) == []


async def test_what_is_put_through_one_handle_is_had_through_another(
    open_store: Callable[[Path], Awaitable[BlockStore]], tmp_path: Path
) -> None:
    one, other = await open_store(tmp_path), await open_store(tmp_path)
    block = raw(1, 70_000)
    await one.put([block])
    assert await other.get(block.cid) == block.data


async def test_what_was_put_is_had_after_closing_and_opening(
    open_store: Callable[[Path], Awaitable[BlockStore]], tmp_path: Path
) -> None:
    store = await open_store(tmp_path)
    dag = report(1, 100_000)
    await store.put(dag.blocks)
    await store.close()
    again = await open_store(tmp_path)
    assert await again.get_many(dag.cids) == [block.data for block in dag.blocks]


async def test_a_closed_store_says_so(store: BlockStore) -> None:
    await store.close()
    await store.close()
    with pytest.raises(Unavailable):
        await store.get(raw(1).cid)
    with pytest.raises(Unavailable):
        await store.put([raw(1)])


async def test_the_same_blocks_put_by_many_at_once_are_stored_once(store: BlockStore) -> None:
    blocks = [raw(seed, size) for seed, size in enumerate((100, 20_000, 300_000))]
    stored = await asyncio.gather(*(store.put(blocks) for _ in range(12)))
    assert sum(stored) == 320_100
    assert await store.get_many([b.cid for b in blocks]) == [b.data for b in blocks]


async def test_records_are_kept_byte_for_byte_and_replaced(store: BlockStore) -> None:
    assert await store.get_record("k51name") is None
    await store.put_record("k51name", noise(1, 400))
    await store.put_record("k51name", noise(2, 300))
    assert await store.get_record("k51name") == noise(2, 300)


async def test_a_record_is_dropped_and_none_other(store: BlockStore) -> None:
    await store.put_record("k51one", noise(1, 400))
    await store.put_record("k51two", noise(2, 400))
    for _ in range(2):
        await store.drop_record("k51one")
    assert await store.get_record("k51one") is None
    assert await store.get_record("k51two") == noise(2, 400)


async def test_all_records_are_listed_with_their_names(store: BlockStore) -> None:
    expected = {f"k51{number}": noise(number, 100) for number in range(300)}
    await asyncio.gather(*(store.put_record(*entry) for entry in expected.items()))
    await store.drop_record("k517")
    del expected["k517"]
    listed = [entry async for entry in store.records()]
    assert dict(listed) == expected
    assert len(listed) == len(expected)
