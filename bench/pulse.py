"""A process for each core that only sleeps and looks at the clock: what it sees is the machine's.

A virtual machine's core stands still when the host gives it no time, most of all while all cores
and the disk are busy, and what runs on that core stands still with it. So each core has a pulse of
its own, bound to it and, where the system allows, ahead of every ordinary process: it waits for
nobody of ours. A stall of ours counts as far as no core's pulse stood still meanwhile.

python -m bench.pulse CORE RESULT     until SIGTERM; RESULT then holds the [begin, end] of each hole
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TICK_SECONDS = 0.001
HOLE_SECONDS = 0.003
Span = tuple[float, float]
"""Begin and end by the monotonic clock, which all processes share."""


@contextlib.contextmanager
def beating() -> Iterator[list[Span]]:
    """A pulse on each core while the context lasts; the list has their holes afterwards."""
    holes: list[Span] = []
    with tempfile.TemporaryDirectory() as folder:
        results = {core: Path(folder, str(core)) for core in _cores()}
        processes = [
            subprocess.Popen([sys.executable, "-m", "bench.pulse", str(core), str(result)])
            for core, result in results.items()
        ]
        try:
            yield holes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()
        for result in results.values():
            holes += [(begin, end) for begin, end in json.loads(result.read_text("ascii"))]
    holes[:] = _merged(holes)


def longest_ms(spans: Sequence[Span]) -> float:
    """The longest of some spans; 0 if there is none."""
    return max((end - begin for begin, end in spans), default=0.0) * 1000


def longest_beyond_ms(stalls: Sequence[Span], holes: Sequence[Span]) -> float:
    """The longest stall, each less the time in which the pulse stood still as well."""
    return max((_beyond(stall, holes) for stall in stalls), default=0.0) * 1000


def _beyond(stall: Span, holes: Sequence[Span]) -> float:
    begin, end = stall
    shared = sum(max(0.0, min(end, last) - max(begin, first)) for first, last in holes)
    return end - begin - shared


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _cores() -> Sequence[int]:
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [0]


def _go_first(core: int) -> None:
    if sys.platform != "linux":
        return
    os.sched_setaffinity(0, {core})
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def main() -> None:
    _go_first(int(sys.argv[1]))
    holes: list[Span] = []
    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    before = time.monotonic()
    while not stopped:
        time.sleep(TICK_SECONDS)
        now = time.monotonic()
        if now - before > HOLE_SECONDS:
            holes.append((before + TICK_SECONDS, now))
        before = now
    Path(sys.argv[2]).write_text(json.dumps(holes), encoding="ascii")


if __name__ == "__main__":
    main()
