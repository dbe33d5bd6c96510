"""Counts the sealed keys that sign-ins have refused, and stops asking for more (threat MS-08).

A server that may change a sealed key again and again, and watch what becomes of each, has in other
products learned the key bit by bit. Here the MAC gives nothing away; all the same the waits grow,
and after five the device asks no more until its owner says so.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from hygieia.client.state import write_atomically
from hygieia.errors import SealedKeyRefused, TooManyAttempts

if TYPE_CHECKING:
    from hygieia.client.state import ProfileStore

_WAIT_SECONDS: Final = (0, 2, 10, 60)
MOST_REFUSALS: Final = len(_WAIT_SECONDS) + 1

_clock = time.time


class Refusals:
    """The refused seals of one profile, kept over processes."""

    def __init__(self, store: ProfileStore) -> None:
        self._store = store
        self._path = store.refusals_file

    def check(self) -> None:
        """Whether a sign-in may be tried now.

        Raises:
            SealedKeyRefused: five were refused already.
            TooManyAttempts: not yet.
        """
        count, until = self._read()
        if count >= MOST_REFUSALS:
            raise SealedKeyRefused(
                "The server has answered with a wrong sealed key too often; it is asked no more.",
                hint="Ask its operator, or open your vault with your kit: hygieia recover. "
                "To try this server again: hygieia logout --forget",
            )
        wait = until - _clock()
        if wait > 0:
            raise TooManyAttempts(
                "The server answered with a wrong sealed key just now.",
                retry_after_seconds=int(wait) + 1,
                hint="Wait a little, then try again.",
            )

    def add(self) -> None:
        """Remember one more."""
        with self._store.locked():
            count = self._read()[0] + 1
            wait = _WAIT_SECONDS[min(count, len(_WAIT_SECONDS)) - 1]
            kept = {"count": count, "until": _clock() + wait}
            write_atomically(self._path, json.dumps(kept).encode())

    def clear(self) -> None:
        """A sign-in went well."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> tuple[int, float]:
        try:
            kept = json.loads(self._path.read_text("utf-8"))
            return int(kept["count"]), float(kept["until"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, 0.0
