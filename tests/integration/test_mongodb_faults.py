"""A database that stops, is cut off, is slow or talks noise: what the document store makes of it."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hygieia.documents.mongo import open_mongo
from hygieia.documents.port import DocumentStore
from hygieia.errors import Unavailable
from tests.counting import Counting
from tests.ferretdb import Cluster, FerretDb, ferretdb
from tests.mongodb import MongoDb
from tests.running import frozen
from tests.tcp_proxy import TcpProxy, Weather, tcp_proxy

pytestmark = pytest.mark.servers

# Shorter than an operator would have it: a test waits for every one of them. A database that has
# just been started must answer in time all the same.
IMPATIENT = {"timeoutMS": 6000, "serverSelectionTimeoutMS": 4000, "connectTimeoutMS": 4000}


@pytest.fixture
def own_ferretdb(documentdb: Cluster, tmp_path: Path) -> Iterator[FerretDb]:
    """One that a test may stop."""
    with ferretdb(documentdb, tmp_path / "ferretdb") as server:
        yield server


@pytest.fixture
def proxy(own_ferretdb: FerretDb) -> Iterator[TcpProxy]:
    with tcp_proxy(own_ferretdb.port) as proxy:
        yield proxy


@pytest.fixture
def database(own_ferretdb: FerretDb, proxy: TcpProxy) -> Iterator[str]:
    """The address of an empty database behind the proxy."""
    with MongoDb(own_ferretdb.uri()).databases() as name:
        path = urlsplit(name("faults")).path.strip("/")
        yield MongoDb(own_ferretdb.uri(proxy.port)).address(path, **IMPATIENT)
        proxy.turn(Weather.FINE)
        if own_ferretdb.process is None:
            own_ferretdb.start()


@pytest.fixture
async def store(database: str) -> AsyncIterator[DocumentStore]:
    opened = await asyncio.to_thread(open_mongo, database)
    yield opened
    await opened.close()


async def expect_unavailable(store: DocumentStore) -> None:
    """Every kind of call says so, and soon enough."""
    outcomes = await asyncio.wait_for(
        asyncio.gather(
            store.ping(),
            store.get("things", "a"),
            store.find("things", "u"),
            store.page("things", "s", limit=1),
            store.insert("things", secrets.token_hex(8), {}),
            store.replace("things", "a", 1, {}),
            store.delete("things", "gone"),
            return_exceptions=True,
        ),
        timeout=60,
    )
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 7, outcomes


async def recovered(store: DocumentStore) -> None:
    """The same store works again, without anybody's help, within a few calls."""
    for _ in range(20):
        try:
            await store.insert("things", secrets.token_hex(8), {})
        except Unavailable:
            await asyncio.sleep(0.2)
        else:
            return
    pytest.fail("the store does not recover")


@pytest.mark.parametrize(
    "weather", [Weather.GONE, Weather.DEAF, Weather.FORGETFUL, Weather.GARBAGE]
)
async def test_bad_weather_is_unavailable_and_passes(
    store: DocumentStore, proxy: TcpProxy, weather: Weather
) -> None:
    await store.insert("things", "a", {"n": 1}, unique="u", scope="s")
    proxy.turn(weather)
    await expect_unavailable(store)
    proxy.turn(Weather.FINE)
    await recovered(store)
    assert await store.find("things", "u") is not None


async def test_a_database_that_is_killed_and_started_again_is_found_again(
    store: DocumentStore, own_ferretdb: FerretDb
) -> None:
    await store.insert("things", "a", {}, unique="u", scope="s")
    own_ferretdb.stop()
    await expect_unavailable(store)
    own_ferretdb.start()
    await recovered(store)
    assert await store.get("things", "a") is not None


async def test_a_frozen_database_is_given_up_in_time(
    store: DocumentStore, own_ferretdb: FerretDb
) -> None:
    await store.insert("things", "a", {}, unique="u", scope="s")
    with frozen(own_ferretdb.process):
        await expect_unavailable(store)
    await recovered(store)


async def test_a_crowd_is_told_in_time_too(store: DocumentStore, own_ferretdb: FerretDb) -> None:
    await store.insert("things", "a", {})
    own_ferretdb.stop()
    calls = [store.get("things", "a") for _ in range(200)]
    outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60)
    assert {type(outcome) for outcome in outcomes} == {Unavailable}


async def test_the_database_behind_the_database_may_crash(
    store: DocumentStore, documentdb: Cluster
) -> None:
    await store.insert("things", "a", {"n": 1}, unique="u", scope="s")
    documentdb.stop("immediate")
    try:
        with pytest.raises(Unavailable):
            await store.get("things", "a")
        with pytest.raises(Unavailable):
            await store.insert("things", "b", {})
    finally:
        documentdb.start()
    await recovered(store)
    found = await store.get("things", "a")
    assert found is not None
    assert found.body == {"n": 1}


async def test_no_acknowledged_write_is_lost_to_pulled_cables(
    store: DocumentStore, proxy: TcpProxy
) -> None:
    async with Counting(store) as counting:
        cuts = 0
        while cuts < 20 or counting.total < 60:
            await asyncio.sleep(random.uniform(0.05, 0.4))
            proxy.cut()
            cuts += 1
    await counting.check()
