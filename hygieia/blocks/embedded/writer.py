"""One thread that writes the catalogue: what waits is committed together.

An fsync costs as much for one change as for a hundred. While one transaction is being made
durable the next changes queue up, and then share one. What it adds is copied (``copies``) before it
is committed. Each runs in a savepoint of its own, so a
change that fails leaves the others be, and no change is acknowledged before the commit.
"""

from __future__ import annotations

import itertools
import queue
import sqlite3
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hygieia.blocks.embedded.catalogue import BUSY_SECONDS, connect, translate
from hygieia.blocks.embedded.copies import CopyFiles, added_since, marks, take_ended
from hygieia.errors import Unavailable
from hygieia.sqlite_locks import begin_change, is_busy, leave_waiting_to_us

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
Change = tuple["Callable[[sqlite3.Connection], Any]", "Future[Any]"]

MAX_SHARED: Final = 128


class CatalogueWriter:
    """Applies changes to the catalogue one after another, durable when their future is done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._copies = CopyFiles(path.parent)
        self._queue: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self._accepting = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="hygieia-blocks", daemon=True)
        self._thread.start()

    def submit(self, change: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queue a change. It may run twice (once rolled back) and must not commit by itself.

        The future carries its result once durable, or the error: its own, ``StorageFull`` or
        ``Unavailable``; then nothing of it is kept.
        """
        future: Future[T] = Future()
        with self._accepting:
            if self._closed:
                raise Unavailable("The block store is closed.")
            self._queue.put((change, future))
        return future

    def begin_new_copies(self) -> None:
        """Close the file of copies, so that it may be replaced. Waits for its turn."""
        self.submit(lambda _: self._copies.close()).result()

    def close(self) -> None:
        """Finish what was accepted, then end the thread."""
        with self._accepting:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection = connect(self._path, cache_kib=16384)
        leave_waiting_to_us(connection)
        try:
            while (batch := self._next_batch()) is not None:
                self._apply(connection, batch)
        finally:
            connection.close()
            self._copies.close()

    def _next_batch(self) -> list[Change] | None:
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < MAX_SHARED:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._queue.put(None)  # close() is the last to put: seen again next time
                break
            batch.append(following)
        return batch

    def _apply(self, connection: sqlite3.Connection, batch: list[Change]) -> None:
        try:
            results = self._commit(connection, batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiting callers get it
            self._rescue(connection, batch, error)
            return
        futures = [future for _, future in batch]
        # Before anybody is told: a change holds the octets that it stored, and this thread would
        # hold the change until the next one comes. Whoever lent them could not use them again.
        batch.clear()
        for future, (value, failure) in zip(futures, results, strict=True):
            _settle(future, value, failure)

    def _rescue(
        self, connection: sqlite3.Connection, batch: list[Change], error: Exception
    ) -> None:
        """A transaction failed: give each change one of its own, or the error.

        Those that never began wait no longer, one after the other, for what the first waited for.
        """
        if len(batch) > 1 and not is_busy(error):
            for change in batch:
                self._apply(connection, [change])
            return
        for _, future in batch:
            _settle(future, None, translate(error, self._path.parent))

    def _commit(
        self, connection: sqlite3.Connection, batch: list[Change]
    ) -> list[tuple[Any, Exception | None]]:
        begin_change(connection, BUSY_SECONDS)
        try:
            before = marks(connection)
            ended = take_ended(connection)
            results = [_attempt(connection, change) for change, _ in batch]
            self._copies.append(itertools.chain(ended, added_since(connection, before)))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results


def _attempt(
    connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], Any]
) -> tuple[Any, Exception | None]:
    connection.execute("SAVEPOINT one")
    try:
        value = change(connection)
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - the change's own refusal, handed to its caller
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return None, error
    connection.execute("RELEASE one")
    return value, None


def _settle(future: Future[Any], value: object, failure: Exception | None) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(value)
