"""Every adapter of the documents port, each opened fresh for a test.

To hold another adapter to the contract, add it to ``ADAPTERS``: a function from (folder, clock) to
an open store, where opening the same folder again gives a second handle on the same documents, as
another process would have.

MongoDB's run where there is a server (``make test-servers``), on both drivers: motor, and the one
that its makers name as its successor; and on MongoDB's own server with motor.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pymongo
import pytest

from hygieia.documents import mongo
from hygieia.documents.port import DocumentStore
from hygieia.documents.sqlite import open_sqlite
from tests.mongodb import MongoDb


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


OpenStore = Callable[[Path], Awaitable[DocumentStore]]
ADAPTERS = [
    "sqlite",
    pytest.param("mongodb", marks=pytest.mark.servers),
    pytest.param("mongodb-pymongo", marks=pytest.mark.servers),
    pytest.param("mongod", marks=pytest.mark.servers),
]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ADAPTERS)
def open_store(
    request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenStore]:
    if request.param == "sqlite":
        yield _open_sqlite(clock)
        return
    if request.param == "mongodb-pymongo":
        monkeypatch.setattr(mongo, "AsyncClient", pymongo.AsyncMongoClient)
    server: MongoDb = request.getfixturevalue(request.param.partition("-")[0])
    with server.databases() as database:
        yield _open_mongo(clock, database)


def _open_sqlite(clock: Clock) -> OpenStore:
    async def open_in(folder: Path) -> DocumentStore:
        return open_sqlite(folder / "documents.db", clock=clock)

    return open_in


def _open_mongo(clock: Clock, database: Callable[[str], str]) -> OpenStore:
    async def open_in(folder: Path) -> DocumentStore:
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        return await asyncio.to_thread(mongo.open_mongo, database(name), clock=clock)

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
