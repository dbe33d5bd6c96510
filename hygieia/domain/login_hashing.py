"""What the server keeps of a login secret, and the bounded work of checking one.

The login secret is 256 bits that Argon2id made of the password on the client (docs/spec/02), so the
server's hash need not slow down guessing of it: it keeps a stolen database from logging in, and
every guess of a password still costs the client's Argon2id. RFC 9106 parameters below OWASP's
minimum would do; this is that minimum.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from hygieia.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

THREADS: Final = 2
QUEUE: Final = 128
"""Waiting and running at most: 128 take two or three seconds, 20 MiB for each thread."""

RETRY_AFTER_SECONDS: Final = 3
_HASHER: Final = PasswordHasher(
    time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)


class LoginHasher:
    """Hashes and verifies login secrets in threads of its own, a bounded number at a time."""

    def __init__(self, *, threads: int = THREADS, queue: int = QUEUE) -> None:
        self._executor = ThreadPoolExecutor(threads, "login-hash")
        self._room = queue
        self._decoy = _HASHER.hash(secrets.token_hex(32))

    @property
    def room(self) -> int:
        """How many more may wait or run."""
        return self._room

    async def hash(self, login_secret: str) -> str:
        """Returns the text to keep: algorithm, parameters, salt and hash. Raises Unavailable."""
        return await self._run(lambda: _HASHER.hash(login_secret))

    async def verify(self, kept: str | None, login_secret: str) -> bool:
        """Says whether the secret is the one kept. Raises Unavailable.

        With nothing kept (no such account) the answer is no, after the same work.
        """
        matches = await self._run(lambda: _matches(kept or self._decoy, login_secret))
        return matches and kept is not None

    def close(self) -> None:
        """Ends the threads; what waits is given up."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._room <= 0:
            raise Unavailable(
                "Too many people are signing in at once.", retry_after_seconds=RETRY_AFTER_SECONDS
            )
        self._room -= 1
        future = self._executor.submit(work)
        loop = asyncio.get_running_loop()
        # Room is given back when the work ends, not when its caller stops waiting for it.
        future.add_done_callback(lambda _: _call_soon(loop, self._give_back))
        return await asyncio.wrap_future(future)

    def _give_back(self) -> None:
        self._room += 1


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)


def _matches(kept: str, login_secret: str) -> bool:
    try:
        return _HASHER.verify(kept, login_secret)
    except (VerificationError, InvalidHashError):
        return False
