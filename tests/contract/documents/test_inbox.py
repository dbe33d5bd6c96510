"""Inboxes on every document store, posted to by two servers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hygieia.blocks.embedded import open_embedded
from hygieia.documents.port import Body, Document, DocumentStore
from hygieia.domain import account, inbox
from hygieia.domain.inbox import Inboxes, Message
from hygieia.domain.stores import Stores
from hygieia.domain.uploads import Upload
from hygieia.errors import NotFound, Unavailable
from hygieia.openpgp.times import now
from hygieia.server.storage import build_stores
from hygieia.vault.message import SealedMessage, seal_message
from tests.factories.uploads import uploads_of
from tests.people import ADA, BOB

ROUNDS = 3
Pair = tuple[Stores, Stores]


@pytest.fixture
async def pair(store: DocumentStore, other: DocumentStore, tmp_path: Path) -> AsyncIterator[Pair]:
    """Two servers' stores: documents through handles of their own, blocks in one place."""
    blocks = open_embedded(tmp_path / "blocks")
    await store.insert(account.COLLECTION, ADA.account, {"quota_bytes": None})
    yield build_stores(store, blocks, 1 << 30), build_stores(other, blocks, 1 << 30)
    await blocks.close()


def message() -> SealedMessage:
    return seal_message(
        b'{"note": "", "signature": ""}', [ADA.key.certificate, BOB.key.certificate]
    )


async def uploaded(stores: Stores, sealed: SealedMessage) -> Upload:
    uploads = uploads_of(stores)
    upload = await uploads.start(ADA.account)
    await uploads.put(upload, sealed.blocks)
    return upload


async def posted_at_once(pair: Pair, sealed: SealedMessage) -> list[Message]:
    """What four equal posts, two at each server, came to."""
    upload = await uploaded(pair[0], sealed)
    inboxes = [Inboxes(stores) for stores in pair]
    return await asyncio.gather(
        *(each.post(upload, sealed.root.cid, BOB.account) for each in inboxes * 2)
    )


@dataclass
class Left:
    """What the sender pays, and what stands in the lists."""

    report_bytes: int = 0
    holds: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)


async def left_of(stores: Stores) -> Left:
    usage = await stores.quotas.usage(ADA.account)
    jobs = (await stores.documents.scan("jobs", limit=1000)).items
    sent = (await stores.documents.page(inbox.SENT, ADA.account, limit=100)).items
    received = (await Inboxes(stores).page(BOB.account, after=None, limit=100)).items
    return Left(
        usage.report_bytes,
        [key for key, _ in usage.holds if key.startswith("inbox")],
        [item.id for item in sent],
        [item.id for item in received],
        [str(job.body["subject"]) for job in jobs if job.body["kind"] == inbox.JOB],
    )


async def test_equal_messages_at_once_are_one_and_paid_for_once(pair: Pair) -> None:
    for _ in range(ROUNDS):
        sealed = message()
        [one] = set(await posted_at_once(pair, sealed))
        left = await left_of(pair[1])
        assert left == Left(sealed.root.tsize, [], [one.id], [one.id], [one.id])
        assert await pair[0].blocks.is_pinned(sealed.root.cid, name=one.pin_name)
        await Inboxes(pair[1]).acknowledge(BOB.account, one.id)
        assert await left_of(pair[0]) == Left()


async def test_a_message_acknowledged_while_it_is_posted_is_paid_for_no_longer(pair: Pair) -> None:
    async def acknowledge_all(stores: Stores, posted: asyncio.Task[list[Message]]) -> None:
        inboxes = Inboxes(stores)
        while not posted.done():
            for each in (await inboxes.page(BOB.account, after=None, limit=10)).items:
                await inboxes.acknowledge(BOB.account, each.id)
            await asyncio.sleep(0.01)

    for _ in range(ROUNDS):
        posted = asyncio.create_task(posted_at_once(pair, message()))
        await acknowledge_all(pair[1], posted)
        await posted
        for each in (await Inboxes(pair[0]).page(BOB.account, after=None, limit=10)).items:
            await Inboxes(pair[0]).acknowledge(BOB.account, each.id)
        assert await left_of(pair[0]) == Left()


