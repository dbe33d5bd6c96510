from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hygieia.documents.port import Document, DocumentStore
from hygieia.errors import Duplicate, InvalidInput

LATER = datetime(2027, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
LOADED = (
    Document("a", 7, {"n": 1}, "me", "1", "Key é", LATER),
    Document("b", 1, {}, None, "", None, None),
)


async def test_documents_are_loaded_as_they_are(store: DocumentStore) -> None:
    await store.load("things", LOADED)
    await store.load("things", LOADED)
    assert (await store.scan("things", limit=10)).items == LOADED
    assert await store.find("things", "Key é") == LOADED[0]
    assert (await store.page("things", "me", limit=10)).items == LOADED[:1]
    assert (await store.replace("things", "a", 7, {})).rev == 8


async def test_loading_nothing_changes_nothing(store: DocumentStore) -> None:
    await store.load("things", [])
    assert (await store.scan("things", limit=10)).items == ()


async def test_loading_replaces_what_has_the_id(store: DocumentStore) -> None:
    await store.insert("things", "a", {"old": True}, scope="you", unique="old")
    await store.load("things", LOADED)
    assert await store.get("things", "a") == LOADED[0]
    assert await store.find("things", "old") is None


async def test_a_unique_key_of_another_id_is_not_taken_over(store: DocumentStore) -> None:
    await store.insert("things", "c", {}, unique="Key é")
    with pytest.raises(Duplicate):
        await store.load("things", LOADED)
    found = await store.find("things", "Key é")
    assert found is not None
    assert found.id == "c"


async def test_what_no_store_can_hold_is_not_loaded(store: DocumentStore) -> None:
    with pytest.raises(InvalidInput):
        await store.load("things", [Document("a b", 1, {})])
    with pytest.raises(InvalidInput):
        await store.load("things", [Document("a", 1, {"$x": 1})])
    with pytest.raises(InvalidInput):
        await store.load("Things", LOADED)


async def test_collections_are_named_in_order(store: DocumentStore) -> None:
    assert await store.collections() == []
    for name in ("two", "one", "three-3"):
        await store.insert(name, "a", {})
    assert await store.collections() == ["one", "three-3", "two"]
