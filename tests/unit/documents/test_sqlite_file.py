"""What is SQLite's own: the file, its versions, its size."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from hygieia import sqlite_locks
from hygieia.documents import sqlite, sqlite_rows, sqlite_schema
from hygieia.documents.sqlite import open_sqlite
from hygieia.documents.sqlite_schema import SCHEMA_STEPS, migrate
from hygieia.errors import ConfigError, StorageFull, Unavailable

EARLIER = SCHEMA_STEPS
LATER = (*SCHEMA_STEPS, ("alter table documents add column colour text not null default 'blue'",))
BROKEN = (*LATER, ("update documents set colour = 'red'", "create table nonsense"))


async def file_with_one_document(path: Path) -> None:
    store = open_sqlite(path)
    await store.insert("things", "a", {"n": 1})
    await store.close()


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def modes_in(folder: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "documents.db"
    await file_with_one_document(path)
    store = open_sqlite(path)
    await store.insert("things", "b", {})
    modes = modes_in(tmp_path)
    await store.close()
    assert modes == {0o600}


async def test_an_older_file_takes_the_steps_it_lacks_and_keeps_its_documents(
    tmp_path: Path,
) -> None:
    path = tmp_path / "documents.db"
    await file_with_one_document(path)
    connection = connect(path)
    migrate(connection, LATER)
    migrate(connection, LATER)
    assert connection.execute("select id, body, colour from documents").fetchall() == [
        ("a", '{"n":1}', "blue")
    ]
    assert connection.execute("pragma user_version").fetchone() == (len(LATER),)
    connection.close()


async def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "documents.db"
    await file_with_one_document(path)
    connection = connect(path)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, BROKEN)
    assert connection.execute("pragma user_version").fetchone() == (len(EARLIER),)
    connection.close()
    store = open_sqlite(path)
    assert await store.get("things", "a") is not None
    await store.close()


async def test_a_newer_file_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "documents.db"
    await file_with_one_document(path)
    connection = connect(path)
    migrate(connection, LATER)
    connection.close()
    with pytest.raises(ConfigError, match="newer"):
        open_sqlite(path)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "documents.db"
    connection = connect(path)
    connection.execute("create table theirs (x)")
    connection.close()
    with pytest.raises(ConfigError, match="another program"):
        open_sqlite(path)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" * 64])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "documents.db"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        open_sqlite(path)
    assert path.read_bytes() == content


def test_a_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        open_sqlite(tmp_path / "nowhere" / "documents.db")


async def test_a_full_disk_refuses_writes_keeps_what_was_written_and_recovers(
    tmp_path: Path,
) -> None:
    store = open_sqlite(tmp_path / "documents.db", max_size_bytes=256 << 10)
    written: list[str] = []

    async def fill() -> None:
        for number in range(1000):
            await store.insert("things", str(number), {"text": "x" * 4000})
            written.append(str(number))

    with pytest.raises(StorageFull):
        await fill()
    assert written
    with pytest.raises(StorageFull):
        await asyncio.gather(
            *[store.insert("things", f"more-{n}", {"text": "x" * 9000}) for n in range(20)]
        )
    for name in written:
        assert await store.get("things", name) is not None
    for name in written[:20]:
        await store.delete("things", name)
    await store.insert("things", "again", {"text": "x" * 4000})
    await store.close()


def test_every_statement_on_live_data_is_answered_by_an_index(tmp_path: Path) -> None:
    path = tmp_path / "documents.db"
    asyncio.run(file_with_one_document(path))
    connection = connect(path)
    statements = {
        name: text
        for name, text in vars(sqlite_rows).items()
        if isinstance(text, str) and text.strip().startswith(("select", "update", "delete"))
    }
    assert len(statements) >= 9
    for name, text in statements.items():
        plan = connection.execute(f"explain query plan {text}", ("",) * text.count("?")).fetchall()
        details = " / ".join(row[3] for row in plan)
        assert "SCAN" not in details, (name, details)
        assert "TEMP B-TREE" not in details, (name, details)
    connection.close()


def test_a_file_that_several_open_at_its_birth_is_everybodys(tmp_path: Path) -> None:
    """Two servers of one account may start on a new file at the same moment."""
    with ThreadPoolExecutor(4) as pool:
        for number in range(25):
            path = tmp_path / f"{number}.db"
            together = threading.Barrier(4)

            def open_it(path: Path = path, together: threading.Barrier = together) -> None:
                together.wait()
                asyncio.run(open_sqlite(path).close())

            for opened in [pool.submit(open_it) for _ in range(4)]:
                opened.result()


def test_tables_that_appear_while_a_file_is_looked_at_make_it_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check sees one moment of the file, not three."""
    path = tmp_path / "new.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    check = sqlite_schema._check_file
    seen: list[bool] = []

    def check_beside_another(here: sqlite3.Connection, known: int) -> int:
        if not seen:
            seen.append(here.in_transaction)
        return check(here, known)

    monkeypatch.setattr(sqlite_schema, "_check_file", check_beside_another)
    sqlite_schema.migrate(connection)
    connection.close()
    assert seen == [True]


async def test_a_change_begins_once_another_process_ends_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked for often: a process that writes without pause leaves the lock free but shortly."""
    path = tmp_path / "documents.db"
    store = open_sqlite(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    looks = 0

    def look(seconds: float) -> None:
        nonlocal looks
        assert seconds <= 0.001
        looks += 1
        if looks == 20:
            other.execute("commit")

    monkeypatch.setattr(sqlite_locks, "time", SimpleNamespace(monotonic=time.monotonic, sleep=look))
    assert (await store.insert("things", "a", {})).rev == 1
    assert looks == 20
    other.close()
    await store.close()


async def test_a_change_that_never_finds_the_lock_free_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "documents.db"
    store = open_sqlite(path)
    other = connect(path)
    other.execute("begin immediate")
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    with pytest.raises(Unavailable, match="busy"):
        await store.insert("things", "a", {})
    other.execute("commit")
    other.close()
    assert await store.get("things", "a") is None
    assert (await store.insert("things", "a", {})).rev == 1
    await store.close()
