"""Every adapter of the block port, each opened fresh for a test.

To hold another adapter to the contract, add it to ``ADAPTERS``: a function from (folder, clock) to
an open store, where opening the same folder again gives a second handle on the same blocks, as
another process would have.

Kubo's runs where there is one (``make test-servers``): one node for all tests, emptied before each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hygieia.blocks.embedded import open_embedded
from hygieia.blocks.kubo import KuboGateway, open_kubo
from hygieia.blocks.port import BlockStore
from hygieia.blocks.verified import VerifiedBlockStore
from hygieia.documents.port import DocumentStore
from hygieia.documents.sqlite import open_sqlite
from tests.kubo import KuboServer


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


OpenAdapter = Callable[[Path, Clock], Awaitable[BlockStore]]
ADAPTERS: dict[str, OpenAdapter] = {"embedded": _embedded, "verified": _verified}
ON_KUBO = ("kubo", "kubo read through its gateway")
NAMES = [*ADAPTERS, *(pytest.param(name, marks=pytest.mark.servers) for name in ON_KUBO)]
OpenStore = Callable[[Path], Awaitable[BlockStore]]


def _kubo(
    server: KuboServer, documents: list[DocumentStore], *, reads_gateway: bool
) -> OpenAdapter:
    async def opened(folder: Path, clock: Clock) -> BlockStore:
        documents.append(open_sqlite(folder / "documents.sqlite"))
        gateway = KuboGateway(server.node.gateway) if reads_gateway else None
        return await asyncio.to_thread(
            open_kubo, server.address, documents[-1], gateway=gateway, clock=clock
        )

    return opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=NAMES)
async def open_store(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[OpenStore]:
    documents: list[DocumentStore] = []
    if request.param in ON_KUBO:
        server: KuboServer = request.getfixturevalue("kubo")
        server.empty()
        adapter = _kubo(server, documents, reads_gateway=request.param != "kubo")
    else:
        adapter = ADAPTERS[request.param]
    opened: list[BlockStore] = []

    async def open_in(folder: Path) -> BlockStore:
        store = await adapter(folder, clock)
        opened.append(store)
        return store

    yield open_in
    for store in opened:
        await store.close()
    for beside in documents:
        await beside.close()


@pytest.fixture
async def store(open_store: OpenStore, tmp_path: Path) -> BlockStore:
    return await open_store(tmp_path)
