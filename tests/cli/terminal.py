"""A command at a terminal of its own: what it shows, what a person types."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.running import COMMAND

# A new session whose controlling terminal is standard input: where passwords are asked for.
_AT_A_TERMINAL = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
CTRL_C = "\x03"
_PATIENCE_SECONDS = 50


@dataclass
class Terminal:
    """One command at one terminal."""

    process: subprocess.Popen[bytes]
    master: int
    shown: str = ""
    _raw: bytes = field(default=b"", repr=False)
    _waited_for: int = field(default=0, repr=False)

    def wait_for(self, text: str) -> None:
        """Read until ``text`` has been shown, counting from what was waited for before."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while (at := self.shown.find(text, self._waited_for)) < 0 and time.monotonic() < end:
            if not self._read():
                break
        assert at >= 0, f"never shown: {text!r} in {self.shown!r}"
        self._waited_for = at + len(text)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def answer(self, question: str, text: str) -> None:
        """Wait for a question and type an answer and Enter, once it is no longer echoed."""
        self.wait_for(question)
        end = time.monotonic() + _PATIENCE_SECONDS
        while self._echoes() and time.monotonic() < end:
            time.sleep(0.01)
        self.type(f"{text}\n")

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE_SECONDS)

    def _echoes(self) -> bool:
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.master], [], [], _PATIENCE_SECONDS)
        if not ready:
            return False
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # Linux's way to say that nobody has the other end open any more
            return False
        self._raw += piece
        self.shown = self._raw.decode(errors="replace")
        return bool(piece)


@contextlib.contextmanager
def at_terminal(*arguments: str, environ: dict[str, str], columns: int = 100) -> Iterator[Terminal]:
    """Start a command at a new terminal."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _AT_A_TERMINAL, COMMAND, *arguments],
            env={"TERM": "xterm-256color", "LANG": "C.UTF-8", **environ},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
    finally:
        os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(master)
