"""Threads that run database work for the event loop, many pieces at a time.

A lane is one queue and the threads that serve it. A thread takes all the work waiting, up to a
batch, runs it in one transaction and wakes the loop once: that is the group commit, and it is why
a single call costs a disk flush while a thousand together cost little more.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from hygieia.errors import Failed, HygieiaError, Unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BATCH: Final = 256
"""Work per transaction at most."""

RESULTS_PER_STEP: Final = 16
"""Results handed over in one step of the loop: their callers all run before the next step."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = field(default=None)

    def run(self, connection: sqlite3.Connection) -> None:
        self.result, self.error = None, None
        try:
            self.result = self.work(connection)
        except HygieiaError as error:
            # A refusal of this piece of work alone: it wrote nothing, the others go on.
            self.error = error

    def deliver(self) -> None:
        if self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Lane:
    """A queue of work and the threads, each with a connection of its own, that do it."""

    def __init__(
        self,
        name: str,
        threads: int,
        connect: Callable[[], sqlite3.Connection],
        begin: Callable[[sqlite3.Connection], object],
        translate: Callable[[sqlite3.Error], HygieiaError],
    ) -> None:
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._begin = begin
        self._translate = translate
        self._lock = threading.Lock()
        self._closed = False
        connections = [connect() for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._serve, args=(connection,), name=name, daemon=True)
            for connection in connections
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Work[T]) -> T:
        """Runs the work in a thread, inside a transaction, and returns once it is durable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:  # nothing may be queued behind the mark that ends the threads
            if self._closed:
                raise Unavailable("The document store is closed.")
            self._queue.put(_Job(work, future, loop))
        return await future

    def close(self) -> None:
        """Finishes the queue and joins the threads. Blocks."""
        with self._lock:
            closed, self._closed = self._closed, True
        if not closed:
            for _ in self._threads:
                self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, connection: sqlite3.Connection) -> None:
        try:
            while (batch := self._take()) is not None:
                self._run(connection, batch)
                _deliver(batch)
        finally:
            connection.close()

    def _take(self) -> list[_Job] | None:
        """Waits for work; returns all that is there, or None at the end."""
        job = self._queue.get()
        if job is None:
            return None
        batch = [job]
        while len(batch) < BATCH:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._queue.put(None)  # ends this thread at the next round
                break
            batch.append(job)
        return batch

    def _run(self, connection: sqlite3.Connection, batch: Sequence[_Job]) -> None:
        try:
            self._begin(connection)
            for job in batch:
                job.run(connection)
            connection.execute("commit")
        except sqlite3.Error as error:
            _fail(connection, batch, self._translate(error))
        except Exception as error:  # noqa: BLE001 - a dead thread's callers would wait for ever
            _fail(connection, batch, Failed("The document store failed."), cause=error)


def _fail(
    connection: sqlite3.Connection,
    batch: Sequence[_Job],
    error: HygieiaError,
    cause: BaseException | None = None,
) -> None:
    error.__cause__ = cause
    if connection.in_transaction:
        # The batch has failed already; what stays open is rolled back with the connection.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("rollback")
    for job in batch:
        job.error = error


def _deliver(batch: Sequence[_Job]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in batch:
        loops.setdefault(job.loop, []).append(job)
    for loop, jobs in loops.items():
        # RuntimeError: the loop is closed, nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_deliver_some, loop, jobs)


def _deliver_some(loop: asyncio.AbstractEventLoop, jobs: Sequence[_Job]) -> None:
    for job in jobs[:RESULTS_PER_STEP]:
        job.deliver()
    if len(jobs) > RESULTS_PER_STEP:
        loop.call_soon(_deliver_some, loop, jobs[RESULTS_PER_STEP:])
