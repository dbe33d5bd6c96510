"""Telling a node that is slow from one that is frozen or cut off.

A call may take half a minute on a node with a busy disk. So while calls wait, the node is asked
something that it answers from memory: if that stays without an answer too, they are given up.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

SILENCE_SECONDS: Final = 4.0
ANSWER_SECONDS: Final = 8.0


class Pulse:
    """Watches calls of one node. ``ask`` raises ``TimeoutError`` when it does not answer."""

    def __init__(self, ask: Callable[[float], Awaitable[None]]) -> None:
        self._ask = ask
        self._waiting: dict[asyncio.Timeout, float] = {}
        self._watch: asyncio.Task[None] | None = None
        self._was_silent = False

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """For the length of one call. Raises ``TimeoutError`` in it when the node is found silent."""
        async with asyncio.timeout(None) as limit:
            self._waiting[limit] = asyncio.get_running_loop().time()
            if self._watch is None or self._watch.done():
                self._watch = asyncio.create_task(self._look())
            try:
                yield
            finally:
                del self._waiting[limit]

    async def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def _look(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._waiting:
            # One that was silent a moment ago is asked at once.
            silence = 0.0 if self._was_silent else SILENCE_SECONDS
            await asyncio.sleep(silence)
            asked_at = clock()
            if all(since > asked_at - silence for since in self._waiting.values()):
                continue
            try:
                await self._ask(ANSWER_SECONDS)
            except TimeoutError:
                self._was_silent = True
                for limit, since in self._waiting.items():
                    if since <= asked_at:
                        limit.reschedule(asked_at)
            else:
                self._was_silent = False
                await asyncio.sleep(SILENCE_SECONDS)
