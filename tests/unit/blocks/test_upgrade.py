"""Stores of the first version, and those restored without their copies, are made whole when opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hygieia.blocks.embedded import open_embedded, rebuild
from tests.dags import raw, report
from tests.unit.blocks.broken_stores import CATALOGUE, leave_out_copies, lose, make_version_1


async def test_a_store_of_version_1_is_upgraded_and_can_be_rebuilt(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    dag = report(1, 3 << 20)
    await store.put(dag.blocks)
    await store.pin(dag.root, name="me")
    await store.put_record("k51one", b"record")
    await store.close()
    make_version_1(tmp_path)
    store = open_embedded(tmp_path)
    assert await store.get_record("k51one") == b"record"
    await store.close()
    lose(tmp_path / CATALOGUE)
    rebuilt = rebuild(tmp_path)
    assert (rebuilt.pins, rebuilt.records, rebuilt.missing) == (1, 1, 0)
    store = open_embedded(tmp_path)
    assert await store.missing(dag.cids) == []
    await store.close()


async def test_copies_left_out_of_a_backup_are_made_again(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    await store.put([raw(1)])
    await store.close()
    leave_out_copies(tmp_path)
    store = open_embedded(tmp_path)
    await store.put([raw(2)])
    await store.close()
    lose(tmp_path / CATALOGUE)
    assert rebuild(tmp_path).blocks == 2


async def test_an_upgrade_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    store = open_embedded(tmp_path)
    await store.put([raw(1), raw(2, 100_000)])
    await store.close()
    with sqlite3.connect(tmp_path / CATALOGUE) as connection:
        connection.execute("PRAGMA user_version=1")
    await open_embedded(tmp_path).close()
    lose(tmp_path / CATALOGUE)
    assert rebuild(tmp_path).blocks == 2
