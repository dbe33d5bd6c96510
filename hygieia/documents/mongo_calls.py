"""The calls under way to a database: bounded in time, their errors in our words, ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Final, TypeVar

from pymongo.errors import OperationFailure

from hygieia.documents.mongo_errors import is_undone, translate
from hygieia.errors import HygieiaError, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

T = TypeVar("T")

QUEUE_SECONDS: Final = 2.0
"""How long a call may wait for a thread of the driver's, when all wait for a server."""

TRIES: Final = 4
"""How often a write is tried that the server takes back for another's sake."""

FIRST_PAUSE_SECONDS: Final = 1.0
"""The longest pause before its second try; twice that before its third, and so on.

PostgreSQL looks for a deadlock after a second. Who came again sooner would meet the others before
one of them is through, and be one more to wait for.
"""


async def until_kept(write: Callable[[], Awaitable[T]]) -> T:
    """Makes a write, and again where the server undid it to end a deadlock with another.

    Of the writes that wait for each other one always goes through, so some try gets its turn, if
    they do not all come again at once: each waits for a while that is its own.
    The driver repeats no such write: to MongoDB itself, which repeats it, the error is unknown.
    """
    for past in range(TRIES - 1):
        try:
            return await write()
        except OperationFailure as error:
            if not is_undone(error):
                raise
        await asyncio.sleep(random.uniform(0, FIRST_PAUSE_SECONDS * 2**past))  # noqa: S311  (no secret)
    return await write()


class Calls:
    """Counts the calls, so that a store can be closed once the last has ended.

    ``driver_seconds`` is what the driver gives a call that it has begun.
    """

    def __init__(self, driver_seconds: float) -> None:
        self._seconds = driver_seconds + QUEUE_SECONDS
        self._under_way = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        """Around one call. Raises Unavailable and what else the database's errors mean."""
        if self._closed:
            raise Unavailable("The document store is closed.")
        self._under_way += 1
        self._idle.clear()
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except HygieiaError:
            raise
        except TimeoutError:
            raise Unavailable("The database does not answer in time.") from None
        except Exception as error:  # a server's garbage breaks a driver anywhere
            raise translate(error) from error
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def end(self) -> None:
        """Refuses further calls and waits for those under way."""
        self._closed = True
        await self._idle.wait()
