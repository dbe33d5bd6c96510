"""Another Kubo that has copies: read block by block, mended over its RPC."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from hygieia.blocks.kubo.address import read_address
from hygieia.blocks.kubo.keepers import as_raw
from hygieia.blocks.kubo.rpc import Incomplete, KuboError, Rpc
from hygieia.blocks.nodes import Lack, NodeKind, Reading
from hygieia.errors import BlockMissing, BlockRefused, StorageFull, Unavailable
from hygieia.ipld.block import Block, verify_any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.ipld.cid import CID

DROP_SECONDS: Final = 6 * 3600
"""For reading every block that a Kubo has: some ten terabytes."""


class KuboNode:
    """A Kubo named in HYGIEIA_COPY_NODES; what it has is asked of its own disk alone."""

    kind: NodeKind = "kubo"

    def __init__(self, address: str) -> None:
        where = read_address(address)
        self.name = f"{where.host}:{where.port}"[:100]
        self._rpc = Rpc(where)

    async def read(self, cids: Sequence[CID]) -> list[Reading]:
        """See ``CopyNode.read``."""
        return list(await asyncio.gather(*map(self._read, cids)))

    async def _read(self, cid: CID) -> Reading:
        try:
            data = await self._rpc.get(cid)
            await asyncio.to_thread(verify_any, cid, data)
        except BlockMissing:
            return Lack.MISSING
        except BlockRefused:
            return Lack.DAMAGED
        except Unavailable:
            return Lack.UNREACHABLE
        return data

    async def restore(self, blocks: Sequence[Block]) -> bool:
        """See ``CopyNode.restore``. Until ``keep`` only chance keeps them from a collection."""
        raw = [Block(as_raw(block.cid), block.data) for block in blocks]
        try:
            await self._rpc.import_car(raw, raw[0].cid, pin=False)
        except (Unavailable, StorageFull, Incomplete):
            return False
        return True

    async def drop_damaged(self) -> bool:
        """See ``CopyNode.drop_damaged``: an import passes over what Kubo believes to have."""
        query = {"drop": "true"}
        try:
            lines = self._rpc.lines("repo/verify", query, DROP_SECONDS)
            async with contextlib.aclosing(lines) as told:
                async for _ in told:
                    pass
        except KuboError as error:
            return error.status not in {401, 403, 404}
        except Unavailable:
            pass  # it breaks the answer off when it has found damage; what it did shows on reading
        return True

    async def keep(self, root: CID, name: str) -> bool:
        """See ``CopyNode.keep``."""
        try:
            if not await self._rpc.is_whole(root):
                return False
            await self._rpc.pin(root, f"hygieia {name}"[:200])
        except Unavailable:
            return False
        return True

    async def close(self) -> None:
        """See ``CopyNode.close``."""
        await self._rpc.close()
