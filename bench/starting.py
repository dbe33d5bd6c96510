"""How soon the command answers: help, version, a completed word and `whoami`.

Each beside a Python that starts and does nothing, in turns with it, so that a busy moment of the
machine falls upon both. All are started as pip's console script starts the command.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.machine import run, seconds_of
from bench.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path

    from bench.rows import Table

ANSWER_MS = 200
WHOAMI_MS = 500
NOTHING = (sys.executable, "-c", "pass")
HYGIEIA = (sys.executable, "-c", "import sys; from hygieia.cli.start import main; sys.exit(main())")


@dataclass(frozen=True)
class Call:
    """One way to call the command, and within how many milliseconds it is to answer."""

    what: str
    words: tuple[str, ...]
    target_ms: float
    environment: Mapping[str, str] = field(default_factory=dict)


CALLS = (
    Call("hygieia --help", ("--help",), ANSWER_MS),
    Call("hygieia --version", ("--version",), ANSWER_MS),
    Call("hygieia put --help", ("put", "--help"), ANSWER_MS),
    Call(
        "completing a word in the shell",
        (),
        ANSWER_MS,
        {
            "_HYGIEIA_COMPLETE": "bash_complete",
            "COMP_WORDS": "hygieia admin acc",
            "COMP_CWORD": "2",
        },
    ),
    Call("hygieia whoami", ("whoami",), WHOAMI_MS),
)


def measure(table: Table, folder: Path, starts: int) -> None:
    """Rows for the best of some starts: a bare Python's, and the command's in its ratio to it."""
    vault = Vault(folder / "vault-start")
    vault.prepare()
    with vault.serving():
        vault.sign_up()
        found = [_best(vault, call, starts) for call in CALLS]
    bare = min(floor for floor, _ in found)
    table.add("start of a bare Python", f"{bare * 1000:.1f} ms", ratio=1.0)
    for call, (floor, seconds) in zip(CALLS, found, strict=True):
        table.at_most(call.what, seconds * 1000, "ms", call.target_ms, ratio=seconds / floor)
    shutil.rmtree(vault.folder)


def _best(vault: Vault, call: Call, starts: int) -> tuple[float, float]:
    """Seconds that a bare Python took, and the call."""
    environment = {**vault.environment, **call.environment}
    run([*HYGIEIA, *call.words], environment)  # compiles what it runs
    floors, times = [], []
    for _ in range(starts):
        floors.append(seconds_of(lambda: run(NOTHING, environment)))
        times.append(seconds_of(lambda: run([*HYGIEIA, *call.words], environment)))
    return min(floors), min(times)
