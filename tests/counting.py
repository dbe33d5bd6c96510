"""Counters in a document store, counted up by many at once whatever happens to it."""

from __future__ import annotations

import asyncio
from typing import Self

from hygieia.documents.port import DocumentStore
from hygieia.errors import Duplicate, StaleRevision, Unavailable

COUNTERS = 6
PAUSE_SECONDS = 0.02
WITHIN_SECONDS = 120


class Counting:
    """What each counter was acknowledged to have reached. Use ``async with``: it counts meanwhile."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._counted = {f"w{number}": 0 for number in range(COUNTERS)}
        self._finished = asyncio.Event()
        self._writers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begins."""
        self._writers = [asyncio.create_task(self._write(name)) for name in self._counted]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends. Raises what a writer did: an acknowledged write that is gone."""
        self._finished.set()
        await asyncio.gather(*self._writers)

    @property
    def total(self) -> int:
        """All that was acknowledged."""
        return sum(self._counted.values())

    async def more(self, count: int) -> None:
        """Waits until so many more are acknowledged."""
        reached = self.total + count
        async with asyncio.timeout(WITHIN_SECONDS):
            while self.total < reached:
                for writer in self._writers:
                    if writer.done():
                        writer.result()  # nobody would count any more
                await asyncio.sleep(PAUSE_SECONDS)

    async def check(self) -> None:
        """Everything acknowledged is there, and nothing was counted twice under one rev."""
        for name, n in self._counted.items():
            found = await self._store.get("counters", name)
            assert found is not None
            assert isinstance(found.body["n"], int)
            assert found.body["n"] >= n  # more, where a change was made whose answer was lost
            assert found.rev == found.body["n"]

    async def _write(self, name: str) -> None:
        """Counts one document up; an answer that was lost is found out by reading."""
        while not self._finished.is_set():
            try:
                found = await self._store.get("counters", name)
                if found is None:
                    assert self._counted[name] == 0, "an acknowledged write is gone"
                    await self._store.insert("counters", name, {"n": 1}, scope="s", unique=name)
                    self._counted[name] = 1
                else:
                    n = found.body["n"]
                    assert isinstance(n, int)
                    assert n >= self._counted[name], "an acknowledged write is gone"
                    await self._store.replace("counters", name, found.rev, {"n": n + 1})
                    self._counted[name] = n + 1
            except (Unavailable, Duplicate, StaleRevision):
                await asyncio.sleep(PAUSE_SECONDS)
