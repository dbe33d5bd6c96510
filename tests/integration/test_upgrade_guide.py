"""hosting.md's lines for a newer version of one folder's server: `git pull`, `make run`, as they stand."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guide import marked, shell
from tests.ports import free_port
from tests.running import Person
from tests.storing import comes_back, put

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
HOSTING = ROOT / "docs" / "guide" / "hosting.md"
PASSWORD = "violet harbour quartz 52 lantern"
START_SECONDS = 300
STOP_SECONDS = 120


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Where the vault's host pulls from: what this working tree has committed."""
    git(tmp_path, "clone", "--quiet", "--no-hardlinks", str(ROOT), "origin")
    return tmp_path / "origin"


@pytest.fixture
def vault(origin: Path, tmp_path: Path) -> Path:
    """A clone of it with this one's packages, installed already: make has nothing to fetch."""
    git(tmp_path, "clone", "--quiet", str(origin), "vault")
    there = tmp_path / "vault"
    (there / ".venv").mkdir()
    (there / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (there / ".venv" / ".run").touch()
    return there


@pytest.fixture
def environment(vault: Path, tmp_path: Path) -> dict[str, str]:
    """A machine whose Node.js is too old to build the web app with: other tests build it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "node").write_text("#!/bin/sh\nexit 1\n")
    (programs / "node").chmod(0o755)
    ours = ("HYGIEIA_", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(vault),
        "PORT": str(free_port()),
    }


def release(origin: Path, version: str) -> None:
    """A newer version to pull."""
    about = origin / "hygieia" / "__init__.py"
    changed, count = re.subn(r'__version__ = ".*"', f'__version__ = "{version}"', about.read_text())
    assert count == 1
    about.write_text(changed)
    git(origin, "commit", "--quiet", "--all", "--message", "A newer version")


@contextlib.contextmanager
def started(lines: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Lines that end in a server: run until it answers, and ended as Ctrl-C ends them."""
    log = folder.parent / "make.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            ["sh", "-euc", lines],
            env=environment,
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
        process.wait(STOP_SECONDS)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        return True
    return False


def version_at(server: str) -> str:
    with urllib.request.urlopen(f"{server}/api/v1/server", timeout=20) as answer:
        return str(json.load(answer)["version"])


def test_a_folder_is_upgraded_by_git_pull_and_make_run(
    origin: Path, vault: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    ana = Person(tmp_path / "ana", f"http://localhost:{environment['PORT']}")
    ana.password_file.write_text(f"{PASSWORD}\n")
    ana.password_file.chmod(0o600)
    with started("make run", vault, environment):
        ana.run("signup", "ana@example.org", "--kit", str(tmp_path / "kit"))
        stored = dict(put(ana, tmp_path, number) for number in range(2))
        said = shell(marked(HOSTING, "beforeupgrade"), vault)
        assert said.splitlines()[-1].startswith("2 reports")
    release(origin, "99.0.0")
    with started(marked(HOSTING, "upgradehome"), vault, environment):
        assert (vault / "before-upgrade" / "documents.sqlite").exists()
        assert version_at(ana.server) == "99.0.0"
        assert all(comes_back(ana, tmp_path, report) == digest for report, digest in stored.items())
        assert put(ana, tmp_path, 2)