async def test_a_message_acknowledged_by_many_at_once_is_given_back_once(pair: Pair) -> None:
    kept = message()
    await posted_at_once(pair, kept)
    for _ in range(ROUNDS):
        [one] = set(await posted_at_once(pair, message()))
        inboxes = [Inboxes(stores) for stores in pair]
        ended = await asyncio.gather(
            *(each.acknowledge(BOB.account, one.id) for each in inboxes * 4),
            return_exceptions=True,
        )
        assert all(each is None or isinstance(each, NotFound) for each in ended)
        left = await left_of(pair[0])
        assert (left.report_bytes, left.holds, len(left.received)) == (kept.root.tsize, [], 1)


async def test_one_who_saw_it_before_another_let_it_go_gives_nothing_back(pair: Pair) -> None:
    kept, sealed = message(), message()
    await posted_at_once(pair, kept)
    [one] = set(await posted_at_once(pair, sealed))
    first, late = (Inboxes(stores) for stores in pair)
    read = pair[1].documents.get

    async def read_then_wait(collection: str, document_id: str) -> Document | None:
        document = await read(collection, document_id)
        if (collection, document_id) == (inbox.COLLECTION, one.id):
            await first.acknowledge(BOB.account, one.id)
        return document

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair[1].documents, "get", read_then_wait)
        await late.acknowledge(BOB.account, one.id)
    left = await left_of(pair[0])
    assert (left.report_bytes, left.holds, len(left.received)) == (kept.root.tsize, [], 1)


async def test_what_died_while_it_let_a_message_go_is_ended_by_the_job(pair: Pair) -> None:
    sealed = message()
    [one] = set(await posted_at_once(pair, sealed))
    stores = pair[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores.quotas, "hold", _dies)
        with pytest.raises(Unavailable):
            await Inboxes(stores).acknowledge(BOB.account, one.id)
    await Inboxes(stores).acknowledge(BOB.account, one.id)  # nothing to be said twice
    job = await stores.jobs.find(inbox.JOB, one.id)
    assert job is not None
    await Inboxes(stores).clean_up(job)
    await stores.jobs.finish(job)
    assert await left_of(stores) == Left()


async def _dies(*_: object) -> None:
    raise Unavailable("The store does not answer.")


async def test_one_that_lost_and_died_is_cleaned_up_beside_the_one_that_won(pair: Pair) -> None:
    sealed = message()
    [won] = set(await posted_at_once(pair, sealed))
    stores = pair[0]
    lost = Message("d" * 32, won.root, won.account, won.sender, won.size_bytes, won.created)
    # As a crash after the first of the two lists leaves it.
    body: Body = {name: getattr(lost, name) for name in ("root", "account", "sender", "created")}
    body["size_bytes"] = lost.size_bytes
    await stores.quotas.hold(ADA.account, lost.posting_key, lost.size_bytes)
    await stores.blocks.pin(sealed.root.cid, name=lost.pin_name)
    await stores.documents.insert(inbox.SENT, lost.id, body, scope=ADA.account, sort="z")
    await stores.jobs.schedule(inbox.JOB, lost.id, now(), body)
    job = await stores.jobs.find(inbox.JOB, lost.id)
    assert job is not None
    await Inboxes(stores).clean_up(job)
    await stores.jobs.finish(job)
    left = await left_of(stores)
    assert left == Left(won.size_bytes, [], [won.id], [won.id], [won.id])
    assert await stores.blocks.is_pinned(sealed.root.cid, name=won.pin_name)
    assert not await stores.blocks.is_pinned(sealed.root.cid, name=lost.pin_name)
    with pytest.raises(NotFound):
        await Inboxes(stores).acknowledge(BOB.account, lost.id)
