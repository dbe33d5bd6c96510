from __future__ import annotations

import pytest

from hygieia.blocks.port import BlockStore
from hygieia.errors import BlockMissing, NotFound
from tests.dags import Dag, raw, report


async def put(store: BlockStore, *dags: Dag) -> None:
    for dag in dags:
        await store.put(dag.blocks, holder="test")


async def names(store: BlockStore) -> list[str]:
    return [pin.name async for pin in store.pins()]


async def test_a_pin_is_counted_by_name(store: BlockStore) -> None:
    dag = report(1)
    await put(store, dag)
    await store.pin(dag.root, name="a")
    await store.pin(dag.root, name="a")
    await store.pin(dag.root, name="b")
    await store.unpin(dag.root, name="a")
    assert await store.is_pinned(dag.root)
    assert await store.is_pinned(dag.root, name="b")
    assert not await store.is_pinned(dag.root, name="a")
    await store.unpin(dag.root, name="b")
    assert not await store.is_pinned(dag.root)


async def test_pins_and_unpins_may_be_repeated(store: BlockStore) -> None:
    dag = report(1)
    await put(store, dag)
    await store.pin(dag.root)
    await store.pin(dag.root)
    assert await names(store) == [""]
    await store.unpin(dag.root)
    await store.unpin(dag.root)
    assert await names(store) == []


async def test_a_root_that_is_not_had_cannot_be_pinned(store: BlockStore) -> None:
    with pytest.raises(BlockMissing):
        await store.pin(raw(1).cid)
    assert await names(store) == []


async def test_only_roots_are_pinned_roots(store: BlockStore) -> None:
    dag = report(1)
    await put(store, dag)
    await store.pin(dag.root)
    assert not await store.is_pinned(dag.blocks[0].cid)


async def test_a_pin_is_replaced_in_one_step(store: BlockStore) -> None:
    old, new = report(1), report(2)
    await put(store, old, new)
    await store.pin(old.root, name="r")
    await store.update_pin(old.root, new.root, name="r")
    assert await store.is_pinned(new.root, name="r")
    assert not await store.is_pinned(old.root)
    await store.update_pin(old.root, new.root, name="r")


async def test_the_old_pin_is_kept_when_asked_for(store: BlockStore) -> None:
    old, new = report(1), report(2)
    await put(store, old, new)
    await store.pin(old.root, name="r")
    await store.update_pin(old.root, new.root, name="r", keep_old=True)
    assert await store.is_pinned(old.root, name="r")
    assert await store.is_pinned(new.root, name="r")


async def test_a_pin_replaced_by_itself_stays(store: BlockStore) -> None:
    dag = report(1)
    await put(store, dag)
    await store.pin(dag.root)
    await store.update_pin(dag.root, dag.root)
    assert await store.is_pinned(dag.root)


async def test_what_is_not_pinned_cannot_be_replaced(store: BlockStore) -> None:
    old, new = report(1), report(2)
    await put(store, old, new)
    await store.pin(old.root, name="other")
    with pytest.raises(NotFound):
        await store.update_pin(old.root, new.root, name="r")
    assert not await store.is_pinned(new.root)


async def test_a_pin_is_not_replaced_by_a_root_that_is_not_had(store: BlockStore) -> None:
    old = report(1)
    await put(store, old)
    await store.pin(old.root)
    with pytest.raises(BlockMissing):
        await store.update_pin(old.root, raw(9).cid)
    assert await store.is_pinned(old.root)


async def test_all_pins_are_listed_oldest_first_over_many_pages(store: BlockStore) -> None:
    block = raw(1)
    await store.put([block])
    expected = [f"pin {number:04}" for number in range(600)]
    for name in expected:
        await store.pin(block.cid, name=name)
    found = [pin async for pin in store.pins()]
    assert [pin.name for pin in found] == expected
    assert {pin.root for pin in found} == {block.cid}
