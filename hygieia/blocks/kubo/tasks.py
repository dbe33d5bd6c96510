"""Work of several steps that goes on to its end, and puts of the same blocks one after another."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable

T = TypeVar("T")


class Tasks:
    """What a store has under way. Bound to one event loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._arriving: dict[bytes, asyncio.Future[None]] = {}

    @contextlib.asynccontextmanager
    async def alone(self, keys: Iterable[bytes]) -> AsyncIterator[None]:
        """Wait until no other put of ours stores one of these blocks: each is new for one only."""
        wanted = list(keys)
        while others := {self._arriving[key] for key in wanted if key in self._arriving}:
            await asyncio.wait(others)
        here: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arriving.update(dict.fromkeys(wanted, here))
        try:
            yield
        finally:
            for key in wanted:
                del self._arriving[key]
            here.set_result(None)

    async def to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work of several steps to its end even when the caller is cancelled meanwhile."""
        task = self.start(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin work that nobody waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told of it twice

    async def finish(self, seconds: float) -> None:
        """Let what is under way come to its end for so long, then stop it."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()


async def all_of(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do all at once, within what the RPC lets through; the first error ends the rest."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
