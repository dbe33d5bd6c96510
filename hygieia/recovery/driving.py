"""Drives readings from wherever blocks come from, many at a time (docs/spec/13-index.md §6)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.ipld.block import Block
    from hygieia.ipld.cid import CID
    from hygieia.vault.reading import Reading

T = TypeVar("T")

_PARALLEL: Final = 16
_MANY: Final = 8


class BlockSource(Protocol):
    """Something that finds blocks: the server's gateway, or any others."""

    async def get(self, cid: CID) -> Block:
        """The block, verified against its CID. Raises ``BlockMissing``, ``Unreachable``."""
        ...


async def read_from(
    reading: Reading[T], source: BlockSource, *, bulk: BlockSource | None = None
) -> T:
    """Drive a reading to its end; deciphering runs in a thread, never on the event loop.

    ``bulk`` is asked instead of ``source`` where many blocks are wanted at once (``DagSource``).
    Raises whatever the reading and the sources raise.
    """
    wanted, result = await asyncio.to_thread(_step, reading, None)
    while wanted is not None:
        many = bulk is not None and len(wanted) >= _MANY
        blocks = await fetch_all(wanted, bulk if many and bulk is not None else source)
        wanted, result = await asyncio.to_thread(_step, reading, blocks)
    return result  # type: ignore[return-value]  # set when nothing more is wanted


async def fetch_all(cids: Sequence[CID], source: BlockSource) -> Sequence[Block]:
    """Get blocks side by side, in order; the first failure as it is, and nothing left running."""
    places = asyncio.Semaphore(_PARALLEL)

    async def get(cid: CID) -> Block:
        async with places:
            return await source.get(cid)

    tasks = [asyncio.ensure_future(get(cid)) for cid in cids]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _step(
    reading: Reading[T], blocks: Sequence[Block] | None
) -> tuple[Sequence[CID] | None, T | None]:
    try:
        return (next(reading) if blocks is None else reading.send(blocks)), None
    except StopIteration as done:
        return None, done.value
