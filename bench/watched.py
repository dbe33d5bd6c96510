"""The real command in a process of its own, watched from inside.

python -m bench.watched RESULT ARGUMENT...     as ``hygieia ARGUMENT...``

When it ends, RESULT holds what only the process itself knows: its peak memory, its CPU seconds,
and how long its event loop let others wait.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import re
import selectors
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.pulse import SHORT_MS, Turn
from hygieia.cli.main import main as hygieia

TICK_SECONDS = 0.002
LATE_SECONDS = 0.005
WATCH_LOOPS = "BENCH_WATCH_LOOPS"
"""The environment variable that has event loops watched."""


@dataclass
class Watch:
    """Asks the loop for a turn every 2 ms; how late a turn comes is how long the loop stalled.

    ``long_turns`` are those in which the loop's thread itself spent over 5 ms of CPU, from one wait
    for events to the next: what our code does to the loop, without the waits for a core that
    others had.

    It counts once the process has started, which both command and server mark by ``gc.freeze``:
    before that there is nothing under way that could wait.
    """

    late: list[tuple[float, float]] = field(default_factory=list)
    """When turns were due and when they came, by the monotonic clock: those over 5 ms late."""
    long_turns: list[Turn] = field(default_factory=list)
    turns: int = 0
    started: bool = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(TICK_SECONDS, self._turn, loop, loop.time() + TICK_SECONDS)

    def _turn(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        came = loop.time()
        if self.started:
            self.turns += 1
            if came - due > LATE_SECONDS:
                self.late.append((due, came))
        else:
            # Asked until it is so: the answer counts every object.
            self.started = gc.get_freeze_count() > 0
        self.start(loop)


class WatchedSelector(selectors.DefaultSelector):
    """Knows when a turn of the loop begins and ends: between two waits for events."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch
        self._began: tuple[float, float] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._began is not None and self._watch.started:
            began, cpu_before = self._began
            own_ms = (time.thread_time() - cpu_before) * 1000
            if own_ms > SHORT_MS:
                turn = Turn(began, time.monotonic(), own_ms, _this_core())
                self._watch.long_turns.append(turn)
        found = super().select(timeout)
        self._began = time.monotonic(), time.thread_time()
        return found


class WatchedLoops(asyncio.DefaultEventLoopPolicy):
    """Every event loop made from now on is watched."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.SelectorEventLoop(WatchedSelector(self._watch))
        self._watch.start(loop)
        return loop


def _this_core() -> int:
    ask = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return 0 if ask is None else int(ask())


def peak_memory_mib() -> float:
    """The most memory this process ever had resident: since exec, unlike ``ru_maxrss``."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    result, sys.argv[1:] = Path(sys.argv[1]), sys.argv[2:]
    watch = Watch()
    if os.environ.get(WATCH_LOOPS):
        asyncio.set_event_loop_policy(WatchedLoops(watch))
    try:
        hygieia()
    finally:
        times = os.times()
        seen = {
            "peak_mib": peak_memory_mib(),
            "cpu_seconds": times.user + times.system,
            "alive_seconds": time.monotonic() - _START,
            **asdict(watch),
        }
        result.write_text(json.dumps(seen), encoding="ascii")


_START = time.monotonic()

if __name__ == "__main__":
    main()
