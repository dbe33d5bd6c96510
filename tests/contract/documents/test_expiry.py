from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import pytest

from hygieia.errors import Duplicate, InvalidInput, NotFound

if TYPE_CHECKING:
    from hygieia.documents.port import DocumentStore


class Clock(Protocol):
    now: datetime

    def forward(self, seconds: float) -> None: ...


async def expiring(store: DocumentStore, clock: Clock, name: str = "a") -> None:
    await store.insert(
        "things", name, {}, scope="me", unique=f"u-{name}", expires=clock.now + timedelta(hours=1)
    )


async def test_an_expired_document_is_absent_for_every_call(
    store: DocumentStore, clock: Clock
) -> None:
    await expiring(store, clock)
    clock.forward(3600)
    assert await store.get("things", "a") is None
    assert await store.find("things", "u-a") is None
    assert (await store.page("things", "me", limit=5)).items == ()
    assert (await store.scan("things", limit=5)).items == ()
    with pytest.raises(NotFound):
        await store.replace("things", "a", 1, {})
    assert not await store.delete("things", "a")


async def test_a_document_lives_until_its_last_millisecond(
    store: DocumentStore, clock: Clock
) -> None:
    await expiring(store, clock)
    clock.forward(3599.999)
    assert await store.get("things", "a") is not None


async def test_an_expired_document_stands_in_nobodys_way(
    store: DocumentStore, clock: Clock
) -> None:
    for name in "abc":
        await expiring(store, clock, name)
    await store.insert("things", "d", {})
    clock.forward(3600)
    assert (await store.insert("things", "a", {"new": True})).rev == 1
    await store.insert("things", "e", {}, unique="u-b")
    replaced = await store.replace("things", "d", 1, {}, unique="u-c")
    assert replaced.unique == "u-c"


async def test_an_expired_id_does_not_free_a_live_unique_key(
    store: DocumentStore, clock: Clock
) -> None:
    await expiring(store, clock)
    await store.insert("things", "b", {"mine": True}, unique="taken")
    clock.forward(3600)
    with pytest.raises(Duplicate):
        await store.insert("things", "a", {}, unique="taken")
    read = await store.find("things", "taken")
    assert read is not None
    assert read.id == "b"


async def test_a_purge_removes_the_expired_within_its_limit(
    store: DocumentStore, clock: Clock
) -> None:
    for number in range(5):
        await expiring(store, clock, str(number))
    await store.insert("things", "stays", {})
    assert await store.purge_expired(clock.now, 10) == 0
    clock.forward(3600)
    assert await store.purge_expired(clock.now, 3) == 3
    assert await store.purge_expired(clock.now, 3) == 2
    assert await store.purge_expired(clock.now, 3) == 0
    assert await store.get("things", "stays") is not None


async def test_a_time_without_a_zone_is_refused(store: DocumentStore, clock: Clock) -> None:
    with pytest.raises(InvalidInput):
        await store.insert("things", "a", {}, expires=clock.now.replace(tzinfo=None))
