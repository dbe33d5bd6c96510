"""The activity trail on every document store, written by two servers at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from hygieia.documents.port import DocumentStore
from hygieia.domain.activity import Activity, Event, Happening, Kept
from hygieia.errors import NotFound
from hygieia.vault.activity import Trail
from tests.contract.documents.conftest import Clock

ANA, BEN = "a" * 32, "b" * 32
STORED = Happening(Event.STORED, by="c" * 64, address="192.0.2.1", device="laptop")


async def lines_of(activity: Activity, account: str = ANA) -> list[str]:
    """The whole trail, in pages of two."""
    found: list[Kept] = []
    after: str | None = None
    while True:
        page = await activity.page(account, after=after, since=None, limit=2)
        found += page.items
        if page.next is None:
            return [item.line for item in found]
        after = page.next


async def test_entries_of_two_servers_at_once_make_one_chain(
    store: DocumentStore, other: DocumentStore, clock: Clock
) -> None:
    servers = (Activity(store, clock), Activity(other, clock))
    await asyncio.gather(*(servers[turn % 2].append(ANA, STORED) for turn in range(30)))
    entries = Trail(ANA).take_all(await lines_of(servers[0]))
    assert [entry.number for entry in entries] == list(range(1, 31))
    assert await lines_of(servers[1]) == [entry.line for entry in entries]


async def test_accounts_have_trails_of_their_own(store: DocumentStore, clock: Clock) -> None:
    activity = Activity(store, clock)
    for account in (ANA, BEN, ANA):
        await activity.append(account, STORED)
    assert len(Trail(ANA).take_all(await lines_of(activity))) == 2
    [first] = Trail(BEN).take_all(await lines_of(activity, BEN))
    with pytest.raises(NotFound):
        await activity.page(ANA, after=None, since=first.hash, limit=10)
    assert await activity.drop_account(ANA)
    assert (await lines_of(activity), len(await lines_of(activity, BEN))) == ([], 1)


async def test_a_trail_is_read_on_from_an_entry_and_backwards(
    store: DocumentStore, clock: Clock
) -> None:
    activity = Activity(store, clock)
    for _ in range(5):
        await activity.append(ANA, STORED)
    lines = await lines_of(activity)
    third = (await activity.page(ANA, after=None, since=None, limit=3)).items[2]
    page = await activity.page(ANA, after=None, since=third.hash, limit=10)
    assert [item.line for item in page.items] == lines[3:]
    newest = await activity.page(ANA, after=None, since=None, limit=10, newest_first=True)
    assert [item.line for item in newest.items] == lines[::-1]


async def test_a_clock_that_is_behind_does_not_turn_time_back(
    store: DocumentStore, other: DocumentStore, clock: Clock
) -> None:
    behind = Clock(clock.now - timedelta(seconds=40))
    for server in (Activity(store, clock), Activity(other, behind), Activity(store, clock)):
        await server.append(ANA, STORED)
    entries = Trail(ANA).take_all(await lines_of(Activity(store, clock)))
    assert len({entry.time for entry in entries}) == 1


async def test_what_is_told_once_an_hour_is_told_again_after_it(
    store: DocumentStore, other: DocumentStore, clock: Clock
) -> None:
    servers = (Activity(store, clock), Activity(other, clock))
    for server in (*servers, *servers):
        await server.append_once(ANA, STORED, key="one")
    await servers[0].append_once(ANA, STORED, key="two")
    assert len(await lines_of(servers[0])) == 2
    clock.forward(3601)
    await servers[1].append_once(ANA, STORED, key="one")
    assert len(await lines_of(servers[0])) == 3


async def test_what_is_kept_for_an_hour_is_gone_after_it(
    store: DocumentStore, clock: Clock
) -> None:
    activity = Activity(store, clock)
    for _ in range(2):
        await activity.append(ANA, STORED, keep=timedelta(hours=1))
    clock.forward(3601)
    assert await lines_of(activity) == []
    await activity.append(ANA, STORED, keep=timedelta(hours=1))
    assert len(await lines_of(activity)) == 1


class Counting:
    """Counts the calls of a store."""

    def __init__(self, inner: DocumentStore) -> None:
        self.inner = inner
        self.calls: Counter[str] = Counter()

    def __getattr__(self, method: str) -> Any:  # noqa: ANN401  (whatever the store has)
        self.calls[method] += 1
        return getattr(self.inner, method)


async def test_an_entry_costs_one_read_and_one_insert_however_long_the_trail_is(
    store: DocumentStore, clock: Clock
) -> None:
    counting = Counting(store)
    activity = Activity(counting, clock)
    for _ in range(40):
        counting.calls.clear()
        await activity.append(ANA, STORED)
        assert counting.calls == {"page": 1, "insert": 1}


async def test_what_others_choose_is_cut_and_cleaned(store: DocumentStore, clock: Clock) -> None:
    activity = Activity(store, clock)
    told = Happening(
        Event.SHARED,
        address="f" * 500,
        device="\x1b[31mphone\n\u202e" + "é" * 300,
        reports=["d" * 32] * 1000,
        people=[f"{number:064x}" for number in range(150)],
    )
    await activity.append(ANA, told)
    [line] = await lines_of(activity)
    [entry] = Trail(ANA).take_all([line])
    assert (len(entry.address), len(entry.device)) == (64, 120)
    assert entry.device.startswith("[31mphoneé")
    assert (len(entry.reports), len(entry.people), entry.more) == (256, 100, 50)
    assert len(line.encode()) < 32768
