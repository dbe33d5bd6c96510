"""The event loop's thread goes first: other threads of the process work when it waits."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_STEPS_BACK: Final = 10
_MOST_THREADS: Final = 32


def step_back() -> None:
    """Give the calling thread a lower priority than its process has, where the system can.

    Work in threads keeps every core busy: without this, the loop's thread waits its turn behind it
    for 20 to 40 ms (measured, two cores). Only Linux knows priorities of threads; elsewhere the
    number of a thread might be that of somebody's process.
    """
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, 0) + _STEPS_BACK)


def work_behind(loop: asyncio.AbstractEventLoop) -> None:
    """Have ``asyncio.to_thread`` use threads that step back."""
    threads = min(_MOST_THREADS, (os.cpu_count() or 1) + 4)
    loop.set_default_executor(
        ThreadPoolExecutor(threads, thread_name_prefix="hygieia-work", initializer=step_back)
    )
