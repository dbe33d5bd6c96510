"""hosting.md's lines for a newer version in one folder: `git pull` and `make run`, as they stand.

From nothing, so this is also what a stranger's `make run` does, but for the web app: building that
is the browser suites' matter, and here there is no Node.js.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guide import marked, shell
from tests.running import Person, free_port
from tests.storing import comes_back, put

# It installs the server's packages twice, as `make test-servers` may.
pytestmark = [pytest.mark.servers, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
HOSTING = ROOT / "docs" / "guide" / "hosting.md"
PASSWORD = "violet harbour quartz 52 lantern"
START_SECONDS = 900


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Where the vault's host pulls from: what this working tree has committed."""
    git(tmp_path, "clone", "--quiet", "--no-hardlinks", str(ROOT), "origin")
    return tmp_path / "origin"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A machine with make, git and Python, and a Node.js that is too old to build with."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "node").write_text("#!/bin/sh\nexit 1\n")
    (programs / "node").chmod(0o755)
    return {"PATH": f"{programs}:{os.environ['PATH']}", "PORT": str(free_port())}


def release(origin: Path, version: str) -> None:
    """A newer version to pull."""
    about = origin / "hygieia" / "__init__.py"
    changed, count = re.subn(r'__version__ = ".*"', f'__version__ = "{version}"', about.read_text())
    assert count == 1
    about.write_text(changed)
    git(origin, "commit", "--quiet", "--all", "--message", "A newer version")


@contextlib.contextmanager
def started(lines: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Lines that end in a server: run until it answers, and ended as Ctrl-C does."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HYGIEIA_", "MAKE", "MFLAGS"))}
    log = folder.parent / "make.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            ["sh", "-euc", lines],
            env=kept | environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not answers(int(environment["PORT"])):
            said = log.read_text(errors="replace")[-3000:]
            assert process.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        return True
    return False


def test_a_folder_is_upgraded_by_git_pull_and_make_run(
    origin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", str(origin), "vault")
    vault = tmp_path / "vault"
    ana = Person(tmp_path / "ana", f"http://localhost:{environment['PORT']}")
    ana.password_file.write_text(f"{PASSWORD}\n")
    ana.password_file.chmod(0o600)
    programs = vault / ".venv" / "bin"
    with started("make run", vault, environment):
        ana.run("signup", "ana@example.org", "--kit", str(tmp_path / "kit"))
        stored = dict(put(ana, tmp_path, number) for number in range(2))
        shell(marked(HOSTING, "beforeupgrade"), vault, programs=programs)
    release(origin, "99.0.0")
    with started(marked(HOSTING, "upgradehome"), vault, environment):
        assert "99.0.0" in shell("hygieia --version", vault, programs=programs)
        assert all(comes_back(ana, tmp_path, report) == digest for report, digest in stored.items())
        ana.run("put", str(ana.password_file))
