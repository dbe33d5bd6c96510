"""Handing bytes from one socket to another inside the kernel: splice(2), of Linux.

The pages that came in are the pages that go out, so a GiB costs a tenth of a second where reading
and writing it costs three times that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import time
from typing import TYPE_CHECKING, Final

from hygieia.blocks.bulk import SinkFailed

if TYPE_CHECKING:
    import threading

CAN_SPLICE: Final = hasattr(os, "splice")
PIPE_BYTES: Final = 1 << 20
LOOK_UP_EVERY_SECONDS: Final = 0.5
SLOWEST_BYTES: Final = 1 << 20
WINDOW_SECONDS: Final = 10
"""Who takes fewer bytes than that in so long is not worth a thread: there are few of them."""
_SET_PIPE_SIZE: Final = getattr(fcntl, "F_SETPIPE_SZ", 1031)


class Splice:
    """Moves bytes between two non-blocking sockets, in a thread, until ``stopped``."""

    def __init__(
        self,
        source: int,
        sink: int,
        stopped: threading.Event,
        *,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._source = source
        self._sink = sink
        self._stopped = stopped
        self._window_seconds = window_seconds
        self._moved = 0
        self._moved_before = 0
        self._judged_at = 0.0

    def move(self, size_bytes: int, *, silence_seconds: float) -> int:
        """Move so many bytes; return how many went out.

        Fewer: the source ended or was silent for so long, or both ends together are too slow. What
        was taken in meanwhile and did not go out is dropped. Raises ``SinkFailed``.
        """
        reader, writer = os.pipe()
        self._moved = self._moved_before = 0
        self._judged_at = time.monotonic()
        try:
            with contextlib.suppress(OSError):
                fcntl.fcntl(writer, _SET_PIPE_SIZE, PIPE_BYTES)
            while self._moved < size_bytes and not self._is_slow():
                left = min(PIPE_BYTES, size_bytes - self._moved)
                taken = self._take(writer, left, silence_seconds)
                if not taken or not self._give(reader, taken):
                    break
        finally:
            os.close(reader)
            os.close(writer)
        return self._moved

    def _take(self, pipe: int, size_bytes: int, silence_seconds: float) -> int:
        flags = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
        while True:
            try:
                return os.splice(self._source, pipe, size_bytes, flags=flags)
            except BlockingIOError:
                if not self._is_ready(self._source, select.POLLIN, silence_seconds):
                    return 0
            except OSError:
                return 0

    def _give(self, pipe: int, size_bytes: int) -> bool:
        """Whether all of it went out."""
        flags = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
        while size_bytes:
            try:
                given = os.splice(pipe, self._sink, size_bytes, flags=flags)
            except BlockingIOError:
                # Until it is found to be slow.
                if not self._is_ready(self._sink, select.POLLOUT, float("inf")):
                    return False
            except OSError:
                raise SinkFailed from None
            else:
                size_bytes -= given
                self._moved += given
        return True

    def _is_ready(self, descriptor: int, event: int, seconds: float) -> bool:
        poll = select.poll()
        poll.register(descriptor, event)
        until = time.monotonic() + seconds
        wait = min(LOOK_UP_EVERY_SECONDS, self._window_seconds, seconds)
        while not self._stopped.is_set() and not self._is_slow():
            if poll.poll(wait * 1000):
                return True
            if time.monotonic() >= until:
                return False
        return False

    def _is_slow(self) -> bool:
        """Whether a window has ended in which too little went out."""
        now = time.monotonic()
        if now - self._judged_at < self._window_seconds:
            return False
        slow = self._moved - self._moved_before < SLOWEST_BYTES
        self._moved_before, self._judged_at = self._moved, now
        return slow
