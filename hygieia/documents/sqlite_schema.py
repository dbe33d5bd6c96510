"""The tables of the SQLite store, and how an older file becomes a current one.

``PRAGMA user_version`` counts the steps a file has taken. A step, once released, never changes:
a new shape is a new step at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hygieia.errors import ConfigError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

APPLICATION_ID: Final = 0x48594749
"""``HYGI``: tells our files from other programs' (sqlite.org/fileformat2 §1.3.12)."""

SCHEMA_STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        create table documents (
            collection text not null,
            id text not null,
            rev integer not null,
            scope text,
            sort text not null,
            uniq text,
            expires integer,  -- milliseconds since 1970
            body text not null,
            primary key (collection, id)
        )
        """,
        """
        create unique index documents_unique on documents (collection, uniq)
        where uniq is not null
        """,
        """
        create index documents_scope on documents (collection, scope, sort, id)
        where scope is not null
        """,
        "create index documents_expires on documents (expires) where expires is not null",
    ),
)


def migrate(connection: sqlite3.Connection, steps: Sequence[Sequence[str]] = SCHEMA_STEPS) -> None:
    """Takes the steps a file lacks, all of them or none. Safe in several processes at once.

    Raises:
        ConfigError: the file belongs to another program, or to a newer Hygieia.
    """
    if _check_at_one_moment(connection, len(steps)) == len(steps):
        return
    connection.execute("begin immediate")
    try:
        # Another process may have been faster while this one waited for the lock.
        for step in steps[_check_file(connection, len(steps)) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute(f"pragma user_version = {len(steps)}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _check_at_one_moment(connection: sqlite3.Connection, known: int) -> int:
    """Check within one read transaction.

    Beside another process's first step the file would else look like another program's: tables
    already there, the application's mark not yet seen.
    """
    connection.execute("begin")
    try:
        return _check_file(connection, known)
    finally:
        connection.execute("rollback")


def _check_file(connection: sqlite3.Connection, known: int) -> int:
    taken: int = connection.execute("pragma user_version").fetchone()[0]
    application: int = connection.execute("pragma application_id").fetchone()[0]
    tables: int = connection.execute("select count(*) from sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and (application or tables):
        raise ConfigError("The database file belongs to another program.")
    if taken > known:
        raise ConfigError(
            "The database was written by a newer Hygieia.", hint="Upgrade this one first."
        )
    return taken
