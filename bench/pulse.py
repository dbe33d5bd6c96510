"""A process that only sleeps and looks at the clock: what it sees is the machine's doing.

A virtual machine stands still when its host gives it no time, most of all while both its cores and
its disk are busy, and every program on it stands still with it. A stall of ours counts as far as
this process, at the same priority, did not see the same one.

python -m bench.pulse RESULT     until SIGTERM; RESULT then holds the [begin, end] of each hole
"""

from __future__ import annotations

import contextlib
import json
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
    """A pulse while the context lasts; the list has its holes afterwards."""
    holes: list[Span] = []
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "holes")
        process = subprocess.Popen([sys.executable, "-m", "bench.pulse", str(result)])
        try:
            yield holes
        finally:
            process.terminate()
            process.wait()
        holes += [(begin, end) for begin, end in json.loads(result.read_text(encoding="ascii"))]


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


def main() -> None:
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
    Path(sys.argv[1]).write_text(json.dumps(holes), encoding="ascii")


if __name__ == "__main__":
    main()
