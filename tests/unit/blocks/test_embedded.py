from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from hygieia import sqlite_locks
from hygieia.blocks.embedded import EmbeddedBlockStore, catalogue, open_embedded
from hygieia.blocks.embedded.sweeper import NEW_PACK_SECONDS
from hygieia.blocks.embedded.writer import CatalogueWriter
from hygieia.errors import (
    BlockMissing,
    BlockRefused,
    ConfigError,
    Conflict,
    IntegrityError,
    LimitExceeded,
    StorageFull,
    Unavailable,
)
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID, RAW, SHA2_256
from tests.dags import noise, raw, report


def packs(store: EmbeddedBlockStore) -> list[Path]:
    return [path for path in (store.path / "packs").rglob("*") if path.is_file()]


def quarantined(store: EmbeddedBlockStore) -> list[bytes]:
    return [path.read_bytes() for path in (store.path / "quarantine").iterdir()]


def disk_bytes(path: Path) -> int:
    return path.stat().st_blocks * 512


def damage_pack(store: EmbeddedBlockStore) -> None:
    (pack,) = packs(store)
    with pack.open("r+b") as file:
        file.seek(5)
        file.write(b"\xff\x00\xff")


def damage_row(store: EmbeddedBlockStore, block: Block) -> None:
    with sqlite3.connect(store.path / "catalogue.sqlite") as connection:
        connection.execute(
            "UPDATE block SET data = ? WHERE multihash = ?",
            (b"\x00" * len(block.data), b"\x12\x20" + block.cid.digest),
        )


