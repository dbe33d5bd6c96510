"""The shell lines of a guide, taken out of its Markdown and run as they stand."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.running import COMMAND

SHELL_SECONDS = 300
_FENCE = re.compile(r"^```sh ?(\w*)\n(.*?)^```$", re.M | re.S)


def shell_lines(guide: Path, *, careful: bool, secret: str = "password") -> str:
    """All of a guide's blocks in order.

    Blocks marked ``careful`` are the ones to be pasted right after the one marked ``setup``; of
    those marked ``password`` or ``code``, only those of the ``secret`` that one has are pasted; the
    one marked ``cleanup`` is for people alone.
    """
    left_out = {"careful", "cleanup", "password", "code"} - {secret}
    blocks = _FENCE.findall(guide.read_text("utf-8"))
    extra = "".join(text for mark, text in blocks if mark == "careful")
    lines = []
    for mark, text in blocks:
        if mark in left_out:
            continue
        lines.append(text)
        if mark == "setup" and careful:
            lines.append(extra)
    return "\n".join(lines)


def marked(guide: Path, mark: str) -> str:
    """The lines of the one block that carries a mark."""
    (lines,) = [text for found, text in _FENCE.findall(guide.read_text("utf-8")) if found == mark]
    return str(lines)


def shell(lines: str, folder: Path, *, programs: Path = COMMAND.parent) -> str:
    """Run lines in a folder, where `hygieia` is the command in ``programs``; what is printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HYGIEIA_")}
    path = f"{programs}:{environment['PATH']}"
    done = subprocess.run(
        ["sh", "-euc", lines],
        env=environment | {"PATH": path},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SHELL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Chroot:
    """A folder of one's own inside another Debian, and a shell that starts in it."""

    root: Path
    folder: Path

    def bash(
        self, script: str, *, stdin: str, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script there with nothing of our environment."""
        (self.folder / "script.sh").write_text(script, encoding="utf-8")
        inside = "/" + str(self.folder.relative_to(self.root))
        return subprocess.run(
            ["chroot", self.root, "bash", "-c", f"cd {inside} && exec bash script.sh"],
            env={"HOME": inside, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )


@contextlib.contextmanager
def folder_in(root: Path) -> Iterator[Chroot]:
    """A new folder inside the chroot; nothing is mounted, so removing it removes only files."""
    folder = Path(tempfile.mkdtemp(prefix="guide-", dir=root / "tmp"))
    try:
        yield Chroot(root, folder)
    finally:
        shutil.rmtree(folder)
