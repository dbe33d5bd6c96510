"""`make run` is the first thing that a stranger types into a clone: a server that says what is next."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.running import Person, _without_settings

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
# What says which packages there are to be.
PACKAGES = ("requirements.lock", "requirements-build.lock", "pyproject.toml")
# The web app is built from nothing, on however busy a machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files of a clone, with the packages of this one but nothing built of ours."""
    there = tmp_path / "clone"
    built = shutil.ignore_patterns("node_modules", "web_dist", "__pycache__")
    for folder in ("hygieia", "scripts", "web"):
        shutil.copytree(ROOT / folder, there / folder, ignore=built)
    for file in (ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("requirements*.lock")):
        shutil.copy(file, there)
    # Installed already, and newer than what they are installed from: make has nothing to fetch.
    (there / ".venv").mkdir()
    (there / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (there / ".venv" / ".run").touch()
    packages = there / "web" / "node_modules"
    packages.mkdir()
    for package in (WEB / "node_modules").iterdir():
        if package.name == ".bin" or not package.name.startswith("."):
            (packages / package.name).symlink_to(package)
    (packages / ".ready").touch()
    return there


@pytest.fixture
def running(clone: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`make run` in the clone, and its port; nothing of it is left at the end."""
    port = free_port()
    with subprocess.Popen(
        ["make", "run", f"PORT={port}", f"DATA={tmp_path / 'data'}"],
        cwd=clone,
        env=_without_settings() | {"PYTHONPATH": str(clone)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process, port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def said_until(process: subprocess.Popen[str], word: str) -> list[str]:
    """The lines up to the first that begins so."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(word):
            return lines
    raise AssertionError(f"it ended without saying {word!r}: {lines}")


def server_of(make: subprocess.Popen[str]) -> int:
    """The process that make waits for."""
    [child] = Path(f"/proc/{make.pid}/task/{make.pid}/children").read_text().split()
    return int(child)


def made(clone: Path, *arguments: str) -> None:
    """Run make in the clone, which must succeed."""
    done = subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env=_without_settings(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_are_installed_once_and_again_when_others_are_wanted(clone: Path) -> None:
    # In the place of the one that fetches them.
    (clone / "scripts" / "environment").write_text('#!/bin/sh\necho "$1" >>asked\n')
    stamp = clone / ".venv" / ".run"
    stamp.unlink()
    sources = [clone / name for name in PACKAGES]
    for changed in (None, *sources):
        for source in sources:
            os.utime(source, (1, 1))
        if changed is not None:
            os.utime(stamp, (2, 2))
            os.utime(changed, (3, 3))
        (clone / "asked").write_text("")
        for _ in range(2):
            made(clone, ".venv/.run")
        assert (clone / "asked").read_text() == "run\n", changed


def test_a_clone_runs_shows_its_app_takes_what_it_says_is_next_and_stops(
    running: tuple[subprocess.Popen[str], int], clone: Path, tmp_path: Path
) -> None:
    make, port = running
    said = said_until(make, "Data: ")
    server = f"http://localhost:{port}"
    assert said[-3] == f"Hygieia is running at {server}"
    assert said[-1].split("    ")[0] == f"Data: {tmp_path / 'data'}"

    with urllib.request.urlopen(f"{server}/", timeout=60) as answer:
        page = answer.read()
    assert page == (clone / "hygieia" / "web_dist" / "index.html").read_bytes()
    assert b"<script" in page

    [label, command, *arguments] = said[-2].split()
    assert (label, arguments) == ("Next:", ["--server", server, "signup", "you@example.org"])
    assert shutil.which(command, path=clone / ".venv" / "bin") or shutil.which(command)
    you = Person(tmp_path / "you", server)
    you.password_file.write_text("violet harbour quartz 52 lantern\n")
    you.run(*arguments, "--name", "You", "--kit", str(tmp_path / "kit"))

    os.kill(server_of(make), signal.SIGTERM)
    rest, _ = make.communicate()
    assert make.returncode == 0, rest
    # The second time nothing is installed or built.
    made(clone, "--question", ".venv/.run", "hygieia/web_dist/index.html")
    with pytest.raises(ProcessLookupError):
        os.killpg(make.pid, 0)
