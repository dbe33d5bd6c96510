"""What goes over the wire to a replica set, as MongoDB's own server would see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from hygieia.documents.mongo import MongoDocumentStore, open_mongo
from tests.fake_mongodb import FakeMongoDb, fake_mongodb

EMPTY = {"cursor": {"id": 0, "ns": "vault.things", "firstBatch": []}}
CHANGED = {"value": {"_id": "a", "rev": 2, "body": {}, "place": " a"}}
MAJORITY = {"w": "majority", "j": True}


@pytest.fixture
def server() -> Iterator[FakeMongoDb]:
    with fake_mongodb(
        listCollections={"cursor": {"id": 0, "ns": "vault.$cmd.listCollections", "firstBatch": []}},
        find=EMPTY,
        insert={"n": 1},
        delete={"n": 1},
        findAndModify=CHANGED,
    ) as made:
        yield made


@pytest.fixture
async def store(server: FakeMongoDb) -> AsyncIterator[MongoDocumentStore]:
    weak = "w=1&retryWrites=false&readConcernLevel=local&readPreference=secondaryPreferred"
    opened = open_mongo(f"mongodb://127.0.0.1:{server.port}/vault?replicaSet=rs0&{weak}")
    server.asked.clear()
    yield opened
    await opened.close()


async def test_writes_wait_for_a_majority_and_reads_see_one(
    store: MongoDocumentStore, server: FakeMongoDb
) -> None:
    await store.insert("things", "a", {})
    await store.replace("things", "a", 1, {})
    await store.delete("things", "a")
    await store.get("things", "a")
    for name in ("insert", "findAndModify", "delete"):
        [command] = server.named(name)
        assert command["writeConcern"] == MAJORITY
    [index] = server.named("createIndexes")
    assert index["writeConcern"] == MAJORITY
    [read] = server.named("find")
    assert read["readConcern"]["level"] == "majority"
    assert read.get("$readPreference", {"mode": "primary"}) == {"mode": "primary"}


@pytest.mark.parametrize("name", ["insert", "findAndModify", "delete"])
async def test_a_write_whose_answer_is_lost_is_repeated_under_its_number(
    store: MongoDocumentStore, server: FakeMongoDb, name: str
) -> None:
    server.drops[name] = 1
    await store.insert("things", "a", {})
    await store.replace("things", "a", 1, {})
    await store.delete("things", "a")
    first, second = server.named(name)
    assert first["txnNumber"] == second["txnNumber"]  # so that the server does it once
    assert first["lsid"] == second["lsid"]


async def test_a_read_whose_answer_is_lost_is_repeated(
    store: MongoDocumentStore, server: FakeMongoDb
) -> None:
    server.drops["find"] = 1
    assert await store.get("things", "a") is None
    assert len(server.named("find")) == 2


def test_indexes_are_made_at_start_and_before_a_collection_is_first_written_to() -> None:
    found = {"name": "reports", "type": "collection", "options": {}, "info": {}}
    ours = {"name": "_hygieia", "type": "collection", "options": {}, "info": {}}
    cursor = {"id": 0, "ns": "vault.$cmd.listCollections", "firstBatch": [found, ours]}
    mark = {"_id": "store", "format": 1}
    with fake_mongodb(
        listCollections={"cursor": cursor},
        find={"cursor": {"id": 0, "ns": "vault._hygieia", "firstBatch": [mark]}},
    ) as server:
        open_mongo(f"mongodb://127.0.0.1:{server.port}/vault?replicaSet=rs0")
        [index] = server.named("createIndexes")
        assert index["createIndexes"] == "reports"
        assert {one["name"] for one in index["indexes"]} == {"scope-place", "expires"}
