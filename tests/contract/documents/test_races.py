from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from hygieia.documents.port import Document, DocumentStore
from hygieia.errors import Duplicate, StaleRevision

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

T = TypeVar("T")


async def outcomes(calls: Sequence[Awaitable[T]], allowed: type[Exception]) -> tuple[list[T], int]:
    """What the calls returned, and how many were refused with the one allowed error."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [result for result in results if isinstance(result, allowed)]
    won = [result for result in results if not isinstance(result, BaseException)]
    assert len(won) + len(refused) == len(results), results
    return won, len(refused)


async def test_of_many_replacements_of_one_rev_one_wins(
    store: DocumentStore, other: DocumentStore
) -> None:
    for name in map(str, range(20)):
        await store.insert("things", name, {})
        won, refused = await outcomes(
            [
                handle.replace("things", name, 1, {"writer": writer})
                for writer in range(4)
                for handle in (store, other)
            ],
            StaleRevision,
        )
        assert (len(won), refused) == (1, 7)
        assert await other.get("things", name) == won[0]


async def test_of_many_inserts_of_one_id_one_wins(
    store: DocumentStore, other: DocumentStore
) -> None:
    won, refused = await outcomes(
        [handle.insert("things", "a", {}) for handle in (store, other) * 8], Duplicate
    )
    assert (len(won), refused) == (1, 15)


async def test_of_many_inserts_of_one_unique_key_one_wins(
    store: DocumentStore, other: DocumentStore
) -> None:
    won, refused = await outcomes(
        [
            handle.insert("things", str(number), {}, unique="email", scope="s")
            for number, handle in enumerate((store, other) * 8)
        ],
        Duplicate,
    )
    assert (len(won), refused) == (1, 15)
    assert (await store.page("things", "s", limit=100)).items == tuple(won)


async def test_of_a_replacement_and_a_deletion_of_one_rev_one_wins(
    store: DocumentStore, other: DocumentStore
) -> None:
    for name in map(str, range(20)):
        await store.insert("things", name, {})
        results = await asyncio.gather(
            store.replace("things", name, 1, {}),
            other.delete("things", name, rev=1),
            return_exceptions=True,
        )
        replaced = isinstance(results[0], Document)
        deleted = results[1] is True
        assert replaced != deleted
        assert (await store.get("things", name) is None) == deleted


async def test_no_count_is_lost_when_writers_read_again_and_retry(
    store: DocumentStore, other: DocumentStore
) -> None:
    await store.insert("things", "counter", {"n": 0})

    async def add_one(handle: DocumentStore) -> None:
        while True:
            current = await handle.get("things", "counter")
            assert current is not None
            count = current.body["n"]
            assert isinstance(count, int)
            try:
                await handle.replace("things", "counter", current.rev, {"n": count + 1})
            except StaleRevision:
                continue
            return

    await asyncio.gather(*[add_one(handle) for handle in (store, other) * 10])
    final = await store.get("things", "counter")
    assert final is not None
    assert (final.body, final.rev) == ({"n": 20}, 21)


async def test_a_refused_write_does_not_take_others_of_its_group_with_it(
    store: DocumentStore,
) -> None:
    await store.insert("things", "taken", {})
    won, refused = await outcomes(
        [
            store.insert("things", "taken" if number % 3 == 0 else str(number), {}, scope="s")
            for number in range(60)
        ],
        Duplicate,
    )
    assert (len(won), refused) == (40, 20)
    assert len((await store.page("things", "s", limit=100)).items) == 40


async def test_cancelled_calls_leave_the_store_working(store: DocumentStore) -> None:
    calls = [asyncio.ensure_future(store.insert("things", str(n), {})) for n in range(50)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, Document) for result in results[1::2])
    await store.insert("things", "after", {})
