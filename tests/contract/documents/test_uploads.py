"""Uploads on every document store: whatever comes late, an account gets its room back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hygieia.blocks.embedded import open_embedded
from hygieia.documents.port import DocumentStore
from hygieia.domain import account
from hygieia.domain.stores import Stores
from hygieia.domain.uploads import Uploads
from hygieia.errors import NotFound
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID, RAW
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
