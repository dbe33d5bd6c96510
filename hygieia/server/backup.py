"""A copy of an embedded vault, taken while servers use it: a data folder that another can serve.

What makes it whole is the order. Sweeps are kept out, so that no block goes. Then both databases are
read as they were at one moment: nothing was committed to the documents between the beginnings of the
two readings, so together they are what a power cut at that moment would have left, which the stores
survive. Packs are written once, before the catalogue names them; those that it names are copied last.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.errors import ConfigError, StorageFull, Unavailable, UsageError
from hygieia.folders import make_folder, sync_folder
from hygieia.server.storage import (
    BLOCKS_FOLDER,
    SECRETS_FILE,
    SQLITE_FILE,
    blocks_folder,
    documents_file,
    secrets_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hygieia.config import Settings

CATALOGUE: Final = "catalogue.sqlite"
TRIES: Final = 2000
"""For two readings without a commit between them: each try takes some microseconds."""
_PAGES_AT_ONCE: Final = 4096
_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds; ``lost_packs`` are named by the catalogue and were not there."""

    size_bytes: int
    packs: int
    lost_packs: int


def back_up(
    settings: Settings, target: Path, on_progress: Callable[[int], None] = lambda _: None
) -> BackedUp:
    """Copy the vault of these settings into the new folder ``target``. Blocks while it copies.

    ``on_progress`` is told how many bytes are written. ``target`` appears once all of it is durable.

    Raises:
        ConfigError: the settings name other stores than the embedded ones, or no vault is there.
        UsageError: ``target`` exists, or cannot be made.
        StorageFull: there is no room for it.
        Unavailable: the vault changes too fast to be read at one moment.
    """
    documents, blocks = documents_file(settings), blocks_folder(settings)
    if documents is None or blocks is None:
        raise ConfigError(
            "A backup is made of SQLite and a block directory; these settings name other stores.",
            hint="docs/guide/hosting.md says how MongoDB and Kubo are backed up.",
        )
    for part in (documents, blocks / CATALOGUE):
        if not part.is_file():
            raise ConfigError(f"There is no vault to back up: {part.name} is missing.")
    if target.exists():
        raise UsageError("The folder for the backup exists.", hint="Name a new one.")
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        make_folder(unfinished)
        done = _Copying(unfinished, on_progress).run(documents, blocks, secrets_path(settings))
        unfinished.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise _refusal(error) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return done


def _refusal(error: OSError) -> UsageError | StorageFull:
    if error.errno in {28, 122}:  # ENOSPC, EDQUOT
        return StorageFull("There is no room for the backup: nothing of it was kept.")
    return UsageError(f"The backup cannot be written: {error.strerror}.")


class _Copying:
    """One backup into a folder that nobody looks at yet."""

    def __init__(self, folder: Path, on_progress: Callable[[int], None]) -> None:
        self._folder = folder
        self._on_progress = on_progress
        self._size_bytes = 0

    def run(self, documents: Path, blocks: Path, secret: Path) -> BackedUp:
        """Copy everything."""
        copied = self._folder / BLOCKS_FOLDER
        copied.mkdir(mode=0o700)
        (copied / "packs").mkdir(mode=0o700)
        # In use, so that no rebuild begins; no sweep, so that nothing named goes.
        with (
            _locked(blocks / "in-use.lock", fcntl.LOCK_SH),
            _locked(blocks / "sweep.lock", fcntl.LOCK_EX),
        ):
            with _one_moment(documents, blocks / CATALOGUE) as (first, second):
                packs = [str(name) for (name,) in second.execute("SELECT name FROM pack")]
                self._copy_database(first, self._folder / SQLITE_FILE)
                self._copy_database(second, copied / CATALOGUE)
            lost = sum(not self._copy_pack(blocks, copied, name) for name in packs)
            self._copy(blocks / "format", copied / "format")
        self._copy(secret, self._folder / SECRETS_FILE)
        for folder in [self._folder, *(p for p in self._folder.rglob("*") if p.is_dir())]:
            sync_folder(folder)
        return BackedUp(self._size_bytes, len(packs) - lost, lost)

    def _copy_database(self, source: sqlite3.Connection, target: Path) -> None:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy, pages=_PAGES_AT_ONCE)
        self._add(target.stat().st_size)
        with target.open("rb") as written:
            os.fsync(written.fileno())

    def _copy_pack(self, source: Path, target: Path, name: str) -> bool:
        place = target / "packs" / name
        place.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            self._copy(source / "packs" / name, place)
        except FileNotFoundError:
            return False
        return True

    def _copy(self, source: Path, target: Path) -> None:
        """Copy a file; where blocks were removed from a pack, it stays as hollow as it is."""
        with source.open("rb", buffering=0) as old:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb", buffering=0) as new:
                size_bytes = os.fstat(old.fileno()).st_size
                for begin, end in _filled(old.fileno(), size_bytes):
                    self._copy_range(old.fileno(), new.fileno(), begin, end)
                os.ftruncate(new.fileno(), size_bytes)
                os.fsync(new.fileno())

    def _copy_range(self, old: int, new: int, begin: int, end: int) -> None:
        while begin < end:
            piece = os.pread(old, min(_PIECE_BYTES, end - begin), begin)
            if not piece:
                return
            begin += os.pwrite(new, piece, begin)
            self._add(len(piece))

    def _add(self, size_bytes: int) -> None:
        self._size_bytes += size_bytes
        self._on_progress(self._size_bytes)


def _filled(descriptor: int, size_bytes: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that are no holes."""
    end = 0
    while end < size_bytes:
        try:
            begin = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:  # nothing but a hole follows
            return
        end = os.lseek(descriptor, begin, os.SEEK_HOLE)
        yield begin, end


@contextlib.contextmanager
def _one_moment(documents: Path, catalogue: Path) -> Iterator[tuple[sqlite3.Connection, ...]]:
    """A reading of each, begun with no commit to the documents in between."""
    with contextlib.ExitStack() as stack:
        first, second, witness = (
            stack.enter_context(contextlib.closing(_reader(path)))
            for path in (documents, catalogue, documents)
        )
        try:
            for _ in range(TRIES):
                before = _commits(witness)
                for connection in (first, second):
                    connection.execute("BEGIN")
                    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if _commits(witness) == before:
                    yield first, second
                    return
                for connection in (first, second):
                    connection.execute("ROLLBACK")
                time.sleep(0.001)
        except sqlite3.Error as error:
            raise ConfigError(f"The vault cannot be read: {error}.") from None
        raise Unavailable("The vault changes too fast to be copied now.", hint="Try again later.")


def _reader(path: Path) -> sqlite3.Connection:
    # rw and never made: a log left by a killed server is taken over, as by any reader.
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)


def _commits(witness: sqlite3.Connection) -> int:
    """A number that others' commits change (sqlite.org/pragma.html#pragma_data_version)."""
    (version,) = witness.execute("PRAGMA data_version").fetchone()
    return int(version)


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    """Hold a lock of the block store, once who holds it now is done."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
