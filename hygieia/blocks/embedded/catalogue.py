"""The catalogue: which blocks there are, where, what pins and holds them, and IPNS records.

One SQLite file in WAL mode with ``synchronous=FULL``: a committed transaction is durable. Rows of
``block`` carry small blocks themselves and name pack and offset of larger ones; what the rows say is
said once more by ``copies`` and by the packs' tables, so a lost catalogue can be remade (``rebuild``). Ids are never reused
(AUTOINCREMENT): a sweep takes "id at most N" for "was here when I began", and an ended hold never
comes back to life by a new holder of the same name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.errors import ConfigError, HygieiaError, StorageFull, Unavailable
from hygieia.ipld import varint
from hygieia.ipld.cid import CID, IDENTITY, RAW, SHA2_256, SHA2_256_BYTES, decode_any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CATALOGUE_VERSION: Final = 2
BUSY_SECONDS: Final = 30
FULL_BELOW_BYTES: Final = 1 << 20
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SHA2_256_PREFIX: Final = bytes((SHA2_256, SHA2_256_BYTES))

_SCHEMA: Final = """
CREATE TABLE block (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    multihash BLOB NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    data BLOB,
    pack INTEGER,
    offset INTEGER,
    CHECK ((data IS NULL) <> (pack IS NULL))
);
CREATE INDEX block_pack ON block (pack) WHERE pack IS NOT NULL;
CREATE TABLE pack (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE hole (pack TEXT NOT NULL, offset INTEGER NOT NULL, size_bytes INTEGER NOT NULL);
CREATE TABLE pin (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    root BLOB NOT NULL,
    name TEXT NOT NULL,
    created REAL NOT NULL,
    UNIQUE (root, name)
);
CREATE TABLE holder (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    until REAL
);
CREATE TABLE hold (
    block INTEGER NOT NULL,
    holder INTEGER NOT NULL,
    PRIMARY KEY (block, holder)
) WITHOUT ROWID;
CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    data BLOB NOT NULL
);
CREATE TABLE damaged (
    multihash BLOB PRIMARY KEY,
    found REAL NOT NULL,
    kept_as TEXT
) WITHOUT ROWID;
CREATE TABLE ended (kind TEXT NOT NULL, number INTEGER NOT NULL);
CREATE TABLE copied (dead_bytes INTEGER NOT NULL, renewed REAL NOT NULL);
INSERT INTO copied VALUES (0, CAST(strftime('%s', 'now') AS REAL));
"""

# What version 2 changed: records are numbered, so that new ones are told from old; the copies' books.
_TO_VERSION_2: Final = """
ALTER TABLE record RENAME TO record_1;
CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    data BLOB NOT NULL
);
INSERT INTO record (name, data) SELECT name, data FROM record_1;
DROP TABLE record_1;
CREATE TABLE ended (kind TEXT NOT NULL, number INTEGER NOT NULL);
CREATE TABLE copied (dead_bytes INTEGER NOT NULL, renewed REAL NOT NULL);
INSERT INTO copied VALUES (0, CAST(strftime('%s', 'now') AS REAL));
"""


@dataclass(frozen=True, slots=True)
class BlockRow:
    """Where a block is: its bytes, or its place in a pack."""

    id: int
    size_bytes: int
    data: bytes | None
    pack: str | None
    offset: int


def key_of(cid: CID) -> bytes:
    """The multihash, which alone names a block's bytes: code, length, digest."""
    if cid.hash_code == SHA2_256:
        return _SHA2_256_PREFIX + cid.digest
    return varint.encode(cid.hash_code) + varint.encode(len(cid.digest)) + cid.digest


def cid_of(key: bytes) -> CID:
    """A CID of the block that a multihash names, as raw bytes. Raises ``InvalidInput``."""
    return decode_any(b"\x01" + varint.encode(RAW) + key)


def is_inline(cid: CID) -> bool:
    """Whether the CID carries its bytes itself (identity hash): never stored, always had."""
    return cid.hash_code == IDENTITY


def connect(path: Path, *, cache_kib: int = 2048, any_thread: bool = False) -> sqlite3.Connection:
    """A connection for one thread at a time. The caller begins and ends transactions."""
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=not any_thread
    )
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute(f"PRAGMA cache_size=-{cache_kib}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def prepare(path: Path) -> None:
    """Make the catalogue of a new store, if an earlier try has not made it already.

    Raises ``ConfigError`` for one written by a newer program.
    """
    connection = connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        if _version(connection) == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={CATALOGUE_VERSION};COMMIT;"
            )
        _require_known(_version(connection))
    finally:
        connection.close()


