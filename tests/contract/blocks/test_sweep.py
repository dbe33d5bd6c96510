from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import pytest

from hygieia.blocks.port import BlockStore
from hygieia.errors import BlockMissing
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID, RAW, SHA2_256
from tests.dags import Dag, linked, raw, report


class Clock(Protocol):
    @property
    def now(self) -> datetime: ...

    def forward(self, seconds: float) -> None: ...


async def had(store: BlockStore, dag: Dag) -> bool:
    return not await store.missing(dag.cids)


async def gone(store: BlockStore, dag: Dag) -> bool:
    return len(await store.missing(dag.cids)) == len(set(dag.cids))


async def test_a_sweep_removes_what_nothing_keeps_and_says_how_much(store: BlockStore) -> None:
    dag = report(1, 60_000)
    await store.put(dag.blocks)
    swept = await store.sweep()
    assert swept.blocks == len(dag.blocks)
    assert swept.size_bytes == sum(len(block.data) for block in dag.blocks)
    assert await gone(store, dag)
    with pytest.raises(BlockMissing):
        await store.get(dag.root)
    assert (await store.sweep()).blocks == 0


async def test_a_sweep_keeps_everything_below_a_pin(store: BlockStore) -> None:
    kept, other = linked(report(1, 3_000_000), report(2)), report(3)
    await store.put(kept.blocks)
    await store.put(other.blocks)
    await store.pin(kept.root)
    await store.sweep()
    assert await had(store, kept)
    assert await gone(store, other)


async def test_what_one_of_two_pins_reaches_stays(store: BlockStore) -> None:
    shared = report(1)
    one, other = linked(shared, report(2)), linked(shared, report(3))
    await store.put([*one.blocks, *other.blocks])
    await store.pin(one.root)
    await store.pin(other.root)
    await store.unpin(one.root)
    await store.sweep()
    assert await had(store, other)
    assert await gone(store, report(2))


async def test_a_replaced_pin_keeps_the_new_dag_and_frees_the_difference(
    store: BlockStore,
) -> None:
    shared, old_part, new_part = report(1, 200_000), report(2), report(3)
    old, new = linked(shared, old_part), linked(shared, new_part)
    await store.put([*old.blocks, *new.blocks])
    await store.pin(old.root)
    await store.update_pin(old.root, new.root)
    swept = await store.sweep()
    assert await had(store, new)
    assert await gone(store, old_part)
    assert swept.blocks == len(old_part.blocks) + 1


async def test_held_blocks_stay_until_they_are_released(store: BlockStore) -> None:
    dag = report(1, 60_000)
    await store.put(dag.blocks, holder="upload")
    await store.sweep()
    assert await had(store, dag)
    await store.release("upload")
    await store.sweep()
    assert await gone(store, dag)


async def test_blocks_found_had_are_held(store: BlockStore) -> None:
    dag = report(1)
    await store.put(dag.blocks)
    assert await store.missing(dag.cids, holder="upload") == []
    await store.sweep()
    assert await had(store, dag)


async def test_blocks_put_again_are_held_by_whoever_puts_them(store: BlockStore) -> None:
    dag = report(1, 60_000)
    await store.put(dag.blocks, holder="first")
    await store.put(dag.blocks, holder="second")
    await store.release("first")
    await store.sweep()
    assert await had(store, dag)


async def test_a_hold_ends_at_its_time(store: BlockStore, clock: Clock) -> None:
    dag = report(1)
    await store.put(dag.blocks, holder="upload", until=clock.now + timedelta(hours=1))
    clock.forward(3500)
    await store.sweep()
    assert await had(store, dag)
    clock.forward(200)
    await store.sweep()
    assert await gone(store, dag)


async def test_a_later_call_lengthens_a_hold_and_never_shortens_it(
    store: BlockStore, clock: Clock
) -> None:
    first, second = report(1), report(2)
    await store.put(first.blocks, holder="upload", until=clock.now + timedelta(hours=1))
    await store.put(second.blocks, holder="upload", until=clock.now + timedelta(hours=2))
    await store.missing(second.cids, holder="upload", until=clock.now + timedelta(minutes=1))
    clock.forward(5400)
    await store.sweep()
    assert await had(store, first)
    assert await had(store, second)


async def test_a_new_holder_of_an_old_name_holds_nothing_of_the_old(store: BlockStore) -> None:
    old, new = report(1), report(2)
    await store.put(old.blocks, holder="upload")
    await store.release("upload")
    await store.put(new.blocks, holder="upload")
    await store.sweep()
    assert await gone(store, old)
    assert await had(store, new)


async def test_releasing_may_be_repeated_and_harms_no_other(store: BlockStore) -> None:
    dag = report(1)
    await store.put(dag.blocks, holder="mine")
    await store.release("theirs")
    await store.release("theirs")
    await store.sweep()
    assert await had(store, dag)


async def test_a_swept_block_can_be_put_again(store: BlockStore) -> None:
    dag = report(1, 60_000)
    for _ in range(3):
        assert await store.put(dag.blocks) > 0
        assert await had(store, dag)
        await store.sweep()
        assert await gone(store, dag)


async def test_a_node_pinned_as_raw_bytes_hides_nothing_below_it(store: BlockStore) -> None:
    # CL-03: another account links the same bytes as a raw leaf; the victim's blocks must stay.
    victim = report(1)
    disguise = Block(CID(RAW, SHA2_256, victim.root.digest), victim.blocks[-1].data)
    await store.put(victim.blocks)
    await store.pin(disguise.cid, name="attacker")
    await store.pin(victim.root, name="victim")
    await store.sweep()
    assert await had(store, victim)


async def test_a_pinned_raw_block_keeps_only_itself(store: BlockStore) -> None:
    dag = report(1)
    await store.put(dag.blocks)
    await store.pin(CID(RAW, SHA2_256, dag.root.digest))
    await store.sweep()
    assert await store.missing(dag.cids) == [cid for cid in dag.cids if cid != dag.root]


async def test_a_pinned_dag_with_gaps_stops_no_sweep_and_is_counted(store: BlockStore) -> None:
    dag, other, lost = report(1), raw(9), report(1).blocks[1]
    await store.put([block for block in dag.blocks if block != lost] + [other])
    await store.pin(dag.root)
    swept = await store.sweep()
    assert swept.missing == 1
    assert await store.missing(dag.cids) == [lost.cid]
    assert await store.missing([other.cid]) == [other.cid]


async def test_a_diamond_of_links_is_walked_once(store: BlockStore) -> None:
    # BK-03: forty levels of two links to one child would be 2^40 visits.
    dag = Dag(raw(1).cid, (raw(1),))
    for _ in range(40):
        top = linked(dag, dag)
        dag = Dag(top.root, (*dag.blocks, top.blocks[-1]))
    await store.put(dag.blocks)
    await store.pin(dag.root)
    assert (await store.sweep()).blocks == 0
