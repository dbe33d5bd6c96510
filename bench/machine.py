"""What every measured run is given alike: a file, a quiet disk, memory that is at hand."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MIB = 1 << 20


def describe() -> str:
    """The machine in words, and how busy it is with other things."""
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory_gib:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}, load before: {load:.1f}"
    )


@contextlib.contextmanager
def workplace(place: str | None = None) -> Iterator[Path]:
    """A folder for one run of the bench, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hygieia-bench-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_file(path: Path, size_mib: float) -> Path:
    """A file that nothing can compress."""
    left = int(size_mib * MIB)
    with path.open("wb") as file:
        while left > 0:
            piece = os.urandom(min(MIB, left))
            file.write(piece)
            left -= len(piece)
    return path


def settle(folder: Path, size_mib: float) -> None:
    """Before each run: what others wrote is on the disk, and memory for the page cache is had.

    A virtual machine gives free memory back to its host within seconds, and a page that comes
    back costs ten times what writing to it does. So a file just deleted makes all runs alike.
    """
    os.sync()
    filler, piece = folder / "filler", bytes(MIB)
    for _ in range(2):
        with filler.open("wb", buffering=0) as file:
            for _ in range(int(size_mib * 2)):
                file.write(piece)
        filler.unlink()


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> bytes:
    """Run a program that must succeed; what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        env=dict(os.environ) | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout[-500:] + done.stderr[-1500:]).decode(errors="replace")
        raise SystemExit(f"{Path(command[0]).name} ended with {done.returncode}: {said}")
    return done.stdout


def cpu_seconds(process_id: int) -> float:
    """What a process has used so far (proc(5), /proc/PID/stat, utime and stime)."""
    fields = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
