from __future__ import annotations

from typing import Any

import pytest

from hygieia.documents.port import MAX_BODY_BYTES, DocumentStore
from hygieia.errors import InvalidInput

NESTED: list[Any] = []
for _ in range(40):
    NESTED = [NESTED]

BODIES: dict[str, Any] = {
    "a float": {"a": 1.0},
    "not a number": {"a": float("nan")},
    "a number beyond 2^53": {"a": 2**53},
    "a number below -2^53": {"a": -(2**53)},
    "bytes": {"a": b"x"},
    "a lone surrogate": {"a": "\ud800"},
    "a lone surrogate in a name": {"\udfff": 1},
    "U+0000": {"a": "x\0"},
    "U+0000 in a name": {"x\0": 1},
    "an operator": {"email": {"$ne": None}},
    "a path": {"a.b": 1},
    "an empty name": {"": 1},
    "too deep": {"a": NESTED},
    "too large": {"a": "x" * MAX_BODY_BYTES},
    "too large in UTF-8": {"a": "é" * (MAX_BODY_BYTES // 2)},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_body_that_not_every_store_can_hold_is_refused(
    store: DocumentStore, body: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        await store.insert("things", "a", body)
    await store.insert("things", "a", {})
    with pytest.raises(InvalidInput):
        await store.replace("things", "a", 1, body)
    read = await store.get("things", "a")
    assert read is not None
    assert read.body == {}


@pytest.mark.parametrize("document_id", ["", "a b", "a\n", "é", "a\0", "x" * 129])
async def test_an_id_outside_the_rules_is_refused(store: DocumentStore, document_id: str) -> None:
    with pytest.raises(InvalidInput):
        await store.insert("things", document_id, {})
    with pytest.raises(InvalidInput):
        await store.get("things", document_id)
    with pytest.raises(InvalidInput):
        await store.insert("things", "a", {}, scope=document_id)
    with pytest.raises(InvalidInput):
        await store.page("things", document_id, limit=1)


@pytest.mark.parametrize("name", ["", "Things", "a_b", "x" * 41, "a\n", "$cmd", "a.b"])
async def test_a_collection_outside_the_rules_is_refused(store: DocumentStore, name: str) -> None:
    with pytest.raises(InvalidInput):
        await store.insert(name, "a", {})
    with pytest.raises(InvalidInput):
        await store.page(name, "me", limit=1)


@pytest.mark.parametrize("sort", [" ", "é", "x" * 49, "\x7f"])
async def test_a_sort_key_outside_the_rules_is_refused(store: DocumentStore, sort: str) -> None:
    with pytest.raises(InvalidInput):
        await store.insert("things", "a", {}, sort=sort)


@pytest.mark.parametrize("unique", ["", "\0", "\ud800", "x" * 513])
async def test_a_unique_key_outside_the_rules_is_refused(store: DocumentStore, unique: str) -> None:
    with pytest.raises(InvalidInput):
        await store.insert("things", "a", {}, unique=unique)
    with pytest.raises(InvalidInput):
        await store.find("things", unique)


@pytest.mark.parametrize("text", ["' or 1=1 --", "%", "_", "__proto__", "constructor", "a\\b"])
async def test_text_that_means_something_elsewhere_is_only_text(
    store: DocumentStore, text: str
) -> None:
    await store.insert("things", "a", {text: text}, unique=text)
    found = await store.find("things", text)
    assert found is not None
    assert found.body == {text: text}
    assert await store.find("things", text + "x") is None
