"""What the SQLite store does inside a transaction: one function for each call of the port.

The statements are written out so that each can be read, and explained, as SQLite sees it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hygieia.documents import body as rules
from hygieia.documents.port import Document, Page
from hygieia.errors import Duplicate, NotFound, StaleRevision

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST: Final = ("", "")
LAST: Final = ("\x7f", "")
"""Places before and after every other: sort keys are printable ASCII."""

_GET: Final = """
    select id, rev, body, scope, sort, uniq, expires from documents
    where collection = ? and id = ? and (expires is null or expires > ?)"""
_FIND: Final = """
    select id, rev, body, scope, sort, uniq, expires from documents
    where collection = ? and uniq = ? and (expires is null or expires > ?)"""
_PAGE: Final = """
    select id, rev, body, scope, sort, uniq, expires from documents
    where collection = ? and scope = ? and (sort, id) > (?, ?)
        and (expires is null or expires > ?)
    order by sort, id limit ?"""
_PAGE_NEWEST_FIRST: Final = """
    select id, rev, body, scope, sort, uniq, expires from documents
    where collection = ? and scope = ? and (sort, id) < (?, ?)
        and (expires is null or expires > ?)
    order by sort desc, id desc limit ?"""
_SCAN: Final = """
    select id, rev, body, scope, sort, uniq, expires from documents
    where collection = ? and id > ? and (expires is null or expires > ?)
    order by id limit ?"""
_INSERT: Final = """
    insert into documents (collection, id, rev, body, scope, sort, uniq, expires)
    values (?, ?, ?, ?, ?, ?, ?, ?)"""
_NEXT_COLLECTION: Final = """
    select collection from documents where collection > ? order by collection limit 1"""
_LOAD: Final = """
    insert into documents (collection, id, rev, body, scope, sort, uniq, expires)
    values (?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (collection, id) do update set rev = excluded.rev, body = excluded.body,
        scope = excluded.scope, sort = excluded.sort, uniq = excluded.uniq,
        expires = excluded.expires"""
_REPLACE: Final = """
    update documents set rev = ?, body = ?, scope = ?, sort = ?, uniq = ?, expires = ?
    where collection = ? and id = ?"""
_DELETE: Final = "delete from documents where collection = ? and id = ?"
_DROP_EXPIRED_ID: Final = "delete from documents where collection = ? and id = ? and expires <= ?"
_DROP_EXPIRED_UNIQUE: Final = (
    "delete from documents where collection = ? and uniq = ? and expires <= ?"
)
_PURGE: Final = """
    delete from documents where rowid in
        (select rowid from documents where expires <= ? order by expires limit ?)"""


@dataclass(frozen=True, slots=True)
class Row:
    """A document as the table holds it: the body as text, the expiry in milliseconds."""

    id: str
    rev: int
    body: str
    scope: str | None
    sort: str
    unique: str | None
    expires: int | None

    def document(self) -> Document:
        """The document, with a body of its own."""
        until = None if self.expires is None else rules.from_milliseconds(self.expires)
        body = rules.decode_body(self.body)
        return Document(self.id, self.rev, body, self.scope, self.sort, self.unique, until)


def insert(collection: str, row: Row, now: int, connection: sqlite3.Connection) -> Document:
    """Adds a row, in place of an expired one where need be. Raises Duplicate."""
    values = (collection, row.id, row.rev, row.body, row.scope, row.sort, row.unique, row.expires)
    _write(connection, _INSERT, values, collection, row, now)
    return row.document()


def replace(
    collection: str,
    document_id: str,
    rev: int,
    changes: dict[str, Any],
    now: int,
    connection: sqlite3.Connection,
) -> Document:
    """Replaces the fields in ``changes`` at ``rev``. Raises NotFound, StaleRevision, Duplicate."""
    found = connection.execute(_GET, (collection, document_id, now)).fetchone()
    if found is None:
        raise NotFound("There is no such thing here.")
    old = Row(*found)
    if old.rev != rev:
        raise StaleRevision("It was changed meanwhile.")
    row = Row(
        document_id,
        rev + 1,
        changes["body"],
        changes.get("scope", old.scope),
        changes.get("sort", old.sort),
        changes.get("unique", old.unique),
        changes.get("expires", old.expires),
    )
    values = (row.rev, row.body, row.scope, row.sort, row.unique, row.expires)
    _write(connection, _REPLACE, (*values, collection, document_id), collection, row, now)
    return row.document()


def _write(
    connection: sqlite3.Connection,
    statement: str,
    values: tuple[Any, ...],
    collection: str,
    row: Row,
    now: int,
) -> None:
    try:
        connection.execute(statement, values)
    except sqlite3.IntegrityError:
        # An expired row is gone for callers, so it may not stand in the way either.
        dropped = connection.execute(_DROP_EXPIRED_ID, (collection, row.id, now)).rowcount
        dropped += connection.execute(_DROP_EXPIRED_UNIQUE, (collection, row.unique, now)).rowcount
        if not dropped:
            raise Duplicate("There is already one like this.") from None
    else:
        return
    try:
        connection.execute(statement, values)
    except sqlite3.IntegrityError:
        raise Duplicate("There is already one like this.") from None


def load(collection: str, rows: Sequence[Row], connection: sqlite3.Connection) -> None:
    """Puts rows in as they are, over any of the same id. Raises Duplicate."""
    for row in rows:
        fields = (row.id, row.rev, row.body, row.scope, row.sort, row.unique, row.expires)
        try:
            connection.execute(_LOAD, (collection, *fields))
        except sqlite3.IntegrityError:
            raise Duplicate("There is already one like this.") from None


def collections(connection: sqlite3.Connection) -> list[str]:
    """Names of the collections that hold something."""
    names: list[str] = []
    while found := connection.execute(_NEXT_COLLECTION, (names[-1] if names else "",)).fetchone():
        names.append(found[0])
    return names


def delete(
    collection: str, document_id: str, rev: int | None, now: int, connection: sqlite3.Connection
) -> bool:
    """Removes a row and says whether there was a live one. Raises StaleRevision."""
    found = connection.execute(_GET, (collection, document_id, now)).fetchone()
    if found is not None and rev is not None and found[1] != rev:
        raise StaleRevision("It was changed meanwhile.")
    connection.execute(_DELETE, (collection, document_id))
    return found is not None


def get(
    collection: str, document_id: str, now: int, connection: sqlite3.Connection
) -> Document | None:
    """The live document with this id."""
    row = connection.execute(_GET, (collection, document_id, now)).fetchone()
    return None if row is None else Row(*row).document()


def find(collection: str, unique: str, now: int, connection: sqlite3.Connection) -> Document | None:
    """The live document with this unique key."""
    row = connection.execute(_FIND, (collection, unique, now)).fetchone()
    return None if row is None else Row(*row).document()


@dataclass(frozen=True, slots=True)
class Listing:
    """A list to read: ``scope`` None means the whole collection, by id."""

    collection: str
    scope: str | None
    after: tuple[str, str]
    limit: int
    newest_first: bool = False

    def read(self, now: int, connection: sqlite3.Connection) -> Page:
        """Reads one row more than asked for, to know whether there is a next page."""
        values: tuple[Any, ...]
        if self.scope is None:
            statement, values = _SCAN, (self.collection, self.after[1], now, self.limit + 1)
        else:
            statement = _PAGE_NEWEST_FIRST if self.newest_first else _PAGE
            values = (self.collection, self.scope, *self.after, now, self.limit + 1)
        rows = connection.execute(statement, values).fetchall()
        items = tuple(Row(*row).document() for row in rows[: self.limit])
        if len(rows) <= self.limit:
            return Page(items, None)
        return Page(items, rules.encode_cursor(items[-1].sort, items[-1].id))


def purge(now: int, limit: int, connection: sqlite3.Connection) -> int:
    """Removes expired rows, the longest expired first."""
    return connection.execute(_PURGE, (now, limit)).rowcount
