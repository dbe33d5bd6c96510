"""The bench runs, and measures everything it promises; how fast is for people to judge."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ROOT / "docs" / "benchmarks.md"
OTHERS = ("restic", "borg", "rclone")
ASKED_FOR = ("Kubo",)
"""Rows of parts that run only when they are named."""

MEASURED = (
    "start of a bare Python",
    "hygieia --help",
    "completing a word in the shell",
    "hygieia whoami",
    "put 8 MiB: the floor",
    "put 8 MiB",
    "put 8 MiB: client's peak memory",
    "put 8 MiB: server's peak memory",
    "put 8 MiB: client's longest loop stall, best round",
    "put 8 MiB: server's longest loop stall, best round",
    "get 8 MiB: the floor",
    "get 8 MiB",
    "get 8 MiB: client's peak memory",
    "get 8 MiB: server's peak memory",
    "start of a command (whoami), not in the rows above",
    "20 reports of 50 kB",
    "share 10 kB on directory",
    "share 100 MiB on directory",
    "share 100 MiB on directory: the report's",
    "share 100 MiB on directory: the index's",
    "index of 200: bytes one change writes",
    "index of 200: cold open from a gateway",
    "list the newest 100 reports, of 400 (of 200)",
    "read one report, of 400 (of 200)",
    "read one block from the gateway, of 400 (of 200)",
)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_bench_runs_and_measures_all_it_promises(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--smoke", "--place", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    measured = names(done.stdout)
    assert set(MEASURED) <= measured
    shown = shapes(names(measured_section(SHOWN.read_text(encoding="utf-8"))))
    assert shown <= shapes(measured), "docs/benchmarks.md names rows as the bench prints them"
    assert list(tmp_path.iterdir()) == []


def measured_section(page: str) -> str:
    """What stands under "Measured"."""
    return page.partition("\n## Measured\n")[2].partition("\n## ")[0]


def names(text: str) -> set[str]:
    """What the rows of the table are called."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0].removeprefix("| ") for line in lines}


def shapes(rows: set[str]) -> set[str]:
    """The names of rows whatever the sizes, without those of what may not be installed."""
    return {
        re.sub(r"[\d,]+(?: [kMG]i?B)?", "#", row)
        for row in rows
        if not row.startswith(OTHERS) and not any(each in row for each in ASKED_FOR)
    }
