"""Uploads on every document store: whatever comes late, an account gets its room back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from hygieia.blocks.embedded import open_embedded
from hygieia.documents.port import Document, DocumentStore
from hygieia.domain import account
from hygieia.domain import uploads as domain_uploads
from hygieia.domain.stores import Stores
from hygieia.domain.uploads import Uploads
from hygieia.errors import NotFound
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID, RAW
from hygieia.openpgp.times import now
from hygieia.server.storage import build_stores
from tests.factories.uploads import uploads_of
from tests.people import ADA

CONTENT = b"Hb 13.9 g/dl"
BATCH = [Block(CID.of(RAW, CONTENT), CONTENT)]


@pytest.fixture
async def stores(store: DocumentStore, tmp_path: Path) -> AsyncIterator[Stores]:
    blocks = open_embedded(tmp_path / "blocks")
    await store.insert(account.COLLECTION, ADA.account, {"quota_bytes": None})
    yield build_stores(store, blocks, 1 << 30)
    await blocks.close()


@pytest.fixture
def uploads(stores: Stores) -> Uploads:
    return uploads_of(stores)


async def holds(stores: Stores) -> dict[str, int]:
    return dict((await stores.quotas.usage(ADA.account)).holds)


async def test_a_batch_that_arrives_as_its_upload_ends_keeps_no_room(
    stores: Stores, uploads: Uploads
) -> None:
    """A server looks the upload up first, and then reads the batch."""
    started = await uploads.start(ADA.account)
    found = await uploads.get(ADA.account, started.id)
    await uploads.end(ADA.account, started.id)
    with pytest.raises(NotFound, match="ended"):
        await uploads.put(found, BATCH)
    assert await holds(stores) == {}
    await stores.blocks.sweep()
    assert await stores.blocks.missing([BATCH[0].cid]) == [BATCH[0].cid]


async def test_room_that_an_ended_upload_still_has_comes_back_with_the_next(
    stores: Stores, uploads: Uploads
) -> None:
    """A server that was killed just then gave nothing back."""
    under_way = await uploads.start(ADA.account)
    await uploads.put(under_way, BATCH)
    await stores.quotas.hold(ADA.account, "commit-1", 100)
    await stores.quotas.add_upload(ADA.account, "0" * 32, 1000)
    await uploads.start(ADA.account)
    assert await holds(stores) == {f"upload-{under_way.id}": len(CONTENT), "commit-1": 100}


async def test_an_upload_in_use_has_all_its_time_again_once_half_is_over(
    stores: Stores, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await uploads.start(ADA.account)
    assert (await uploads.get(ADA.account, started.id)).expires <= started.expires
    half_over = now() + timedelta(minutes=31)
    monkeypatch.setattr(domain_uploads, "now", lambda: half_over)
    found = await asyncio.gather(*(uploads.get(ADA.account, started.id) for _ in range(5)))
    assert {upload.expires for upload in found} == {half_over + timedelta(hours=1)}
    await uploads.put(found[0], BATCH)
    assert await stores.jobs.due(started.expires + timedelta(minutes=1), 10) == []
    (job,) = await stores.jobs.due(half_over + timedelta(hours=1, minutes=1), 10)
    assert (job.kind, job.subject) == (domain_uploads.JOB, started.id)


async def test_an_upload_that_ends_as_it_is_renewed_has_ended(
    stores: Stores, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await uploads.start(ADA.account)
    monkeypatch.setattr(domain_uploads, "now", lambda: now() + timedelta(minutes=31))
    replace = stores.documents.replace

    async def replace_too_late(*what: object, **how: object) -> Document:
        await uploads.let_go(ADA.account, started.id)
        return await replace(*what, **how)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(stores.documents, "replace", replace_too_late)
    with pytest.raises(NotFound, match="ended"):
        await uploads.get(ADA.account, started.id)
