"""Handing bytes from one socket to another inside the kernel: splice(2), of Linux.

The pages that came in are the pages that go out, so a GiB costs a tenth of a second where reading
and writing it costs three times that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
from typing import TYPE_CHECKING, Final

from hygieia.blocks.bulk import SinkFailed

if TYPE_CHECKING:
    import threading

CAN_SPLICE: Final = hasattr(os, "splice")
PIPE_BYTES: Final = 1 << 20
LOOK_UP_EVERY_SECONDS: Final = 0.5
_SET_PIPE_SIZE: Final = getattr(fcntl, "F_SETPIPE_SZ", 1031)


class Splice:
    """Moves bytes between two non-blocking sockets, in a thread, until ``stopped``."""

    def __init__(self, source: int, sink: int, stopped: threading.Event) -> None:
        self._source = source
        self._sink = sink
        self._stopped = stopped

    def move(self, size_bytes: int, *, silence: float, stall: float) -> int:
        """Move so many bytes; return how many came before the source ended or was silent for long.

        Raises ``SinkFailed``. Times are seconds.
        """
        reader, writer = os.pipe()
        moved = 0
        try:
            with contextlib.suppress(OSError):
                fcntl.fcntl(writer, _SET_PIPE_SIZE, PIPE_BYTES)
            while moved < size_bytes:
                taken = self._take(writer, min(PIPE_BYTES, size_bytes - moved), silence)
                if not taken:
                    break
                self._give(reader, taken, stall)
                moved += taken
        finally:
            os.close(reader)
            os.close(writer)
        return moved

    def _take(self, pipe: int, size_bytes: int, silence: float) -> int:
        flags = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
        while True:
            try:
                return os.splice(self._source, pipe, size_bytes, flags=flags)
            except BlockingIOError:
                if not self._ready(self._source, select.POLLIN, silence):
                    return 0
            except OSError:
                return 0

    def _give(self, pipe: int, size_bytes: int, stall: float) -> None:
        flags = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
        while size_bytes:
            try:
                size_bytes -= os.splice(pipe, self._sink, size_bytes, flags=flags)
            except BlockingIOError:
                if not self._ready(self._sink, select.POLLOUT, stall):
                    raise SinkFailed from None
            except OSError:
                raise SinkFailed from None

    def _ready(self, descriptor: int, event: int, seconds: float) -> bool:
        poll = select.poll()
        poll.register(descriptor, event)
        left = seconds
        while left > 0 and not self._stopped.is_set():
            wait = min(left, LOOK_UP_EVERY_SECONDS)
            if poll.poll(wait * 1000):
                return True
            left -= wait
        return False
