"""The nodes that a verification reads: this server's own store, and gateways of others."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import aiohttp

from hygieia.blocks.nodes import Lack, NodeKind, Reading
from hygieia.blocks.remote import (
    READ_BUFFER_BYTES,
    GatewayFailed,
    Lied,
    NotServed,
    Patience,
    RemoteGateway,
)
from hygieia.errors import BlockMissing, BlockRefused
from hygieia.ipld.block import verify_any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.blocks.nodes import CopyNode
    from hygieia.blocks.port import BlockStore
    from hygieia.ipld.block import Block
    from hygieia.ipld.cid import CID

OWN: Final = "this server"
HOLD_FOR: Final = timedelta(hours=1)
PATIENCE: Final = Patience(connect=5.0, stall=15.0, block=60.0)


class OwnNode:
    """The server's own block store, which verifies what it reads."""

    name: str = OWN
    kind: NodeKind = "own"

    def __init__(self, store: BlockStore, behind: CopyNode | None = None) -> None:
        """``behind``: the node that the store is in, where it can do what the store cannot."""
        self._store = store
        self._behind = behind
        self._holder = f"verify {secrets.token_hex(8)}"

    async def read(self, cids: Sequence[CID]) -> list[Reading]:
        """See ``CopyNode.read``."""
        return list(await asyncio.gather(*map(self._read, cids)))

    async def _read(self, cid: CID) -> Reading:
        try:
            return await self._store.get(cid)
        except BlockMissing:
            return Lack.MISSING
        except BlockRefused:
            return Lack.DAMAGED

    async def restore(self, blocks: Sequence[Block]) -> bool:
        """See ``CopyNode.restore``."""
        until = datetime.now(UTC) + HOLD_FOR
        await self._store.put(blocks, holder=self._holder, until=until)
        return True

    async def drop_damaged(self) -> bool:
        """See ``CopyNode.drop_damaged``: a store that moves damage aside has no need of it."""
        return self._behind is not None and await self._behind.drop_damaged()

    async def keep(self, root: CID, name: str) -> bool:
        """See ``CopyNode.keep``."""
        try:
            await self._store.pin(root, name=name)
        except BlockMissing:
            return False
        await self._store.release(self._holder)
        return True

    async def close(self) -> None:
        """See ``CopyNode.close``: the store is closed by whoever opened it."""
        if self._behind is not None:
            await self._behind.close()


class GatewayNode:
    """A trustless gateway: it can be read and not written. Only its own address is asked."""

    kind: NodeKind = "gateway"

    def __init__(self, url: str) -> None:
        self._gateway = RemoteGateway(url, PATIENCE)
        self.name = self._gateway.url.partition("://")[2][:100]
        self._session: aiohttp.ClientSession | None = None

    async def read(self, cids: Sequence[CID]) -> list[Reading]:
        """See ``CopyNode.read``."""
        return list(await asyncio.gather(*map(self._read, cids)))

    async def _read(self, cid: CID) -> Reading:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=READ_BUFFER_BYTES,
            )
        try:
            data = await self._gateway.block(self._session, cid)
            await asyncio.to_thread(verify_any, cid, data)
        except NotServed:
            return Lack.MISSING
        except (BlockRefused, Lied):
            return Lack.DAMAGED
        except GatewayFailed:
            return Lack.UNREACHABLE
        return data

    async def restore(self, blocks: Sequence[Block]) -> bool:
        """See ``CopyNode.restore``: a gateway takes nothing."""
        del blocks
        return False

    async def drop_damaged(self) -> bool:
        """See ``CopyNode.drop_damaged``: nothing can be thrown out of a gateway."""
        return False

    async def keep(self, root: CID, name: str) -> bool:
        """See ``CopyNode.keep``: a gateway pins nothing."""
        del root, name
        return False

    async def close(self) -> None:
        """See ``CopyNode.close``."""
        if self._session is not None:
            await self._session.close()
