from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from hygieia.blocks.embedded import open_embedded
from hygieia.blocks.port import AnyBlock, BlockStore
from hygieia.blocks.verified import VerifiedBlockStore
from hygieia.errors import BlockRefused
from hygieia.ipld.block import UnverifiedBlock
from hygieia.ipld.cid import CID, RAW
from hygieia.limits import MAX_BLOCK_BYTES
from tests.dags import raw, report

SHA2_512 = 0x13


class Lying(VerifiedBlockStore):
    """A store whose bytes come out altered, and that notes what it is given."""

    def __init__(self, inner: BlockStore) -> None:
        super().__init__(inner)
        self.given: list[AnyBlock] = []

    async def put(
        self,
        blocks: Sequence[AnyBlock],
        *,
        holder: str | None = None,
        until: datetime | None = None,
    ) -> int:
        self.given += blocks
        return len(blocks)

    async def get_many(self, cids: Sequence[CID], *, max_bytes: int | None = None) -> list[bytes]:
        return [b"altered" for _ in cids]


@pytest.fixture
def lying(tmp_path: Path) -> Lying:
    return Lying(open_embedded(tmp_path))


async def test_altered_bytes_never_come_out(lying: Lying) -> None:
    store = VerifiedBlockStore(lying)
    with pytest.raises(BlockRefused):
        await store.get(raw(1).cid)
    with pytest.raises(BlockRefused):
        await store.get_many([raw(1).cid, raw(2).cid])
    await store.close()


async def test_altered_bytes_never_go_in(lying: Lying) -> None:
    store = VerifiedBlockStore(lying)
    with pytest.raises(BlockRefused):
        await store.put([raw(2), UnverifiedBlock(raw(1).cid, b"altered")])
    assert lying.given == []
    await store.close()


async def test_leaves_alone_are_left_to_a_store_that_hashes_them(lying: Lying) -> None:
    store = VerifiedBlockStore(lying, hashes_leaves=True)
    leaf, node = UnverifiedBlock(raw(1).cid, b"altered"), report(1).blocks[-1]
    await store.put([leaf, UnverifiedBlock(node.cid, node.data)])
    assert lying.given == [leaf, node]
    for cid in (node.cid, CID(RAW, SHA2_512, b"x" * 64)):
        with pytest.raises(BlockRefused):
            await store.put([UnverifiedBlock(cid, b"altered")])
    with pytest.raises(BlockRefused):
        await store.put([UnverifiedBlock(raw(1).cid, bytes(MAX_BLOCK_BYTES + 1))])
    await store.close()
