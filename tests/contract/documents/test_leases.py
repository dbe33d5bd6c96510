"""Leases between two servers on the same documents: one works at a time, and who dies is followed."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import pytest

from hygieia.blocks.copy_nodes import OwnNode
from hygieia.blocks.embedded.opening import open_embedded
from hygieia.domain.copy_check import Pace
from hygieia.domain.index import Indexes
from hygieia.domain.leases import COLLECTION, Leases, is_set_within
from hygieia.domain.verification import LEASE, CopyRules, Verifier
from hygieia.openpgp.times import now
from hygieia.server.storage import build_stores

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from hygieia.documents.port import Document, DocumentStore

# Longer than any test: only the store's clock, which a test moves, ends such a lease.
LONG = 3600


class Clock(Protocol):
    now: datetime


class Taking(Protocol):
    def __call__(
        self, leases: Leases, work: str, seconds: int, /
    ) -> AbstractAsyncContextManager[bool]: ...


@pytest.fixture(autouse=True)
def _today(clock: Clock) -> None:
    """Leases are written by the machine's clock: the store's stands where that is."""
    clock.now = now()


async def test_of_many_who_want_a_lease_at_once_one_has_it(
    store: DocumentStore, other: DocumentStore
) -> None:
    everybody_has_asked = asyncio.Barrier(8)

    async def ask(handle: DocumentStore) -> bool:
        async with Leases(handle).keep("work", LONG) as ours:
            await everybody_has_asked.wait()
            return ours

    async with asyncio.timeout(60):
        answers = await asyncio.gather(*map(ask, (store, other) * 4))
    assert answers.count(True) == 1


async def test_a_lease_that_is_let_go_is_the_next_ones_at_once(
    store: DocumentStore, other: DocumentStore
) -> None:
    for first, second in ((store, other), (other, store)):
        async with Leases(first).keep("work", LONG) as ours, Leases(first).claim("some", LONG):
            assert ours
            async with Leases(second).keep("work", LONG) as theirs:
                assert not theirs
            async with Leases(second).claim("some", LONG) as theirs:
                assert not theirs
    async with Leases(store).keep("work", LONG) as work, Leases(other).claim("some", LONG) as some:
        assert work
        assert some


@pytest.mark.parametrize("how", [Leases.claim, Leases.keep])
async def test_who_is_stopped_while_taking_a_lease_leaves_none(
    store: DocumentStore, other: DocumentStore, monkeypatch: pytest.MonkeyPatch, how: Taking
) -> None:
    written, told = asyncio.Event(), asyncio.Event()
    insert = type(store).insert

    async def insert_slowly(*arguments: object, **more: object) -> object:
        document = await insert(*arguments, **more)  # type: ignore[arg-type]  # handed on
        written.set()
        await told.wait()
        return document

    async def take() -> None:
        async with how(Leases(store), "work", LONG):
            raise AssertionError("it was told of a lease")

    monkeypatch.setattr(type(store), "insert", insert_slowly)
    taking = asyncio.create_task(take())
    await written.wait()
    taking.cancel()
    told.set()
    with pytest.raises(asyncio.CancelledError):
        await taking
    async with how(Leases(other), "work", LONG) as ours:
        assert ours


@pytest.mark.parametrize("how", [Leases.claim, Leases.keep])
async def test_the_works_own_end_is_told_when_the_lease_cannot_be_let_go(
    store: DocumentStore, how: Taking
) -> None:
    async def work_until_stopped() -> None:
        async with how(Leases(store), "work", LONG) as ours:
            assert ours
            await store.close()
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await work_until_stopped()


async def test_a_lease_is_renewed_while_the_work_goes_on(
    store: DocumentStore, other: DocumentStore
) -> None:
    async with asyncio.timeout(60), Leases(store).keep("work", 1) as ours:
        assert ours
        begun = renewed = await other.get(COLLECTION, "work")
        assert begun is not None
        assert begun.expires is not None
        while renewed is not None and renewed.expires == begun.expires:
            await asyncio.sleep(0.02)
            renewed = await other.get(COLLECTION, "work")
        assert renewed is not None
        assert renewed.expires is not None
        assert renewed.expires > begun.expires
        async with Leases(other).keep("work", 1) as theirs:
            assert not theirs
    assert await other.get(COLLECTION, "work") is None


async def test_a_renewal_under_way_at_the_end_leaves_no_lease(
    store: DocumentStore, other: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that was begun is made, whether or not anybody waits for it."""
    begun, looked, written = asyncio.Event(), asyncio.Event(), asyncio.Event()
    get, replace = store.get, store.replace

    async def write_late(renewal: Coroutine[None, None, Document]) -> Document:
        await is_set_within(looked, 1)  # not at all, unless it is looked at before it is written
        try:
            return await renewal
        finally:
            written.set()

    async def replace_all_the_same(*what: object, **how: object) -> Document:
        begun.set()
        renewal = replace(*what, **how)  # type: ignore[arg-type]  # handed on as it came
        return await asyncio.shield(asyncio.create_task(write_late(renewal)))

    async def get_just_before(collection: str, document_id: str) -> Document | None:
        found = await get(collection, document_id)
        if begun.is_set():
            looked.set()
            await written.wait()
        return found

    monkeypatch.setattr(store, "replace", replace_all_the_same)
    monkeypatch.setattr(store, "get", get_just_before)
    async with asyncio.timeout(60), Leases(store).keep("work", 1) as ours:
        assert ours
        await begun.wait()
    assert await other.get(COLLECTION, "work") is None


async def test_who_is_late_takes_nothing_from_whoever_followed(
    store: DocumentStore, other: DocumentStore, clock: Clock
) -> None:
    late = AsyncExitStack()
    assert await late.enter_async_context(Leases(store).keep("work", LONG))
    # Over by the time that the store has it made.
    assert await late.enter_async_context(Leases(store).claim("some", 0))
    clock.now = now() + timedelta(seconds=2 * LONG)
    async with (
        Leases(other).keep("work", 3 * LONG) as work,
        Leases(other).claim("some", 3 * LONG) as some,
    ):
        assert work
        assert some
        await late.aclose()
        for name in ("work", "some"):
            assert await store.get(COLLECTION, name) is not None
            async with Leases(store).claim(name, LONG) as again:
                assert not again


async def test_of_two_servers_one_verifies_and_it_is_due_at_neither(
    store: DocumentStore, other: DocumentStore, tmp_path: Path
) -> None:
    blocks = await asyncio.to_thread(open_embedded, tmp_path / "blocks")

    def verifier(documents: DocumentStore) -> Verifier:
        stores = build_stores(documents, blocks, 1_000_000)
        rules = CopyRules([OwnNode(blocks)], 1, Pace(None))
        return Verifier(stores, Indexes(stores), Leases(documents), rules)

    here, there = verifier(store), verifier(other)
    async with Leases(store).keep(LEASE, LONG):
        assert await there.run() is None
        assert await there.is_due(24)
    assert await there.run() is not None
    assert not await here.is_due(24)
    for each in (here, there):
        await each.close()
    await blocks.close()
