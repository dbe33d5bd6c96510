"""A file system that is really full: a tmpfs of a few MiB (needs root)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hygieia.blocks.embedded import EmbeddedBlockStore, open_embedded
from hygieia.errors import StorageFull
from hygieia.ipld.block import Block
from tests.dags import raw
from tests.small_disk import small_disk

pytestmark = pytest.mark.servers


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder, 12):
        yield folder


@pytest.mark.parametrize("size_bytes", [100, 5_000, 50_000, 1 << 20])
async def test_what_was_acknowledged_stays_and_the_rest_leaves_nothing(
    disk: Path, size_bytes: int
) -> None:
    store = open_embedded(disk / "blocks", reserve_bytes=0)
    acknowledged: list[Block] = []
    refused: list[Block] = []
    for start in range(0, 100_000, 5):
        batch = [raw(seed, size_bytes) for seed in range(start, start + 5)]
        try:
            await store.put(batch, holder="upload")
        except StorageFull:
            refused = batch
            break
        acknowledged += batch
    assert refused
    assert acknowledged
    for block in acknowledged:
        assert await store.get(block.cid) == block.data
    assert len(await store.missing([block.cid for block in refused])) == len(refused)
    await store.close()


async def fill(store: EmbeddedBlockStore) -> None:
    for seed in range(100):
        await store.put([raw(seed, 200_000)], holder="upload")


async def test_the_reserve_leaves_room_to_make_room(disk: Path) -> None:
    store = open_embedded(disk / "blocks", reserve_bytes=3 << 20)
    with pytest.raises(StorageFull):
        await fill(store)
    await store.release("upload")
    assert (await store.sweep()).blocks > 0
    assert await store.put([raw(1000, 200_000)]) == 200_000
    await store.close()
