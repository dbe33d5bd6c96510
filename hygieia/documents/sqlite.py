"""The document store on SQLite, for a server without a database beside it.

Write-ahead log with ``synchronous=FULL``: a commit is on disk when it returns (sqlite.org/wal).
One thread writes, in groups; a few read, each through its own connection; other processes
(``hygieia admin``) may open the same file meanwhile and wait for each other's locks.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from hygieia.documents import body as rules
from hygieia.documents import sqlite_rows as rows
from hygieia.documents.port import JSON, KEPT, Document, Kept, Page
from hygieia.documents.sqlite_lane import Lane
from hygieia.documents.sqlite_schema import migrate
from hygieia.errors import ConfigError, Failed, HygieiaError, StorageFull, Unavailable
from hygieia.sqlite_locks import begin_change, leave_waiting_to_us, when_free

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

READERS: Final = 2
BUSY_SECONDS: Final = 10.0
JOURNAL_BYTES: Final = 64 << 20


def open_sqlite(
    path: Path,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    max_size_bytes: int | None = None,
) -> SqliteDocumentStore:
    """Opens a database file, made 0600 if absent, brought to the current schema. Blocks briefly.

    ``max_size_bytes`` refuses growth past a size the way a full disk does.

    Raises:
        ConfigError: the file cannot be opened, is no database of ours or one of a newer version.
        StorageFull: there is no room to create it.
    """
    try:
        _create_private(path)
        connection = _connect(path, None)
        try:
            _use_wal(connection)
            migrate(connection)
        finally:
            connection.close()
        _sync_directory(path.parent)
        return SqliteDocumentStore(path, clock, max_size_bytes)
    except sqlite3.Error as error:
        failure = _translate(error)
        if isinstance(failure, StorageFull):
            raise failure from None
        raise ConfigError(f"The database {path.name} cannot be opened: {error}.") from None
    except OSError as error:
        raise ConfigError(f"The database {path.name} cannot be opened: {error.strerror}.") from None


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging.

    While another process does so, SQLite answers "busy" at once instead of waiting as elsewhere.
    """
    when_free(connection, "pragma journal_mode = wal", BUSY_SECONDS)


