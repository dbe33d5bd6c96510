"""Completion as people meet it: in a real bash, zsh and fish."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import run

pytestmark = pytest.mark.interop

_PATIENCE_SECONDS = 30
CASES = [
    ("hygieia who", "whoami"),
    ("hygieia put --cat", "--category"),
    ("hygieia put --category imag", "imaging"),
    ("hygieia kit te", "test"),
    ("hygieia put sca", "scan.pdf"),
    ("hygieia put --password-file sca", "scan.pdf"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scan.pdf").write_bytes(b"")
    for shell in ("bash", "zsh", "fish"):
        (tmp_path / f"complete.{shell}").write_text(run("completion", shell).out)
    return tmp_path


def environment() -> dict[str, str]:
    """A new account's: no settings of anybody's, and the command on the path."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": "/nonexistent", "TERM": "vt100", "LANG": "C.UTF-8"}


class Shell:
    """A shell at a terminal, with nothing of its user's."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._master, slave = os.openpty()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def shows(self, text: str) -> bool:
        """Whether ``text`` is shown within the patience."""
        shown, end = "", time.monotonic() + _PATIENCE_SECONDS
        while text not in shown and time.monotonic() < end:
            if select.select([self._master], [], [], 1)[0]:
                shown += os.read(self._master, 65536).decode(errors="replace")
        return text in shown

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)


@contextlib.contextmanager
def shell(folder: Path, *command: str) -> Iterator[Shell]:
    running = Shell([*command], folder)
    try:
        yield running
    finally:
        running.close()


@pytest.mark.parametrize(
    "command", [("bash", "--norc", "--noprofile", "-i"), ("zsh", "-f", "-i")], ids=["bash", "zsh"]
)
def test_tab_completes_commands_options_words_and_files(
    folder: Path, command: tuple[str, ...]
) -> None:
    """The script as the guide says: sourced by a start file that holds nothing else."""
    with shell(folder, *command) as here:
        here.type(f"source ./complete.{command[0]}; echo re''ady\n")
        assert here.shows("ready")
        for typed, completed in CASES:
            rest = completed.removeprefix(typed.rpartition(" ")[2])
            here.type(f"{typed}\t")
            assert here.shows(rest), typed
            here.type("\x15")


def test_fish_completes_commands_options_words_and_files(folder: Path) -> None:
    for typed, completed in CASES:
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"source complete.fish; complete -C '{typed}'"],
            cwd=folder,
            env=environment() | {"HOME": str(folder)},
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        offered = [line.partition("\t")[0] for line in done.stdout.splitlines()]
        assert completed in offered, (typed, done.stderr)