def check(path: Path) -> int:
    """Check that a store's catalogue is there; return its version, one this program knows.

    A lost one must never be replaced by an empty one: to the next sweep every pack would be a
    leftover. Raises ``ConfigError``.
    """
    if not path.is_file():
        raise lost()
    try:
        with contextlib.closing(connect(path)) as connection:
            version = _version(connection)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise lost() from None
        raise translate(error, path.parent) from error
    if version == 0:
        raise lost()
    if version != 1:
        _require_known(version)
    return version


def is_sound(path: Path) -> bool:
    """Whether there is a catalogue that SQLite finds no fault with. Reads all of it."""
    try:
        if check(path) != CATALOGUE_VERSION:
            return False
        with contextlib.closing(connect(path)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()
            return bool(found == ("ok",))
    except (HygieiaError, sqlite3.Error):
        return False


def add_version_2_tables(path: Path) -> None:
    """Bring the tables of version 1 to those of version 2, if an earlier try has not done so."""
    with contextlib.closing(connect(path)) as connection:
        found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'copied'").fetchone()
        if found is None:
            connection.executescript(f"BEGIN IMMEDIATE;{_TO_VERSION_2}COMMIT;")


def lost() -> ConfigError:
    """That there is no catalogue for the packs that are there."""
    return ConfigError(
        "The catalogue of the block store is missing, empty or damaged.",
        hint="Run hygieia admin rebuild, which makes it anew from the packs and copies beside it; "
        "or bring back the whole folder from a backup.",
    )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _require_known(version: int) -> None:
    if version != CATALOGUE_VERSION:
        raise ConfigError(
            f"The block store has format {version}; this program knows {CATALOGUE_VERSION}.",
            hint="Install the version of Hygieia that wrote it, or a newer one.",
        )


def find(connection: sqlite3.Connection, key: bytes) -> BlockRow | None:
    """The row of a block, with its bytes when they stand in it."""
    row = connection.execute(
        "SELECT block.id, size_bytes, data, name, coalesce(offset, 0) FROM block"
        " LEFT JOIN pack ON pack.id = block.pack WHERE multihash = ?",
        (key,),
    ).fetchone()
    return None if row is None else BlockRow(*row)


def find_id(connection: sqlite3.Connection, key: bytes) -> int | None:
    """The id of a block."""
    row = connection.execute("SELECT id FROM block WHERE multihash = ?", (key,)).fetchone()
    return None if row is None else int(row[0])


def find_sizes(connection: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[int | None]:
    """The size of each block in bytes, None where there is none."""
    for key in keys:
        row = connection.execute(
            "SELECT size_bytes FROM block WHERE multihash = ?", (key,)
        ).fetchone()
        yield None if row is None else int(row[0])


def hold_for(connection: sqlite3.Connection, holder: str, until: float | None) -> int:
    """The id of a holder, made or extended; its time never gets shorter (None: no end)."""
    (holder_id,) = connection.execute(
        "INSERT INTO holder (name, until) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET until ="
        " CASE WHEN until IS NULL OR excluded.until IS NULL THEN NULL"
        " ELSE max(until, excluded.until) END RETURNING id",
        (holder, until),
    ).fetchone()
    return int(holder_id)


def add_holds(connection: sqlite3.Connection, holder_id: int, ids: Sequence[int]) -> None:
    """Hold these blocks for a holder."""
    connection.executemany(
        "INSERT OR IGNORE INTO hold (block, holder) VALUES (?, ?)", ((i, holder_id) for i in ids)
    )


def translate(error: Exception, folder: Path) -> HygieiaError:
    """What an error of SQLite or of the file system means to a caller of the store."""
    if isinstance(error, HygieiaError):
        return error
    code = getattr(error, "sqlite_errorcode", None)
    if (
        getattr(error, "errno", None) in NO_ROOM
        or code == sqlite3.SQLITE_FULL
        or (isinstance(error, sqlite3.Error | OSError) and _is_full(folder))
    ):
        return StorageFull("The block store has no room left.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable("The block store is busy.")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Unavailable(
            "The catalogue of the block store is damaged.",
            hint="Stop the server, then make it anew: hygieia admin rebuild",
        )
    return Unavailable(f"The block store cannot be used ({type(error).__name__}).")


def _is_full(folder: Path) -> bool:
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize < FULL_BELOW_BYTES
