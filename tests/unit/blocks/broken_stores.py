"""Block stores as accidents and older versions leave them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from hygieia.blocks.embedded.pack_tables import read_table
from tests.dags import noise

CATALOGUE = "catalogue.sqlite"


def lose(catalogue: Path) -> None:
    for path in catalogue.parent.glob("catalogue.sqlite*"):
        path.unlink()


def empty(catalogue: Path) -> None:
    catalogue.write_bytes(b"")


def overwrite(catalogue: Path) -> None:
    catalogue.write_bytes(noise(1, 4096))


def cut(catalogue: Path) -> None:
    os.truncate(catalogue, catalogue.stat().st_size // 2)


def lose_with_the_marker(catalogue: Path) -> None:
    lose(catalogue)
    (catalogue.parent / "format").unlink()


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def leave_out_copies(path: Path) -> None:
    """As a backup leaves them out."""
    shutil.rmtree(path / "copies")


def make_version_1(path: Path) -> None:
    """As the first version left a store: no copies, packs of blocks only, unnumbered records."""
    leave_out_copies(path)
    (path / "in-use.lock").unlink()
    for pack in files_in(path / "packs"):
        with pack.open("rb") as opened:
            table = read_table(opened.fileno())
        assert table is not None
        os.truncate(pack, max(one.offset + one.size_bytes for one in table))
    with sqlite3.connect(path / CATALOGUE) as connection:
        connection.executescript(
            "CREATE TABLE old (name TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;"
            "INSERT INTO old SELECT name, data FROM record; DROP TABLE record;"
            "ALTER TABLE old RENAME TO record; DROP TABLE ended; DROP TABLE copied;"
            "PRAGMA user_version=1;"
        )
