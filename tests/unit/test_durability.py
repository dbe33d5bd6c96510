"""What was acknowledged survives a power cut: content and names are synced before the call returns.

Take any sync out of the code, and a test here fails.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hygieia.blocks.embedded import EmbeddedBlockStore, open_embedded, rebuild
from hygieia.blocks.embedded.pack_tables import Placed
from hygieia.blocks.embedded.packs import PackFiles
from hygieia.cli.kits import check_kit_folder, write_kit
from hygieia.client.journal import Journal
from hygieia.client.state import IndexFloor, ProfileStore, StateKey
from hygieia.config import Settings
from hygieia.documents.sqlite import open_sqlite
from hygieia.domain.server_secrets import load_server_secrets
from hygieia.errors import BlockRefused
from hygieia.recovery.files import NewFile, sync_names
from hygieia.server.backup import back_up
from hygieia.server.storage import make_data_folder
from tests.dags import raw
from tests.power_cut import PowerCut
from tests.unit.blocks.broken_stores import files_in, leave_out_copies, lose, make_version_1
from tests.unit.client.test_journal import leaf, pending
from tests.unit.client.test_state import profile
from tests.unit.recovery.factories import sealed

FULL = 2
KEY = StateKey("a" * 64)
SMALL, LARGE, LARGER = raw(1, 100), raw(2, 100_000), raw(3, 300_000)


@pytest.fixture
def cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PowerCut:
    return PowerCut(tmp_path, monkeypatch)


@pytest.fixture
async def store(tmp_path: Path, cut: PowerCut) -> AsyncIterator[EmbeddedBlockStore]:
    opened = open_embedded(tmp_path / "blocks")
    yield opened
    await opened.close()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What SQLite is told from now on."""
    heard: list[str] = []
    connect = sqlite3.connect

    def listening(*arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401  (handed on as they came)
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(heard.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", listening)
    return heard


# -- the block store ---------------------------------------------------------------------------


async def test_a_new_block_store_is_there_with_all_its_folders(
    store: EmbeddedBlockStore, cut: PowerCut
) -> None:
    for folder in ("packs", "copies", "quarantine"):
        assert cut.takes(store.path / folder) == []
    assert [cut.takes(each) for each in (store.path / "packs").iterdir()] == [[]] * 256
    assert cut.takes(store.path / "format") == []
    assert cut.takes_name(store.path / "catalogue.sqlite") == []


async def test_a_block_store_is_there_with_all_the_folders_above_it(
    tmp_path: Path, cut: PowerCut
) -> None:
    await open_embedded(tmp_path / "srv" / "hygieia" / "blocks").close()
    assert cut.takes(tmp_path / "srv" / "hygieia" / "blocks" / "format") == []


async def test_a_block_store_whose_making_was_cut_off_is_there_once_it_is_made(
    tmp_path: Path, cut: PowerCut
) -> None:
    (tmp_path / "blocks").mkdir()
    await open_embedded(tmp_path / "blocks").close()
    assert cut.takes(tmp_path / "blocks" / "format") == []


@pytest.mark.parametrize("older", [leave_out_copies, lose, make_version_1])
async def test_copies_made_again_are_there_once_the_store_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: Callable[[Path], None]
) -> None:
    store = open_embedded(tmp_path)
    await store.put([SMALL])
    await store.close()
    older(tmp_path)
    cut = PowerCut(tmp_path, monkeypatch)
    await open_embedded(tmp_path).close()
    assert files_in(tmp_path / "copies")
    assert cut.takes_below(tmp_path / "copies") == []


async def test_large_blocks_are_there_once_put(store: EmbeddedBlockStore, cut: PowerCut) -> None:
    for batch in ([LARGE], [LARGER, SMALL]):
        await store.put(batch)
        assert cut.takes_below(store.path / "packs") == []
    assert len(files_in(store.path / "packs")) == 2


async def test_small_blocks_pins_and_records_are_copied_once_acknowledged(
    store: EmbeddedBlockStore, cut: PowerCut
) -> None:
    copies = store.path / "copies"

    def size_bytes() -> int:
        assert cut.takes_below(copies) == []
        return sum(path.stat().st_size for path in files_in(copies))

    await store.put([SMALL])
    sizes = [size_bytes()]
    await store.pin(SMALL.cid, name="report")
    sizes.append(size_bytes())
    await store.put_record("k51name", b"record")
    sizes.append(size_bytes())
    await store.put([raw(4, 100)])
    sizes.append(size_bytes())
    assert sizes == sorted(set(sizes)), "each of them was copied"


async def test_the_catalogue_commits_to_the_disk(
    said: list[str], store: EmbeddedBlockStore
) -> None:
    def settings(connection: sqlite3.Connection) -> list[object]:
        return [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("synchronous", "journal_mode")
        ]

    assert await store._change(settings) == [FULL, "wal"]
    assert "PRAGMA synchronous=FULL" in said, "whatever this SQLite was built to do by itself"


async def test_a_damaged_block_that_was_moved_aside_stays_to_be_looked_at(
    store: EmbeddedBlockStore, cut: PowerCut
) -> None:
    await store.put([LARGE])
    [pack] = files_in(store.path / "packs")
    with pack.open("r+b") as file:
        file.write(b"another content")
    with pytest.raises(BlockRefused):
        await store.get(LARGE.cid)
    assert len(files_in(store.path / "quarantine")) == 1
    assert cut.takes_below(store.path / "quarantine") == []


def test_a_pack_that_was_moved_aside_stays_to_be_looked_at(tmp_path: Path, cut: PowerCut) -> None:
    packs = PackFiles(tmp_path)
    packs.prepare()
    pack = packs.write([(b"key", bytes(5000))])
    packs.set_pack_aside(pack.name)
    assert len(files_in(tmp_path / "quarantine")) == 1
    assert cut.takes_below(tmp_path / "quarantine") == []


def test_a_pack_keeps_the_table_that_an_upgrade_gave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = PackFiles(tmp_path)
    packs.prepare()
    pack = packs.write([(b"key", bytes(5000))])
    [path] = files_in(tmp_path / "packs")
    path.write_bytes(path.read_bytes()[:5000])
    cut = PowerCut(tmp_path, monkeypatch)
    packs.add_table(pack.name, [Placed(b"key", 0, 5000)])
    assert path.stat().st_size > 5000
    assert cut.takes(path) == []


@pytest.mark.parametrize("damage", [b"", b"damage"])
async def test_a_catalogue_made_anew_is_in_its_place_and_what_was_broken_is_kept(
    tmp_path: Path,
    cut: PowerCut,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    damage: bytes,
) -> None:
    path = tmp_path / "blocks"
    store = open_embedded(path)
    await store.put([SMALL, LARGE])
    await store.close()
    (path / "catalogue.sqlite").write_bytes(b"")
    [copied] = files_in(path / "copies")
    copied.write_bytes(damage + copied.read_bytes())
    module = sys.modules["hygieia.blocks.embedded.rebuild"]  # the package has a function so called
    monkeypatch.setattr(module, "write_marker", lambda _: None)
    said.clear()
    assert rebuild(path).blocks == 2
    assert cut.takes_name(path / "catalogue.sqlite") == []
    kept = files_in(path / "quarantine")
    assert len(kept) == (2 if damage else 1), "the broken catalogue and damaged copies"
    assert [cut.takes_name(each) for each in kept] == [[]] * len(kept)
    written = said.index("PRAGMA wal_checkpoint(TRUNCATE)")
    settings = [each for each in said[:written] if each.startswith("PRAGMA synchronous")]
    assert settings[-1] == "PRAGMA synchronous=FULL"


async def test_copies_lost_with_the_catalogue_are_there_once_it_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_embedded(tmp_path)
    await store.put([SMALL, LARGE])
    await store.close()
    leave_out_copies(tmp_path)
    lose(tmp_path / "catalogue.sqlite")
    cut = PowerCut(tmp_path, monkeypatch)
    assert rebuild(tmp_path).blocks == 1
    assert cut.takes_below(tmp_path / "copies") == []


# -- the server --------------------------------------------------------------------------------


def test_a_new_data_folder_is_there(tmp_path: Path, cut: PowerCut) -> None:
    make_data_folder(Settings(data_dir=tmp_path / "data"))
    assert cut.takes(tmp_path / "data") == []


async def test_documents_are_on_the_disk_once_written(
    tmp_path: Path, cut: PowerCut, said: list[str]
) -> None:
    store = open_sqlite(tmp_path / "documents.sqlite")
    assert cut.takes_name(tmp_path / "documents.sqlite") == []
    for lane in (store._writer, store._readers):
        settings = [
            await lane.run(lambda c, name=name: c.execute(f"pragma {name}").fetchone()[0])  # type: ignore[misc]  # the name of this turn
            for name in ("synchronous", "journal_mode")
        ]
        assert settings == [FULL, "wal"]
    assert "pragma synchronous = full" in said, "whatever this SQLite was built to do by itself"
    await store.close()


def test_the_servers_secret_stays(tmp_path: Path, cut: PowerCut) -> None:
    load_server_secrets(tmp_path / "secrets.json")
    assert cut.takes(tmp_path / "secrets.json") == []


async def test_a_backup_that_appeared_is_whole(tmp_path: Path, cut: PowerCut) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    make_data_folder(settings)
    load_server_secrets(tmp_path / "data/secrets.json")
    blocks = open_embedded(tmp_path / "data/blocks")
    await blocks.put([SMALL, LARGE])
    await blocks.close()
    await open_sqlite(tmp_path / "data/documents.sqlite").close()
    back_up(settings, tmp_path / "backups" / "today")
    assert len(files_in(tmp_path / "backups")) == 5
    assert cut.takes_below(tmp_path / "backups") == []


# -- the client --------------------------------------------------------------------------------


def test_a_device_keeps_what_it_remembers_and_its_folders(tmp_path: Path, cut: PowerCut) -> None:
    store = ProfileStore(tmp_path / "home", "ana")
    store.save(profile())
    assert cut.takes(store.folder / "profile.json") == []
    store.raise_floor(IndexFloor(9, "root"))
    assert cut.takes(store.folder / "profile.json") == []


def test_what_a_put_remembers_is_kept_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profile").mkdir()
    cut = PowerCut(tmp_path, monkeypatch)
    file = tmp_path / "profile" / "uploads" / "job.journal"
    with Journal(file.parent, "job", KEY) as journal:
        assert cut.takes(file) == ["the content of job.journal"], "nothing is in it yet"
        journal.use_upload("u1")
        assert cut.takes(file) == []
        report = pending()
        journal.begin(report)
        assert cut.takes(file) == []
        journal.record_leaves(report, [leaf(1)])
        assert cut.takes(file) == []


def test_a_kit_is_there_with_the_folder_made_for_it(tmp_path: Path, cut: PowerCut) -> None:
    check_kit_folder(tmp_path / "kit")
    write_kit(tmp_path / "kit", sealed().kit, None)
    assert len(files_in(tmp_path / "kit")) == 1
    assert cut.takes_below(tmp_path / "kit") == []


def test_a_fetched_file_is_there_with_its_name(tmp_path: Path, cut: PowerCut) -> None:
    with NewFile(tmp_path / "scan.pdf") as file:
        file.write([b"content"])
        path = file.keep()
        assert cut.takes(path) == ["the name scan.pdf in " + tmp_path.name]
    sync_names(tmp_path)
    assert cut.takes(path) == []
