"""A process for each core that only sleeps and looks at the clock: what it sees is the machine's.

A virtual machine's core stands still when the host gives it no time, most of all while all cores
and the disk are busy, and what runs on that core stands still with it. So each core has a pulse of
its own, bound to it and, where the system allows, ahead of every ordinary process: it waits for
nobody of ours, and a kernel that can be preempted leaves a long system call for it. A stall of ours
counts as far as no core's pulse stood still meanwhile; a thread's CPU as far as its own core's did
not, since the kernel counts that time as the thread's.

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TICK_SECONDS = 0.001
HOLE_SECONDS = 0.003
SHORT_MS = 5.0
Span = tuple[float, float]
"""Begin and end by the monotonic clock, which all processes share."""


@dataclass(frozen=True)
class Turn:
    """A turn of an event loop: when, the CPU its thread was counted, the core it ended on."""

    begin: float
    end: float
    own_ms: float
    core: int


@dataclass
class Holes:
    """When the machine itself stood still: by core, and any of them."""

    by_core: dict[int, list[Span]] = field(default_factory=dict)
    any_core: list[Span] = field(default_factory=list)


@contextlib.contextmanager
def beating() -> Iterator[Holes]:
    """A pulse on each core while the context lasts; its value has their holes afterwards."""
    holes = Holes()
    with tempfile.TemporaryDirectory() as folder:
        results = {core: Path(folder, str(core)) for core in _cores()}
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.pulse", str(core), str(result)],
                stdout=subprocess.PIPE,
            )
            for core, result in results.items()
        ]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # it beats
        try:
            yield holes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.communicate()
        for core, result in results.items():
            seen = json.loads(result.read_text("ascii"))
            holes.by_core[core] = [(begin, end) for begin, end in seen]
    holes.any_core = _merged([span for spans in holes.by_core.values() for span in spans])


def longest_ms(spans: Sequence[Span]) -> float:
    """The longest of some spans; 0 if there is none."""
    return max((end - begin for begin, end in spans), default=0.0) * 1000


def longest_beyond_ms(stalls: Sequence[Span], holes: Holes) -> float:
    """The longest stall, each less the time in which a pulse stood still as well."""
    beyond = (end - begin - _shared((begin, end), holes.any_core) for begin, end in stalls)
    return max(beyond, default=0.0) * 1000


def most_own_ms(turns: Sequence[Turn], holes: Holes) -> float:
    """The most CPU of a turn, each less the time in which its core stood still meanwhile.

    A lower bound: a turn may have waited while its core stood still. Turns of less than SHORT_MS
    are not kept, so it is never less than that.
    """
    own = (
        turn.own_ms - _shared((turn.begin, turn.end), holes.by_core.get(turn.core, [])) * 1000
        for turn in turns
    )
    return max([SHORT_MS, *own])


def _shared(span: Span, holes: Sequence[Span]) -> float:
    begin, end = span
    return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in holes)


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
    print(flush=True)
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
