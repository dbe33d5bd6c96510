"""A DAG streamed as one CAR, and single blocks for whatever the stream does not bring."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from types import TracebackType

    from hygieia.blocks.gateway import GatewayReader
    from hygieia.ipld.block import Block
    from hygieia.ipld.cid import CID

_MAX_DAG_BYTES: Final = 1 << 33
# A reading asks for a directory's nodes and then for their leaves, which came between them: 64
# segments of some 40 KB. Beyond this the oldest is let go, and asked for by itself if wanted.
_KEPT_BYTES: Final = 32 << 20


class DagSource:
    """Blocks of the DAG at ``path`` below ``root``, in whatever order they are asked for.

    One request instead of thousands. The stream begins when the first block is asked for and goes
    on only as far as somebody asks; use as an async context manager, which ends it.
    """

    def __init__(self, gateways: GatewayReader, root: CID, path: Sequence[str]) -> None:
        self._gateways = gateways
        self._root = root
        self._path = path
        self._stream: AsyncGenerator[Block, None] | None = None
        self._ended = False
        self._kept: OrderedDict[CID, Block] = OrderedDict()
        self._kept_bytes = 0
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            await self._stream.aclose()

    async def get(self, cid: CID) -> Block:
        """The block, from the stream or by itself. Raises as ``GatewayReader.get``."""
        async with self._turn:
            found = await self._from_stream(cid)
        return found if found is not None else await self._gateways.get(cid)

    async def _from_stream(self, cid: CID) -> Block | None:
        while cid not in self._kept:
            block = await self._next()
            if block is None:
                return None
            self._keep(block)
        return self._kept[cid]

    async def _next(self) -> Block | None:
        if self._ended:
            return None
        if self._stream is None:
            self._stream = self._open()
        block = await anext(self._stream, None)
        self._ended = block is None
        return block

    async def _open(self) -> AsyncGenerator[Block, None]:
        stream = self._gateways.fetch_dag(self._root, self._path, max_bytes=_MAX_DAG_BYTES)
        async with aclosing(stream) as blocks:
            async for block in blocks:
                yield block

    def _keep(self, block: Block) -> None:
        if block.cid in self._kept:
            return
        self._kept[block.cid] = block
        self._kept_bytes += len(block.data)
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.data)
