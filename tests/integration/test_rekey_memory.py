"""Re-key takes the same memory for a long report as for a short one, and leaves nothing plain."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import by, environment_of, sign_up
from tests.running import Person, RunningServer, running_server

pytestmark = pytest.mark.timeout(600)

MIB = 1 << 20
SHORT_MIB, LONG_MIB = 8, 192
# Held at most: the pipe, what a download and an upload hold. A whole content would be over it.
MORE_MIB = 96
MARK = b"a line that only the record holds"

# Runs the command in a process of its own and tells the most memory that it ever had.
MEASURED = """
import pathlib, sys
from hygieia.cli.invocation import Invocation
from hygieia.cli.main import run
code = run(sys.argv[1:], Invocation())
status = pathlib.Path("/proc/self/status").read_text()
print(status.partition("VmHWM:")[2].split()[0], file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server")) as started:
        yield started


def stored(ana: Person, mib: int) -> str:
    path = ana.home.parent / f"{mib}.bin"
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(MARK + os.urandom(MIB - len(MARK)))
    done = by(ana, "put", str(path), "--json")
    assert done.code == 0, done.err
    path.unlink()
    return str(done.json["reports"][0]["id"])


def peak_mib(ana: Person, report: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "rekey", report, "--quiet"],
        env=environment_of(ana),
        cwd=ana.home.parent,
        capture_output=True,
        timeout=300,
        check=True,
    )
    return int(done.stderr.split()[-1]) / 1024


def holds_mark(folder: Path) -> bool:
    return any(MARK in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_memory_does_not_grow_with_the_report(server: RunningServer, tmp_path: Path) -> None:
    ana = sign_up(server.address, tmp_path, "ana-memory@example.org")
    short, long = stored(ana, SHORT_MIB), stored(ana, LONG_MIB)
    least, most = peak_mib(ana, short), peak_mib(ana, long)
    assert most < least + MORE_MIB, f"{least:.0f} MiB for {SHORT_MIB}, {most:.0f} for {LONG_MIB}"
    assert not holds_mark(tmp_path), "something of the content was written down"
