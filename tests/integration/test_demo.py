"""`make demo` plays its whole story on real files, and fails loudly when a step of it fails."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import COMMAND, _without_settings

SCRIPTS = Path(__file__).parents[2] / "scripts"
STEPS = 17
# Some sixty commands and two servers, one after the other.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# In place of the command: does what it does, but for the one that is to go wrong.
SABOTAGED = """#!{python}
import os, subprocess, sys
words = sys.argv[1:]
if words[0] != os.environ.get("DEMO_BREAKS"):
    os.execv({command!r}, [{command!r}, *words])
if words[0] == "get":
    subprocess.run([{command!r}, *words], check=True)
    with open(words[words.index("-o") + 1], "ab") as file:
        file.write(b"more")
    sys.exit(0)
print("it broke", file=sys.stderr)
sys.exit(9)
"""


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The script as a clone has it, with a command beside it that can be made to fail."""
    command = tmp_path / ".venv" / "bin" / "hygieia"
    command.parent.mkdir(parents=True)
    command.write_text(SABOTAGED.format(python=sys.executable, command=str(COMMAND)))
    command.chmod(0o755)
    (tmp_path / "scripts").mkdir()
    for name in ("demo", "sample_records.py"):
        shutil.copy(SCRIPTS / name, tmp_path / "scripts")
    return tmp_path / "scripts" / "demo"


def play(demo: Path, breaks: str = "") -> subprocess.CompletedProcess[str]:
    """Run it; whatever happens, neither folders nor servers of it are left."""
    folders = demo.parent / "temporary"
    folders.mkdir()
    playing = subprocess.Popen(
        [sys.executable, demo],
        env=_without_settings() | {"TMPDIR": str(folders), "DEMO_BREAKS": breaks},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = playing.communicate()
    finally:
        if playing.poll() is None:  # the test's time is over
            os.killpg(playing.pid, signal.SIGTERM)
            playing.wait()
    assert list(folders.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(playing.pid, 0)
    return subprocess.CompletedProcess(demo.name, playing.returncode, out, err)


def test_the_whole_story_is_told_to_its_end(demo: Path) -> None:
    done = play(demo)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-3000:]
    assert re.findall(r"^(\d+)\. ", done.stdout, re.M) == [str(n + 1) for n in range(STEPS)]
    assert "hygieia recover kit/hygieia-kit.json --gateway" in done.stdout
    assert "That is Hygieia" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("breaks", "step", "because"),
    [
        ("serve", 1, "The server ended:\nit broke"),
        ("signup", 2, "`hygieia signup ana@example.org --name 'Ana Probst' --kit kit` ended with"),
        ("put", 3, "ended with exit code 9."),
        ("get", 5, "The file that came back is not the one that was stored."),
    ],
)
def test_a_step_that_fails_ends_it_and_is_named(
    demo: Path, breaks: str, step: int, because: str
) -> None:
    done = play(demo, breaks)
    assert done.returncode == 1
    assert f"The demo FAILED at step {step}. " in done.stderr
    assert because in done.stderr
    assert "Traceback" not in done.stderr
    assert "That is Hygieia" not in done.stdout
