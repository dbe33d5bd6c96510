from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hygieia.errors import InvalidInput

if TYPE_CHECKING:
    from hygieia.documents.port import Document, DocumentStore


async def everything(
    store: DocumentStore, *, limit: int, newest_first: bool = False
) -> list[Document]:
    items: list[Document] = []
    after: str | None = None
    while True:
        page = await store.page("things", "me", after=after, limit=limit, newest_first=newest_first)
        assert len(page.items) <= limit
        items += page.items
        after = page.next
        if after is None:
            return items


async def fill(store: DocumentStore) -> list[str]:
    """Ids in the order of (sort, id): sort keys compare byte by byte, ids break ties."""
    places = [("", "z"), ("", "~"), ("0", "b"), ("00", "a"), ("0Z", "B"), ("0a", "a1"), ("a", "!")]
    for sort, document_id in reversed(places):
        await store.insert("things", document_id, {}, scope="me", sort=sort)
    await store.insert("things", "not-mine", {}, scope="you", sort="00")
    await store.insert("things", "nobodys", {}, sort="00")
    return [document_id for _, document_id in places]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
async def test_pages_join_to_the_whole_list_in_order(store: DocumentStore, limit: int) -> None:
    order = await fill(store)
    assert [item.id for item in await everything(store, limit=limit)] == order
    newest = await everything(store, limit=limit, newest_first=True)
    assert [item.id for item in newest] == order[::-1]


async def test_an_empty_scope_is_an_empty_page(store: DocumentStore) -> None:
    page = await store.page("things", "me", limit=5)
    assert (page.items, page.next) == ((), None)


async def test_a_full_last_page_has_no_next(store: DocumentStore) -> None:
    await store.insert("things", "a", {}, scope="me")
    await store.insert("things", "b", {}, scope="me")
    assert (await store.page("things", "me", limit=2)).next is None


async def test_paging_goes_on_past_what_was_removed_or_added_meanwhile(
    store: DocumentStore,
) -> None:
    for name in "abdef":
        await store.insert("things", name, {}, scope="me", sort=name)
    first = await store.page("things", "me", limit=2)
    await store.delete("things", "b")  # where the cursor stands
    await store.insert("things", "a1", {}, scope="me", sort="a1")  # behind it
    await store.insert("things", "c", {}, scope="me", sort="c")  # ahead of it
    rest = await store.page("things", "me", after=first.next, limit=10)
    assert [item.id for item in rest.items] == ["c", "d", "e", "f"]


async def test_a_changed_place_moves_the_document(store: DocumentStore) -> None:
    for name in "abc":
        await store.insert("things", name, {}, scope="me", sort=name)
    await store.replace("things", "a", 1, {}, sort="z")
    page = await store.page("things", "me", limit=10)
    assert [item.id for item in page.items] == ["b", "c", "a"]


async def test_a_scan_goes_through_the_whole_collection_by_id(store: DocumentStore) -> None:
    ids = sorted([*await fill(store), "not-mine", "nobodys"])
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await store.scan("things", after=after, limit=4)
        seen += [item.id for item in page.items]
        after = page.next
        if after is None:
            break
    assert seen == ids


async def test_the_longest_keys_make_a_cursor_within_its_limit(store: DocumentStore) -> None:
    for last in "ab":
        await store.insert("things", "~" * 127 + last, {}, scope="s" * 128, sort="~" * 48)
    page = await store.page("things", "s" * 128, limit=1)
    assert page.next is not None
    assert len(page.next) <= 256
    rest = await store.page("things", "s" * 128, limit=1, after=page.next)
    assert [item.id[-1] for item in rest.items] == ["b"]


@pytest.mark.parametrize("cursor", ["", "!", "AAAA", "é", "a" * 300, "IGEgYg", "ICDDqQ"])
async def test_a_cursor_that_is_none_is_refused(store: DocumentStore, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        await store.page("things", "me", after=cursor, limit=5)
    with pytest.raises(InvalidInput):
        await store.scan("things", after=cursor, limit=5)


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_has_a_size_within_bounds(store: DocumentStore, limit: int) -> None:
    with pytest.raises(InvalidInput):
        await store.page("things", "me", limit=limit)
    with pytest.raises(InvalidInput):
        await store.scan("things", limit=limit)
