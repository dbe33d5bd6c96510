"""SQLite's write lock beside a process that changes the same file without pause.

SQLite's own wait soon looks but ten times a second, and who commits without pause leaves the lock
free for less than a thousandth of one: with commits of 20 ms, none of 105 looks met it, and the
wait ended in "busy" though the lock had been let go five hundred times.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

LOOK_EVERY_SECONDS: Final = 0.0005


def leave_waiting_to_us(connection: sqlite3.Connection) -> None:
    """For a connection whose changes begin with ``begin_change``: no wait of SQLite's own."""
    connection.execute("pragma busy_timeout = 0")


def begin_change(connection: sqlite3.Connection, patience_seconds: float) -> None:
    """Begin a transaction that writes, once no other process is in one.

    Raises ``sqlite3.OperationalError``, "busy" when its time is up.
    """
    when_free(connection, "begin immediate", patience_seconds)


def when_free(connection: sqlite3.Connection, statement: str, patience_seconds: float) -> None:
    """Execute a statement again and again for as long as SQLite says "busy". Raises as it does."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(LOOK_EVERY_SECONDS)
        else:
            return


def is_busy(error: Exception) -> bool:
    """Whether another connection's lock was met to the end (sqlite.org/rescode, primary codes)."""
    return (
        isinstance(error, sqlite3.OperationalError)
        and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    )
