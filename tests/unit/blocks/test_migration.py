"""Moving all that a block store keeps: cut off, gone on with, with gaps and with leftovers."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from hygieia.blocks.embedded import EmbeddedBlockStore, open_embedded
from hygieia.blocks.migration import BATCH_BYTES, PINS_TOGETHER, Place, move_blocks
from hygieia.blocks.port import AnyBlock, BlockStore
from hygieia.blocks.verified import VerifiedBlockStore
from hygieia.errors import IntegrityError, Unavailable
from hygieia.ipld.cid import CID
from tests.dags import Dag, linked, noise, raw, report

REPORTS = 2 * PINS_TOGETHER + 3


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[EmbeddedBlockStore]:
    store = open_embedded(tmp_path / "source")
    yield store
    await store.close()


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[BlockStore]:
    store = open_embedded(tmp_path / "target")
    yield store
    await store.close()


class Places:
    """Where a move says that it can be gone on from."""

    def __init__(self) -> None:
        self.last = Place()

    async def note(self, place: Place) -> None:
        self.last = Place.of(place.body())


async def fill(store: BlockStore) -> list[Dag]:
    """Many small reports, a large one, one under two names, and one block that nothing keeps."""
    dags = [report(100 * number) for number in range(REPORTS)]
    large = report(7, 3_000_000)
    blocks = [block for dag in [*dags, large] for block in dag.blocks]
    await store.put([*blocks, raw(1)])
    names = [(dag.root, f"report {number}") for number, dag in enumerate([*dags, large])]
    # Together: each alone would wait for the disk.
    await asyncio.gather(
        *(store.pin(root, name=name) for root, name in [*names, (large.root, "another")])
    )
    await store.put_record("k51ana", noise(1, 300))
    return [*dags, large]


async def kept(store: BlockStore) -> list[tuple[CID, str]]:
    return [(pin.root, pin.name) async for pin in store.pins()]


async def test_pins_names_blocks_and_records_are_there_in_order(
    source: BlockStore, target: BlockStore
) -> None:
    dags = await fill(source)
    places = Places()
    place = await move_blocks(source, target, Place(), places.note)
    assert await kept(target) == await kept(source)
    assert (place.pins, place.records, place.incomplete) == (REPORTS + 2, 1, ())
    blocks = {block.cid: block.data for dag in dags for block in dag.blocks}
    assert place.blocks >= len(blocks)
    assert await target.get_many(list(blocks)) == list(blocks.values())
    assert await target.get_record("k51ana") == noise(1, 300)
    assert await target.size(raw(1).cid) is None
    assert (await target.sweep()).blocks == 0


Given = Sequence[AnyBlock]


class Watched(VerifiedBlockStore):
    """A store whose puts pass through a function, which sees, changes or refuses what is put."""

    def __init__(self, inner: BlockStore, on_put: Callable[[Given], Given]) -> None:
        super().__init__(inner)
        self._on_put = on_put

    async def put(
        self,
        blocks: Given,
        *,
        holder: str | None = None,
        until: datetime | None = None,
    ) -> int:
        return await super().put(self._on_put(blocks), holder=holder, until=until)


async def test_a_large_report_travels_in_batches(source: BlockStore, target: BlockStore) -> None:
    large = report(1, 4 * BATCH_BYTES)
    await source.put(large.blocks)
    await source.pin(large.root)
    weights: list[int] = []

    def weigh(blocks: Given) -> Given:
        weights.append(sum(len(block.data) for block in blocks))
        return blocks

    await move_blocks(source, Watched(target, weigh), Place(), Places().note)
    assert BATCH_BYTES / 2 < max(weights) <= BATCH_BYTES
    assert await target.missing(large.cids) == []


async def test_a_dag_with_shared_parts_is_copied_once(
    source: BlockStore, target: BlockStore
) -> None:
    below = report(1, 100_000)
    for _ in range(30):  # each of two links to the one before: a billion paths
        twice = linked(Dag(below.root, ()), Dag(below.root, ()))
        below = Dag(twice.root, (*below.blocks, *twice.blocks))
    await source.put(below.blocks)
    await source.pin(below.root)
    place = await move_blocks(source, target, Place(), Places().note)
    assert place.blocks < 100


def failing_after(puts: int) -> Callable[[Given], Given]:
    """Takes so many puts and then is away."""
    left = iter(range(puts))

    def on_put(blocks: Given) -> Given:
        if next(left, None) is None:
            raise Unavailable("The block store does not answer.")
        return blocks

    return on_put


@pytest.mark.parametrize("puts", [0, 1, 5, 9])
async def test_a_move_that_was_cut_off_goes_on_and_ends_the_same(
    source: BlockStore, target: BlockStore, puts: int
) -> None:
    await fill(source)
    places = Places()
    with pytest.raises(Unavailable):
        await move_blocks(source, Watched(target, failing_after(puts)), Place(), places.note)
    place = await move_blocks(source, target, places.last, places.note)
    assert place.pins == REPORTS + 2
    assert await kept(target) == await kept(source)


async def test_what_is_over_is_not_read_again(source: BlockStore, target: BlockStore) -> None:
    await fill(source)
    places = Places()
    done = await move_blocks(source, target, Place(), places.note)
    seen: list[int] = []
    assert await move_blocks(source, target, places.last, places.note, seen.append) == done
    assert seen == []


async def test_what_the_source_lacks_is_named_and_the_rest_moved(
    source: EmbeddedBlockStore, target: BlockStore
) -> None:
    whole, gap, rootless = report(1), report(100, 50_000), report(200)
    leaf = max(gap.blocks, key=lambda block: len(block.data))
    for dag, lost in ((whole, None), (gap, leaf.cid), (rootless, None)):
        await source.put([block for block in dag.blocks if block.cid != lost])
        await source.pin(dag.root, name="report")
    damage(source, rootless.root)
    place = await move_blocks(source, target, Place(), Places().note)
    assert set(place.incomplete) == {str(gap.root), str(rootless.root)}
    assert (place.pins, place.absent_pins) == (2, 1)
    assert await target.missing(gap.cids) == [leaf.cid]
    assert await target.missing(whole.cids) == []


def damage(store: EmbeddedBlockStore, cid: CID) -> None:
    """Spoil one small block behind the embedded store's back."""
    with (
        contextlib.closing(sqlite3.connect(store.path / "catalogue.sqlite")) as catalogue,
        catalogue,
    ):
        changed = catalogue.execute(
            "UPDATE block SET data = zeroblob(length(data)) WHERE multihash = ?",
            (bytes([0x12, 0x20]) + cid.digest,),
        )
        assert changed.rowcount == 1


async def test_leftovers_of_a_move_that_was_given_up_are_let_go_of(
    source: BlockStore, target: BlockStore
) -> None:
    old = report(1)
    await target.put(old.blocks)
    await target.pin(old.root, name="report gone since")
    await target.put_record("k51gone", noise(1, 100))
    await fill(source)
    await move_blocks(source, target, Place(), Places().note)
    assert await kept(target) == await kept(source)
    assert await target.get_record("k51gone") is None


async def test_a_target_that_loses_a_block_is_found_out(
    source: BlockStore, target: BlockStore
) -> None:
    dag = report(1, 50_000)
    await source.put(dag.blocks)
    await source.pin(dag.root)
    leaf = max(dag.blocks, key=lambda block: len(block.data))

    def lose_it(blocks: Given) -> Given:
        return [block for block in blocks if block.cid != leaf.cid]

    with pytest.raises(IntegrityError):
        await move_blocks(source, Watched(target, lose_it), Place(), Places().note)
