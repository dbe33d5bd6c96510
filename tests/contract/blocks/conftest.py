"""Every adapter of the block port, each opened fresh for a test.

To hold another adapter to the contract, add it to ``ADAPTERS``: a function from (folder, clock) to
an open store, where opening the same folder again gives a second handle on the same blocks, as
another process would have.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hygieia.blocks.embedded import open_embedded
from hygieia.blocks.port import BlockStore
from hygieia.blocks.verified import VerifiedBlockStore


@dataclass
class Clock:
    """Runs with the wall clock, and can be put forward."""

    ahead_seconds: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self(), UTC)

    def forward(self, seconds: float) -> None:
        self.ahead_seconds += seconds


async def _embedded(folder: Path, clock: Clock) -> BlockStore:
    return open_embedded(folder / "blocks", clock=clock)


async def _verified(folder: Path, clock: Clock) -> BlockStore:
    return VerifiedBlockStore(await _embedded(folder, clock))


ADAPTERS = {"embedded": _embedded, "verified": _verified}
OpenStore = Callable[[Path], Awaitable[BlockStore]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ADAPTERS)
async def open_store(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[OpenStore]:
    adapter = ADAPTERS[request.param]
    opened: list[BlockStore] = []

    async def open_in(folder: Path) -> BlockStore:
        store = await adapter(folder, clock)
        opened.append(store)
        return store

    yield open_in
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore, tmp_path: Path) -> BlockStore:
    return await open_store(tmp_path)