class SqliteDocumentStore:
    """The port :class:`~hygieia.documents.port.DocumentStore` on one SQLite file."""

    def __init__(
        self, path: Path, clock: Callable[[], datetime], max_size_bytes: int | None
    ) -> None:
        connect = functools.partial(_connect, path, max_size_bytes)
        connect_to_write = functools.partial(_connect_to_write, path, max_size_bytes)
        self._clock = clock
        self._writer = Lane("documents-write", 1, connect_to_write, _begin_to_write, _translate)
        self._readers = Lane("documents-read", READERS, connect, _begin_to_read, _translate)

    async def insert(
        self,
        collection: str,
        document_id: str,
        body: Mapping[str, JSON],
        *,
        scope: str | None = None,
        sort: str = "",
        unique: str | None = None,
        expires: datetime | None = None,
    ) -> Document:
        """Adds a document, in the next group to be written."""
        row = _row(Document(document_id, 1, dict(body), scope, sort, unique, expires))
        name = rules.check_collection(collection)
        return await self._writer.run(functools.partial(rows.insert, name, row, self._now()))

    async def get(self, collection: str, document_id: str) -> Document | None:
        """Reads by primary key."""
        key = rules.check_collection(collection), rules.check_id(document_id)
        return await self._readers.run(functools.partial(rows.get, *key, self._now()))

    async def find(self, collection: str, unique: str) -> Document | None:
        """Reads by the unique index."""
        rules.check_unique(unique)
        key = rules.check_collection(collection), unique
        return await self._readers.run(functools.partial(rows.find, *key, self._now()))

    async def replace(  # noqa: PLR0913 - each is a field of the document
        self,
        collection: str,
        document_id: str,
        rev: int,
        body: Mapping[str, JSON],
        *,
        scope: str | Kept | None = KEPT,
        sort: str | Kept = KEPT,
        unique: str | Kept | None = KEPT,
        expires: datetime | Kept | None = KEPT,
    ) -> Document:
        """Compares ``rev`` and writes in one step: there is one writer, and it holds the lock."""
        key = rules.check_collection(collection), rules.check_id(document_id)
        changes: dict[str, Any] = {"body": rules.encode_body(body)}
        if scope is not KEPT:
            changes["scope"] = rules.check_scope(scope)
        if sort is not KEPT:
            changes["sort"] = rules.check_sort(sort)
        if unique is not KEPT:
            changes["unique"] = rules.check_unique(unique)
        if expires is not KEPT:
            changes["expires"] = _until(expires)
        work = functools.partial(rows.replace, *key, rev, changes, self._now())
        return await self._writer.run(work)

    async def delete(self, collection: str, document_id: str, *, rev: int | None = None) -> bool:
        """Removes by primary key."""
        key = rules.check_collection(collection), rules.check_id(document_id)
        return await self._writer.run(functools.partial(rows.delete, *key, rev, self._now()))

    async def page(
        self,
        collection: str,
        scope: str,
        *,
        after: str | None = None,
        limit: int,
        newest_first: bool = False,
    ) -> Page:
        """Reads a range of the scope's index."""
        start = rows.LAST if newest_first else rows.FIRST
        if after is not None:
            start = rules.decode_cursor(after)
        name = rules.check_collection(collection)
        rules.check_id(scope)
        listing = rows.Listing(name, scope, start, rules.check_limit(limit), newest_first)
        return await self._readers.run(functools.partial(listing.read, self._now()))

    async def scan(self, collection: str, *, after: str | None = None, limit: int) -> Page:
        """Reads a range of the primary key."""
        start = rows.FIRST if after is None else rules.decode_cursor(after)
        name = rules.check_collection(collection)
        listing = rows.Listing(name, None, start, rules.check_limit(limit))
        return await self._readers.run(functools.partial(listing.read, self._now()))

    async def collections(self) -> list[str]:
        """Reads the primary key."""
        return await self._readers.run(rows.collections)

    async def load(self, collection: str, documents: Sequence[Document]) -> None:
        """Writes them in one transaction."""
        name = rules.check_collection(collection)
        loaded = [_row(document) for document in documents]
        await self._writer.run(functools.partial(rows.load, name, loaded))

    async def purge_expired(self, now: datetime, limit: int) -> int:
        """Removes by the index of expiries."""
        work = functools.partial(rows.purge, rules.milliseconds(now), limit)
        return await self._writer.run(work)

    async def ping(self) -> None:
        """Reads from the file."""
        await self._readers.run(_ping)

    async def close(self) -> None:
        """Ends the threads once their queues are empty."""
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._readers.close)

    def _now(self) -> int:
        return rules.milliseconds(self._clock())


def _row(document: Document) -> rows.Row:
    return rows.Row(
        rules.check_id(document.id),
        document.rev,
        rules.encode_body(document.body),
        rules.check_scope(document.scope),
        rules.check_sort(document.sort),
        rules.check_unique(document.unique),
        _until(document.expires),
    )


def _until(expires: datetime | None) -> int | None:
    return None if expires is None else rules.milliseconds(expires)


def _ping(connection: sqlite3.Connection) -> None:
    connection.execute("select 1 from documents limit 1").fetchone()


def _begin_to_write(connection: sqlite3.Connection) -> None:
    begin_change(connection, BUSY_SECONDS)


def _begin_to_read(connection: sqlite3.Connection) -> None:
    connection.execute("begin")


def _connect_to_write(path: Path, max_size_bytes: int | None) -> sqlite3.Connection:
    connection = _connect(path, max_size_bytes)
    leave_waiting_to_us(connection)
    return connection


def _connect(path: Path, max_size_bytes: int | None) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=BUSY_SECONDS,
        isolation_level=None,  # transactions are ours to begin
        check_same_thread=False,  # opened where errors can be raised, used by one thread
    )
    try:
        _set_up(connection, max_size_bytes)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, max_size_bytes: int | None) -> None:
    connection.execute("pragma synchronous = full")
    connection.execute(f"pragma journal_size_limit = {JOURNAL_BYTES}")
    if max_size_bytes is not None:
        page_bytes: int = connection.execute("pragma page_size").fetchone()[0]
        connection.execute(f"pragma max_page_count = {max(1, max_size_bytes // page_bytes)}")


def _translate(error: sqlite3.Error) -> HygieiaError:
    """Says in our words what SQLite's primary result code means (sqlite.org/rescode)."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return StorageFull("The database has no room left.")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unavailable("The database is busy.")
        case sqlite3.SQLITE_IOERR:
            return Unavailable("The database's disk does not answer.")
        case _:
            failure = Failed("The database failed.")
            failure.__cause__ = error
            return failure


def _create_private(path: Path) -> None:
    """The file holds emails and sealed keys; SQLite would make it readable to others."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
