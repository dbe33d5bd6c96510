"""Opening the embedded store: making a new one, upgrading an older one, refusing a broken one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from hygieia import folders
from hygieia.blocks.embedded import catalogue
from hygieia.blocks.embedded.copies import FOLDER as COPIES
from hygieia.blocks.embedded.copies import copy_all_again
from hygieia.blocks.embedded.pack_tables import Placed
from hygieia.blocks.embedded.packs import PackFiles, sync_folder, write_file
from hygieia.blocks.embedded.store import EmbeddedBlockStore
from hygieia.errors import ConfigError, Conflict

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hygieia.blocks.embedded.reads import Damaged

FORMAT: Final = "hygieia blocks 1\n"
RESERVE_BYTES: Final = 64 << 20
"""Puts stop short of a full disk, so that there is room to delete, sweep and write documents."""

CATALOGUE: Final = "catalogue.sqlite"
UNFINISHED: Final = "copies.unfinished"
"""Stands there until a store without copies has all of them again."""

_OWN_NAMES: Final = (
    "lock",
    "in-use.lock",
    "sweep.lock",
    "packs",
    COPIES,
    UNFINISHED,
    "quarantine",
    "format.new",
)


def open_embedded(
    path: Path,
    *,
    reserve_bytes: int = RESERVE_BYTES,
    clock: Callable[[], float] = time.time,
    on_damage: Callable[[Damaged], None] = lambda _: None,
) -> EmbeddedBlockStore:
    """Open, or make, the store in a directory. It touches the disk; an older format takes a while.

    ``on_damage`` is told, in some thread, of each block found damaged.

    Raises ``ConfigError`` when the directory holds something else, a newer format, or a broken
    store; ``Conflict`` while it is being rebuilt.
    """
    folders.make_folder(path)
    in_use = _locked(path / "in-use.lock", fcntl.LOCK_SH)
    try:
        with alone(path):
            _prepare(path)
        return EmbeddedBlockStore(
            path, in_use, reserve_bytes=reserve_bytes, clock=clock, on_damage=on_damage
        )
    except BaseException:
        os.close(in_use)
        raise


@contextlib.contextmanager
def unused(path: Path) -> Iterator[None]:
    """While no process has the store open, and none can open it. Raises ``Conflict``."""
    descriptor = _locked(path / "in-use.lock", fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """While no other process opens the store: waits for one that does."""
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path, how: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Conflict(
            "The block store is in use by another process.",
            hint="Stop the server first; while a rebuild runs, wait for its end.",
        ) from None
    return descriptor


def _prepare(path: Path) -> None:
    marker, file = path / "format", path / CATALOGUE
    if not marker.exists():
        _require_empty(path)
        make_folders(path)
        if any(PackFiles(path).listing()) and not file.exists():
            raise catalogue.lost()
        catalogue.prepare(file)
        write_marker(path)
        return
    if marker.read_text() != FORMAT:
        raise ConfigError(
            "The folder for blocks has a format that this program does not know.",
            hint="Install the version of Hygieia that wrote it, or a newer one.",
        )
    if catalogue.check(file) == 1:
        _upgrade(path)
    elif not (path / COPIES).exists() or (path / UNFINISHED).exists():
        _copy_anew(path)


def _copy_anew(path: Path) -> None:
    """Make the copies that a backup leaves out. Cut off, it is begun anew at the next opening."""
    unfinished = path / UNFINISHED
    unfinished.unlink(missing_ok=True)
    write_file(unfinished, b"")
    make_folders(path)
    with contextlib.closing(catalogue.connect(path / CATALOGUE)) as connection:
        copy_all_again(connection, path)
    unfinished.unlink()
    sync_folder(path)


def _require_empty(path: Path) -> None:
    if any(
        entry.name not in (*_OWN_NAMES, "lost+found") and not entry.name.startswith(CATALOGUE)
        for entry in path.iterdir()
    ):
        raise ConfigError(
            "The folder for blocks holds something else.",
            hint="Name an empty folder, or one that Hygieia made.",
        )


def make_folders(path: Path) -> None:
    """Make the folders of a store, durably."""
    (path / COPIES).mkdir(exist_ok=True, mode=0o700)
    PackFiles(path).prepare()
    folders.sync_folder(path.parent)


def write_marker(path: Path) -> None:
    """Say last, and at once or not at all, that the store is made."""
    unfinished = path / "format.new"
    unfinished.unlink(missing_ok=True)
    write_file(unfinished, FORMAT.encode())
    unfinished.rename(path / "format")
    sync_folder(path)


def _upgrade(path: Path) -> None:
    """From version 1: its packs had no tables, its catalogue no copies. May be cut off anywhere."""
    make_folders(path)
    packs = PackFiles(path)
    catalogue.add_version_2_tables(path / CATALOGUE)
    with contextlib.closing(catalogue.connect(path / CATALOGUE)) as connection:
        for name, placed in _places_by_pack(connection):
            packs.add_table(name, placed)
        copy_all_again(connection, path)
        connection.execute(f"PRAGMA user_version={catalogue.CATALOGUE_VERSION}")


def _places_by_pack(connection: sqlite3.Connection) -> Iterator[tuple[str, list[Placed]]]:
    for pack_id, name in connection.execute("SELECT id, name FROM pack"):
        rows = connection.execute(
            "SELECT multihash, offset, size_bytes FROM block WHERE pack = ?", (pack_id,)
        )
        yield name, [Placed(*row) for row in rows]
