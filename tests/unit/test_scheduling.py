from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from hygieia.scheduling import work_behind

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux gives threads priorities of their own"
)


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_in_threads_steps_back_behind_the_loop() -> None:
    before = niceness()

    async def both() -> tuple[int, int]:
        work_behind(asyncio.get_running_loop())
        return await asyncio.to_thread(niceness), niceness()

    in_thread, in_loop = asyncio.run(both())
    assert in_loop == before
    assert in_thread == min(before + 10, 19)