async def test_the_large_blocks_of_a_put_share_one_pack(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    await store.put([raw(seed, size) for seed, size in enumerate((100, 20_000, 300_000))])
    assert len(packs(store)) == 1
    await store.put([raw(9, 100)])
    assert len(packs(store)) == 1
    await store.close()


async def test_what_is_missing_is_told_as_of_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A put that comes between two looks is seen whole by the next question, or not at all."""
    store, other = open_embedded(tmp_path), open_embedded(tmp_path)
    dag = report(1, 200_000)
    loop = asyncio.get_running_loop()
    find = catalogue.find_sizes

    def with_a_put_between(
        connection: sqlite3.Connection, keys: Sequence[bytes]
    ) -> Iterator[int | None]:
        monkeypatch.undo()
        sizes = find(connection, keys)
        yield next(sizes)
        asyncio.run_coroutine_threadsafe(other.put(dag.blocks), loop).result(60)
        yield from sizes

    monkeypatch.setattr(catalogue, "find_sizes", with_a_put_between)
    assert await store.missing(dag.cids) == list(dag.cids)
    assert await store.missing(dag.cids) == []
    await store.close()
    await other.close()


async def test_a_damaged_large_block_is_moved_aside_reported_and_can_be_put_again(
    tmp_path: Path,
) -> None:
    store = open_embedded(tmp_path)
    block, other = raw(1, 50_000), raw(2, 50_000)
    await store.put([block, other])
    damage_pack(store)
    with pytest.raises(BlockRefused):
        await store.get(block.cid)
    with pytest.raises(BlockMissing):
        await store.get(block.cid)
    assert await store.get(other.cid) == other.data
    assert [aside[:5] for aside in quarantined(store)] == [block.data[:5]]
    (found,) = await store.damaged()
    assert found.multihash == b"\x12\x20" + block.cid.digest
    assert abs((datetime.now(UTC) - found.found).total_seconds()) < 60
    assert await store.missing([block.cid]) == [block.cid]
    await store.put([block])
    assert await store.get(block.cid) == block.data
    assert await store.damaged() == []
    await store.close()


async def test_a_damaged_small_block_is_moved_aside_too(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    block = raw(1)
    await store.put([block])
    damage_row(store, block)
    with pytest.raises(BlockRefused):
        await store.get_many([block.cid])
    assert quarantined(store) == [bytes(100)]
    await store.close()


async def test_a_lost_pack_is_reported(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    block = raw(1, 50_000)
    await store.put([block])
    packs(store)[0].unlink()
    with pytest.raises(BlockRefused):
        await store.get(block.cid)
    (found,) = await store.damaged()
    assert found.kept_as is None
    await store.close()


async def test_nothing_is_swept_while_a_pinned_node_is_damaged(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    dag, other = report(1, 60_000), raw(9)
    await store.put([*dag.blocks, other])
    await store.pin(dag.root)
    damage_row(store, dag.blocks[-1])
    with pytest.raises(IntegrityError):
        await store.sweep()
    with pytest.raises(BlockRefused):
        await store.get(dag.root)
    with pytest.raises(IntegrityError):
        await store.sweep()
    await store.put([dag.blocks[-1]])
    assert (await store.sweep()).blocks == 1
    assert await store.missing(dag.cids) == []
    await store.close()


async def test_space_is_given_back_as_blocks_go_and_the_pack_with_its_last(
    tmp_path: Path,
) -> None:
    store = open_embedded(tmp_path)
    kept, gone = raw(1, 1 << 20), raw(2, 1 << 20)
    await store.put([kept, gone])
    await store.pin(kept.cid)
    (pack,) = packs(store)
    before = disk_bytes(pack)
    await store.sweep()
    if sys.platform.startswith("linux"):
        assert disk_bytes(pack) <= before - (1 << 20) + 8192
    assert await store.get(kept.cid) == kept.data
    await store.unpin(kept.cid)
    await store.sweep()
    assert packs(store) == []
    await store.close()


async def test_a_pack_that_no_row_names_is_removed_once_it_is_old(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    await store.put([raw(1, 50_000)], holder="me")
    left = store.path / "packs" / "00" / "0123456789abcdef01234567"
    left.write_bytes(b"left over by a crash")
    await store.sweep()
    assert left.exists()
    os.utime(left, (0, time.time() - NEW_PACK_SECONDS - 10))
    await store.sweep()
    assert not left.exists()
    assert len(packs(store)) == 1
    await store.close()


async def test_the_store_stops_short_of_a_full_disk(tmp_path: Path) -> None:
    store = open_embedded(tmp_path, reserve_bytes=1 << 60)
    with pytest.raises(StorageFull):
        await store.put([raw(1)])
    assert await store.missing([raw(1).cid]) == [raw(1).cid]
    await store.close()


FULL_DISK = textwrap.dedent(
    """
    import asyncio, resource, sys
    from pathlib import Path
    from hygieia.blocks.embedded import open_embedded
    from hygieia.errors import HygieiaError
    from tests.dags import raw, report

    async def main():
        store = open_embedded(Path(sys.argv[1]))
        before = report(1, 60_000)
        await store.put(before.blocks, holder="me")
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        try:
            await store.put([raw(5), raw(6, 1 << 20)], holder="me")
        except HygieiaError as error:
            print(type(error).__name__)
        left = await store.missing([raw(5).cid, raw(6, 1 << 20).cid])
        print(len(left), len([p for p in Path(sys.argv[1]).glob("packs/*/*")]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        await store.put([raw(5), raw(6, 1 << 20)], holder="me")
        print(len(await store.missing([raw(5).cid, raw(6, 1 << 20).cid, *before.cids])))
        await store.close()

    asyncio.run(main())
    """
)


def test_a_put_that_finds_no_room_leaves_nothing_and_works_once_there_is_room(
    tmp_path: Path,
) -> None:
    # A limit on the size of files stands in for the full disk: it fails in the middle of a write.
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "blocks")],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["StorageFull", "2 1", "0"]


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear me")
    with pytest.raises(ConfigError):
        open_embedded(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear me"


async def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    await open_embedded(tmp_path).close()
    (tmp_path / "format").write_text("hygieia blocks 2\n")
    with pytest.raises(ConfigError):
        open_embedded(tmp_path)


async def test_a_catalogue_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    await open_embedded(tmp_path).close()
    with sqlite3.connect(tmp_path / "catalogue.sqlite") as connection:
        connection.execute("PRAGMA user_version=3")
    with pytest.raises(ConfigError):
        open_embedded(tmp_path)


def lose(catalogue: Path) -> None:
    catalogue.unlink()


def empty(catalogue: Path) -> None:
    catalogue.write_bytes(b"")


def overwrite(catalogue: Path) -> None:
    catalogue.write_bytes(noise(1, 4096))


async def test_a_change_begins_once_another_process_ends_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_embedded(tmp_path)
    other = sqlite3.connect(
        tmp_path / "catalogue.sqlite", isolation_level=None, check_same_thread=False
    )
    other.execute("begin immediate")
    looks = 0

    def look(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 20:
            other.execute("commit")

    monkeypatch.setattr(sqlite_locks, "time", SimpleNamespace(monotonic=time.monotonic, sleep=look))
    assert await store.put([raw(1, 100)]) == 100
    assert looks == 20
    other.close()
    await store.close()


async def test_what_waits_behind_a_busy_catalogue_is_refused_with_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one after the other, each after the whole wait."""
    path = tmp_path / "catalogue.sqlite"
    catalogue.prepare(path)
    writer = CatalogueWriter(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    seconds, all_wait = 0.0, threading.Event()

    def pass_time(_seconds: float) -> None:
        nonlocal seconds
        all_wait.wait(60)
        seconds += 1

    clock = SimpleNamespace(monotonic=lambda: seconds, sleep=pass_time)
    monkeypatch.setattr(sqlite_locks, "time", clock)
    changes = [writer.submit(lambda _: None) for _ in range(6)]
    all_wait.set()
    for change in changes:
        with pytest.raises(Unavailable):
            await asyncio.wrap_future(change)
    assert seconds <= 2 * (catalogue.BUSY_SECONDS + 1)  # the first may have begun alone
    other.close()
    writer.close()


def lose_with_the_marker(catalogue: Path) -> None:
    catalogue.unlink()
    (catalogue.parent / "format").unlink()


@pytest.mark.parametrize("damage", [lose, empty, overwrite, lose_with_the_marker])
async def test_a_lost_catalogue_stops_the_start_and_costs_no_pack(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    store = open_embedded(tmp_path)
    await store.put([raw(1, 300_000)])
    await store.close()
    kept = packs(store)
    whole = (tmp_path / "catalogue.sqlite").read_bytes()
    damage(tmp_path / "catalogue.sqlite")
    for _ in range(2):
        with pytest.raises(ConfigError, match="catalogue"):
            open_embedded(tmp_path)
    assert packs(store) == kept
    (tmp_path / "catalogue.sqlite").write_bytes(whole)
    again = open_embedded(tmp_path)
    assert await again.get(raw(1, 300_000).cid)
    await again.close()


async def test_a_copy_made_beside_a_running_store_is_whole(tmp_path: Path) -> None:
    """docs/adr/0006: sweeps locked out, then the catalogue, then the packs."""
    store = open_embedded(tmp_path / "blocks")
    before = [raw(seed, size) for seed, size in enumerate((100, 20_000, 300_000))]
    await store.put(before)
    copy = tmp_path / "copy"
    copy.mkdir()
    with (store.path / "sweep.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.closing(sqlite3.connect(store.path / "catalogue.sqlite")) as catalogue:
            catalogue.execute("VACUUM INTO ?", (str(copy / "catalogue.sqlite"),))
        with pytest.raises(Conflict):
            await store.sweep()  # nothing pins them: this would take what is being copied
        await store.put([raw(9, 50_000)])
        shutil.copytree(store.path / "packs", copy / "packs")
        shutil.copy(store.path / "format", copy / "format")
    await store.close()
    restored = open_embedded(copy)
    assert [await restored.get(block.cid) for block in before] == [block.data for block in before]
    assert await restored.missing([raw(9, 50_000).cid]) == [raw(9, 50_000).cid]
    await restored.close()


async def test_making_a_store_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    (tmp_path / "packs" / "00").mkdir(parents=True)
    (tmp_path / "lock").touch()
    store = open_embedded(tmp_path)
    await store.put([raw(1)])
    await store.close()


async def test_an_oversize_record_is_refused(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    with pytest.raises(LimitExceeded):
        await store.put_record("k51name", bytes(10_241))
    await store.close()


async def test_blocks_of_a_digest_that_is_no_hash_of_ours_are_refused(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    from hygieia.ipld.block import UnverifiedBlock

    with pytest.raises(BlockRefused):
        await store.put([UnverifiedBlock(CID(RAW, 0x11, noise(1, 20)), b"x")])
    with pytest.raises(BlockMissing):
        await store.get(CID(RAW, SHA2_256, noise(1, 32)))
    await store.close()
