"""Every adapter of the documents port, each opened fresh for a test.

To hold another adapter to the contract, add it to ``ADAPTERS``: a function from (folder, clock) to
an open store, where opening the same folder again gives a second handle on the same documents, as
another process would have.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hygieia.documents.port import DocumentStore
from hygieia.documents.sqlite import open_sqlite


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


async def _sqlite(folder: Path, clock: Clock) -> DocumentStore:
    return open_sqlite(folder / "documents.db", clock=clock)


ADAPTERS = {"sqlite": _sqlite}
OpenStore = Callable[[Path], Awaitable[DocumentStore]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ADAPTERS)
def open_store(request: pytest.FixtureRequest, clock: Clock) -> OpenStore:
    adapter = ADAPTERS[request.param]

    async def open_in(folder: Path) -> DocumentStore:
        return await adapter(folder, clock)

    return open_in


@pytest.fixture
async def store(open_store: OpenStore, tmp_path: Path) -> AsyncIterator[DocumentStore]:
    opened = await open_store(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def other(
    store: DocumentStore, open_store: OpenStore, tmp_path: Path
) -> AsyncIterator[DocumentStore]:
    """A second handle on the same documents."""
    opened = await open_store(tmp_path)
    yield opened
    await opened.close()
