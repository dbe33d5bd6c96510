from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from hygieia.blocks.port import BlockStore
from hygieia.errors import Conflict
from tests.dags import linked, report

OpenStore = Callable[[Path], Awaitable[BlockStore]]


async def sweep_until(store: BlockStore, done: asyncio.Event) -> int:
    sweeps = 0
    while not done.is_set():
        try:
            await store.sweep()
            sweeps += 1
        except Conflict:
            await asyncio.sleep(0)
    return sweeps


async def upload(store: BlockStore, seed: int) -> None:
    """As a client does: ask, send, prove complete, pin, release."""
    dag, holder = report(seed, 20_000), f"upload {seed}"
    absent = await store.missing(dag.cids, holder=holder)
    await store.put([block for block in dag.blocks if block.cid in absent], holder=holder)
    assert await store.missing(dag.cids) == []
    await store.pin(dag.root, name=f"report {seed}")
    await store.release(holder)
    assert await store.missing(dag.cids) == []


async def test_uploads_survive_sweeps_in_another_process(
    open_store: OpenStore, tmp_path: Path
) -> None:
    store, admin = await open_store(tmp_path), await open_store(tmp_path)
    done = asyncio.Event()
    sweeping = asyncio.create_task(sweep_until(admin, done))
    for start in range(0, 60, 6):
        await asyncio.gather(*(upload(store, 10 * seed) for seed in range(start, start + 6)))
    done.set()
    assert await sweeping > 0
    for seed in range(60):
        assert await store.missing(report(10 * seed, 20_000).cids) == []


async def test_reports_deleted_and_uploaded_again_under_sweeps_are_whole_or_gone(
    open_store: OpenStore, tmp_path: Path
) -> None:
    store, admin = await open_store(tmp_path), await open_store(tmp_path)
    done = asyncio.Event()
    sweeping = asyncio.create_task(sweep_until(admin, done))

    async def come_and_go(seed: int) -> None:
        for _ in range(8):
            await upload(store, seed)
            await store.unpin(report(seed, 20_000).root, name=f"report {seed}")
            await asyncio.sleep(0.002)
        await upload(store, seed)

    await asyncio.gather(*(come_and_go(10 * seed) for seed in range(6)))
    done.set()
    await sweeping
    await store.sweep()
    for seed in range(6):
        dag = report(10 * seed, 20_000)
        assert await store.get_many(dag.cids) == [block.data for block in dag.blocks]


async def test_a_shared_part_passed_from_pin_to_pin_is_never_swept(
    open_store: OpenStore, tmp_path: Path
) -> None:
    store, admin = await open_store(tmp_path), await open_store(tmp_path)
    done = asyncio.Event()
    shared = report(1, 20_000)
    current = linked(shared)
    await store.put(current.blocks, holder="first")
    await store.pin(current.root)
    await store.release("first")
    sweeping = asyncio.create_task(sweep_until(admin, done))
    for round_ in range(40):
        following = linked(shared, report(100 + 10 * round_, 50))
        fresh = [block for block in following.blocks if block not in shared.blocks]
        await store.put(fresh, holder="change")
        await store.update_pin(current.root, following.root)
        await store.release("change")
        current = following
    done.set()
    await sweeping
    assert await store.missing(current.cids) == []


async def test_readers_meet_whole_blocks_or_none_while_they_are_swept(
    open_store: OpenStore, tmp_path: Path
) -> None:
    store, admin = await open_store(tmp_path), await open_store(tmp_path)
    dag = report(1, 300_000)
    wrong: list[bytes] = []

    async def read() -> None:
        for _ in range(60):
            for block in dag.blocks:
                try:
                    data = await store.get(block.cid)
                except LookupError:
                    continue
                except Exception as error:
                    if getattr(error, "code", "") != "block-missing":
                        raise
                    continue
                if data != block.data:
                    wrong.append(data)

    async def come_and_go() -> None:
        for _ in range(20):
            await admin.put(dag.blocks)
            await admin.sweep()

    await asyncio.gather(read(), read(), come_and_go())
    assert not wrong


async def test_two_sweeps_at_a_time_are_one_too_many(open_store: OpenStore, tmp_path: Path) -> None:
    one, other = await open_store(tmp_path), await open_store(tmp_path)
    await one.put([block for seed in range(60) for block in report(10 * seed).blocks])
    outcomes = await asyncio.gather(one.sweep(), other.sweep(), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) <= 1
    assert all(isinstance(outcome, Conflict) for outcome in refused)


async def test_a_cancelled_put_is_whole_or_absent(store: BlockStore) -> None:
    dag = report(1, 200_000)
    for delay in (0.0, 0.0005, 0.002, 0.01):
        putting = asyncio.create_task(store.put(dag.blocks, holder="me"))
        await asyncio.sleep(delay)
        putting.cancel()
        await asyncio.wait([putting])
        absent = await store.missing(dag.cids)
        assert len(absent) in (0, len(dag.cids))
    await store.put(dag.blocks)
    assert await store.get_many(dag.cids) == [block.data for block in dag.blocks]
