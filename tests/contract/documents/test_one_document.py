from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hygieia.documents.port import Body, Document, DocumentStore
from hygieia.errors import Duplicate, NotFound, StaleRevision, Unavailable

SOON = datetime(2026, 11, 21, 13, 0, 0, 250_000, tzinfo=UTC)


async def test_what_is_inserted_is_read_back_by_id(store: DocumentStore) -> None:
    body: Body = {
        "text": "Ärztin 🩺",
        "list": [1, None, True, {"deep": ""}],
        "most": 2**53 - 1,
        "e": {},
    }
    inserted = await store.insert(
        "things", "a", body, scope="me", sort="1", unique="Key é", expires=SOON
    )
    assert inserted == Document("a", 1, body, "me", "1", "Key é", SOON)
    assert await store.get("things", "a") == inserted
    assert await store.find("things", "Key é") == inserted


async def test_a_document_that_is_not_there_is_none(store: DocumentStore) -> None:
    assert await store.get("things", "a") is None
    assert await store.find("things", "a") is None


async def test_collections_do_not_see_each_other(store: DocumentStore) -> None:
    await store.insert("one", "a", {"n": 1}, unique="u", scope="s")
    await store.insert("two", "a", {"n": 2}, unique="u", scope="s")
    first, second = await store.get("one", "a"), await store.get("two", "a")
    assert first is not None
    assert second is not None
    assert (first.body, second.body) == ({"n": 1}, {"n": 2})
    assert len((await store.page("one", "s", limit=10)).items) == 1


async def test_the_body_returned_is_the_callers_own(store: DocumentStore) -> None:
    body: dict[str, object] = {"list": [1]}
    inserted = await store.insert("things", "a", {"list": [1]})
    inserted.body["list"] = None
    read = await store.get("things", "a")
    assert read is not None
    assert read.body == body


async def test_an_id_is_taken_once(store: DocumentStore) -> None:
    await store.insert("things", "a", {"first": True})
    with pytest.raises(Duplicate):
        await store.insert("things", "a", {"first": False})
    read = await store.get("things", "a")
    assert read is not None
    assert read.body == {"first": True}


async def test_ids_and_unique_keys_are_compared_exactly(store: DocumentStore) -> None:
    for document_id, unique in (("a", "é"), ("A", "É"), ("a!", "e\u0301")):
        await store.insert("things", document_id, {}, unique=unique)
    found = await store.find("things", "e\u0301")
    assert found is not None
    assert found.id == "a!"


async def test_a_unique_key_is_taken_once_and_freed_with_its_document(
    store: DocumentStore,
) -> None:
    await store.insert("things", "a", {}, unique="email")
    with pytest.raises(Duplicate):
        await store.insert("things", "b", {}, unique="email")
    assert await store.get("things", "b") is None
    await store.delete("things", "a")
    await store.insert("things", "b", {}, unique="email")


async def test_any_number_of_documents_have_no_unique_key(store: DocumentStore) -> None:
    for number in range(3):
        await store.insert("things", str(number), {})


async def test_a_replacement_raises_the_rev_and_keeps_what_is_not_given(
    store: DocumentStore,
) -> None:
    await store.insert("things", "a", {"n": 1}, scope="me", sort="1", unique="u", expires=SOON)
    replaced = await store.replace("things", "a", 1, {"n": 2})
    assert replaced == Document("a", 2, {"n": 2}, "me", "1", "u", SOON)
    assert await store.get("things", "a") == replaced


async def test_a_replacement_sets_or_clears_what_is_given(store: DocumentStore) -> None:
    await store.insert("things", "a", {}, scope="me", sort="1", unique="u", expires=SOON)
    moved = await store.replace("things", "a", 1, {}, scope="you", sort="2", unique="v")
    assert (moved.scope, moved.sort, moved.unique) == ("you", "2", "v")
    cleared = await store.replace("things", "a", 2, {}, scope=None, unique=None, expires=None)
    assert cleared == Document("a", 3, {}, None, "2", None, None)
    assert await store.find("things", "v") is None
    assert (await store.page("things", "you", limit=1)).items == ()


async def test_a_stale_rev_is_refused_and_changes_nothing(store: DocumentStore) -> None:
    await store.insert("things", "a", {"n": 1})
    await store.replace("things", "a", 1, {"n": 2})
    for stale in (1, 3, 0, -1):
        with pytest.raises(StaleRevision):
            await store.replace("things", "a", stale, {"n": 3})
    read = await store.get("things", "a")
    assert read is not None
    assert (read.rev, read.body) == (2, {"n": 2})


async def test_nothing_is_replaced_where_nothing_is(store: DocumentStore) -> None:
    with pytest.raises(NotFound):
        await store.replace("things", "a", 1, {})
    assert await store.get("things", "a") is None


async def test_a_replacement_cannot_take_anothers_unique_key(store: DocumentStore) -> None:
    await store.insert("things", "a", {}, unique="u")
    await store.insert("things", "b", {"mine": True}, unique="v")
    with pytest.raises(Duplicate):
        await store.replace("things", "b", 1, {}, unique="u")
    assert await store.get("things", "b") == Document("b", 1, {"mine": True}, unique="v")


async def test_a_deletion_says_whether_there_was_something(store: DocumentStore) -> None:
    await store.insert("things", "a", {})
    assert await store.delete("things", "a")
    assert not await store.delete("things", "a")
    assert await store.get("things", "a") is None


async def test_a_deletion_at_a_rev_refuses_another(store: DocumentStore) -> None:
    await store.insert("things", "a", {})
    with pytest.raises(StaleRevision):
        await store.delete("things", "a", rev=2)
    assert await store.delete("things", "a", rev=1)
    assert not await store.delete("things", "a", rev=1)


async def test_a_document_made_again_starts_at_rev_1(store: DocumentStore) -> None:
    await store.insert("things", "a", {})
    await store.replace("things", "a", 1, {})
    await store.delete("things", "a")
    assert (await store.insert("things", "a", {})).rev == 1


async def test_a_second_handle_sees_at_once_what_the_first_wrote(
    store: DocumentStore, other: DocumentStore
) -> None:
    for number in range(20):
        await store.insert("things", str(number), {"n": number})
        read = await other.get("things", str(number))
        assert read is not None
        assert read.body == {"n": number}


async def test_documents_are_there_after_closing_and_opening(
    store: DocumentStore, other: DocumentStore
) -> None:
    await store.insert("things", "a", {"n": 1})
    await store.close()
    assert await other.get("things", "a") is not None


async def test_a_closed_store_is_unavailable(store: DocumentStore) -> None:
    await store.close()
    with pytest.raises(Unavailable):
        await store.get("things", "a")
    with pytest.raises(Unavailable):
        await store.insert("things", "a", {})
    with pytest.raises(Unavailable):
        await store.ping()


async def test_an_open_store_answers_a_ping(store: DocumentStore) -> None:
    await store.ping()
