"""A backup of an embedded vault: what it copies, when, and what it refuses."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hygieia.blocks.embedded import open_embedded
from hygieia.config import Settings
from hygieia.documents.sqlite import open_sqlite
from hygieia.errors import ConfigError, StorageFull, Unavailable, UsageError
from hygieia.ipld.block import Block
from hygieia.ipld.cid import RAW
from hygieia.server import backup
from hygieia.server.backup import back_up

LARGE = [Block.of(RAW, bytes([number]) * 600_000) for number in range(3)]
SMALL = Block.of(RAW, b"a small one")


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """A vault with four blocks, all pinned, and one document."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "secrets.json").write_text("{}")
    blocks = open_embedded(data / "blocks")
    await blocks.put([*LARGE, SMALL])
    for block in (*LARGE, SMALL):
        await blocks.pin(block.cid)
    await blocks.close()
    documents = open_sqlite(data / "documents.sqlite")
    await documents.insert("things", "one", {"is": 1})
    await documents.close()
    return Settings(data_dir=data)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Where the backup goes; whatever happens, nothing unfinished is left beside it."""
    folder = tmp_path / "backups"
    folder.mkdir()
    yield folder / "first"
    assert {path.name for path in folder.iterdir()} <= {"first"}


async def test_a_copy_holds_all_blocks_pins_and_documents(settings: Settings, target: Path) -> None:
    done = back_up(settings, target)
    assert (done.packs, done.lost_packs) == (1, 0)
    blocks = open_embedded(target / "blocks")
    for block in (*LARGE, SMALL):
        assert await blocks.get(block.cid) == block.data
        assert await blocks.is_pinned(block.cid)
    assert (await blocks.sweep()).blocks == 0
    await blocks.close()
    documents = open_sqlite(target / "documents.sqlite")
    assert (await documents.get("things", "one")) is not None
    await documents.close()
    assert (target / "secrets.json").read_text() == "{}"


def test_it_is_for_its_owner_alone(settings: Settings, target: Path) -> None:
    back_up(settings, target)
    for path in (target, *target.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_what_was_removed_takes_no_room_in_it(settings: Settings, target: Path) -> None:
    blocks = open_embedded(settings.data_dir / "blocks")
    await blocks.unpin(LARGE[1].cid)
    assert (await blocks.sweep()).blocks == 1
    await blocks.close()
    (old,) = (p for p in (settings.data_dir / "blocks/packs").rglob("*") if p.is_file())
    if old.stat().st_blocks * 512 > old.stat().st_size - 500_000:
        pytest.fail("this file system gives no room back: the test says nothing here")
    back_up(settings, target)
    (new,) = (p for p in (target / "blocks/packs").rglob("*") if p.is_file())
    assert new.stat().st_size == old.stat().st_size
    assert new.stat().st_blocks <= old.stat().st_blocks + 8


def test_both_databases_are_of_one_moment(
    settings: Settings, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit between the beginnings of the two readings makes it begin again."""
    documents = settings.data_dir / "documents.sqlite"
    tries = 0
    real = backup._commits

    def commits(witness: sqlite3.Connection) -> int:
        nonlocal tries
        tries += 1
        if tries in {2, 4}:
            with closing(sqlite3.connect(documents)) as other, other:
                other.execute("UPDATE documents SET rev = rev + 1")
        return real(witness)

    monkeypatch.setattr(backup, "_commits", commits)
    back_up(settings, target)
    assert tries == 6
    with closing(sqlite3.connect(target / "documents.sqlite")) as copy:
        assert copy.execute("SELECT rev FROM documents").fetchall() == [(3,)]


def test_a_vault_that_never_stands_still_is_refused(
    settings: Settings, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(10))
    monkeypatch.setattr(backup, "_commits", lambda _: next(numbers))
    monkeypatch.setattr(backup, "TRIES", 3)
    with pytest.raises(Unavailable, match="too fast"):
        back_up(settings, target)


def test_it_waits_for_a_sweep_and_keeps_the_next_out(settings: Settings, target: Path) -> None:
    lock = settings.data_dir / "blocks" / "sweep.lock"
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    thread = threading.Thread(target=back_up, args=(settings, target))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    os.close(descriptor)
    thread.join()
    assert target.exists()


async def test_a_lost_pack_is_counted_and_the_rest_is_saved(
    settings: Settings, target: Path
) -> None:
    (pack,) = (p for p in (settings.data_dir / "blocks/packs").rglob("*") if p.is_file())
    pack.unlink()
    assert back_up(settings, target).lost_packs == 1
    blocks = open_embedded(target / "blocks")
    assert await blocks.get(SMALL.cid) == SMALL.data
    await blocks.close()


def test_nothing_is_written_over(settings: Settings, target: Path) -> None:
    target.mkdir()
    with pytest.raises(UsageError, match="exists"):
        back_up(settings, target)
    assert not list(target.iterdir())


def test_a_full_disk_leaves_nothing_behind(
    settings: Settings, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pwrite(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(StorageFull, match="no room"):
        back_up(settings, target)
    assert not target.exists()


@pytest.mark.parametrize(
    "other", [Settings(documents="mongodb://db/vault"), Settings(blocks="kubo+http://t@kubo:5001")]
)
def test_other_stores_are_refused(target: Path, other: Settings) -> None:
    with pytest.raises(ConfigError, match="name other stores"):
        back_up(other, target)


def test_a_folder_without_a_vault_is_refused(tmp_path: Path, target: Path) -> None:
    with pytest.raises(ConfigError, match=r"documents\.sqlite is missing"):
        back_up(Settings(data_dir=tmp_path / "nothing"), target)
