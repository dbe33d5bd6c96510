"""Sends blocks to the server in CAR batches, a few at once, with back-pressure (docs/spec/10)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from hygieia.client import answers
from hygieia.client.read_back import Sample
from hygieia.ipld.car import car_header, section_head
from hygieia.limits import CAR_BATCH_BYTES, MAX_BATCH_CIDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hygieia.client.transport import Piece, Transport
    from hygieia.ipld.block import Block

_PARALLEL: Final = 3
# Pieces below this are joined before they are written: a system call each would cost more.
_JOIN_BELOW_BYTES: Final = 1 << 18


class BatchSender:
    """Gathers blocks into batches of at most 8 MiB and posts them, three at once.

    Memory held: four batches. ``flush`` returns when everything added is acknowledged, hence
    durable, and ``sample`` names a few to read back; after an error or an interruption, ``abandon``
    stops what is under way.
    """

    def __init__(
        self,
        transport: Transport,
        upload: str,
        *,
        sent: Callable[[int], None] | None = None,
    ) -> None:
        self._transport = transport
        self._upload = upload
        self._sent = sent
        self.recycle: Callable[[Block], None] | None = None
        """Called with each block that is acknowledged: nobody here looks at its octets again."""
        self.sample = Sample()
        self._batch: list[Block] = []
        self._batch_bytes = 0
        self._batch_maybe_there = False
        self._places = asyncio.Semaphore(_PARALLEL)
        self._posts: set[asyncio.Task[None]] = set()

    async def add(self, blocks: Sequence[Block], *, maybe_there: bool = False) -> None:
        """Take blocks; waits while too much is under way.

        Args:
            blocks: to be sent, in any order.
            maybe_there: an earlier attempt may have sent them; ask for what is missing first.

        Raises:
            HygieiaError: an earlier batch was refused or could not be sent.
        """
        for block in blocks:
            size = len(block.data)
            full = self._batch_bytes + size > CAR_BATCH_BYTES
            if self._batch and (full or len(self._batch) == MAX_BATCH_CIDS):
                await self._post()
            self.sample.show(block.cid)
            self._batch.append(block)
            self._batch_bytes += size
            self._batch_maybe_there |= maybe_there

    async def flush(self) -> None:
        """Send what is gathered and wait until all of it is acknowledged."""
        if self._batch:
            await self._post()
        if self._posts:
            await asyncio.gather(*self._posts)
        self._raise_failure()

    async def send_all(self, blocks: Sequence[Block]) -> None:
        """Send the last blocks and wait for everything; what fails is abandoned first."""
        try:
            await self.add(blocks)
            await self.flush()
        except BaseException:
            await self.abandon()
            raise

    async def abandon(self) -> None:
        """Stop what is under way: the caller has failed or was interrupted."""
        for post in self._posts:
            post.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)

    async def _post(self) -> None:
        batch, ask = self._batch, self._batch_maybe_there
        self._batch, self._batch_bytes, self._batch_maybe_there = [], 0, False
        await self._places.acquire()
        try:
            self._raise_failure()
        except BaseException:
            self._places.release()
            raise
        post = asyncio.create_task(self._send(batch, ask=ask))
        self._posts.add(post)

    def _raise_failure(self) -> None:
        for post in [post for post in self._posts if post.done()]:
            self._posts.discard(post)
            post.result()

    async def _send(self, batch: list[Block], *, ask: bool) -> None:
        try:
            missing = await self._only_missing(batch) if ask else batch
            if missing:
                await self._send_car(missing)
            if self._sent is not None:
                self._sent(sum(len(block.data) for block in batch))
            if self.recycle is not None:
                for block in batch:
                    self.recycle(block)
        finally:
            self._places.release()

    async def _only_missing(self, batch: list[Block]) -> list[Block]:
        """Ask which blocks the server lacks; the others are leased to this upload."""
        cids = [str(block.cid) for block in batch]
        path = f"/uploads/{self._upload}/missing"
        answer = await self._transport.call("POST", path, body={"cids": cids}, repeatable=True)
        missing = set(answers.texts(answer.document, "missing"))
        return [block for block in batch if str(block.cid) in missing]

    async def _send_car(self, batch: list[Block]) -> None:
        pieces = _pieces(batch)
        headers = {
            "Content-Type": "application/vnd.ipld.car",
            "Content-Length": str(sum(len(piece) for piece in pieces)),
        }

        async def body() -> AsyncIterator[Piece]:
            for piece in pieces:
                yield piece

        path = f"/uploads/{self._upload}/blocks"
        await self._transport.send("POST", path, body, headers, repeatable=True)


def _pieces(batch: Sequence[Block]) -> list[Piece]:
    """A CAR of the batch as pieces to write: large blocks as they are, small ones joined."""
    pieces: list[Piece] = []
    small = [car_header()]
    small_bytes = len(small[0])
    for block in batch:
        head = section_head(block.cid, len(block.data))
        small.append(head)
        small_bytes += len(head)
        if len(block.data) >= _JOIN_BELOW_BYTES:
            # A view: what the socket does not take at once is cut off without copying it.
            pieces += [b"".join(small), memoryview(block.data)]
            small, small_bytes = [], 0
            continue
        small.append(block.data)
        small_bytes += len(block.data)
        if small_bytes >= _JOIN_BELOW_BYTES:
            pieces.append(b"".join(small))
            small, small_bytes = [], 0
    return [*pieces, b"".join(small)] if small else pieces
