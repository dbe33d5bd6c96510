"""Where real servers are promised, what is skipped fails: held against a run of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = {
    "test_single.py": """
import pytest

@pytest.mark.skip
def test_marked(): pass

def test_in_its_body(): pytest.skip("no server")

@pytest.fixture
def server(): pytest.skip("no server")

def test_in_its_fixture(server): pass

@pytest.mark.parametrize("case", [])
def test_without_cases(case): pass

@pytest.mark.xfail
def test_that_fails_as_expected(): assert False

def test_that_runs(): pass
""",
    "test_whole.py": """
import pytest

pytest.skip("no server", allow_module_level=True)
""",
    "test_lacking.py": """
import pytest

pytest.importorskip("no_module_of_this_name")
""",
}
SKIPPED = {
    "test_single.py::test_marked",
    "test_single.py::test_in_its_body",
    "test_single.py::test_in_its_fixture",
    "test_single.py::test_without_cases[NOTSET]",
    "test_whole.py",
    "test_lacking.py",
}


def run_of_these(folder: Path, **environment: str) -> tuple[int, str]:
    """A run of FILES with our own hooks: how it ends and what it says."""
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("HYGIEIA_", "PYTEST_"))}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-rfE", "--continue-on-collection-errors"),
            *("-p", "tests.conftest", "-p", "no:cacheprovider"),
            *("-c", ROOT / "pyproject.toml", "--rootdir", folder, folder),
        ],
        env=plain | environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_whatever_way_a_test_is_skipped_the_run_fails_and_names_it(tmp_path: Path) -> None:
    code, said = run_of_these(tmp_path, HYGIEIA_TEST_NO_SKIP="1")
    assert code == 1, said
    assert set(re.findall(r"^(?:FAILED|ERROR) \S*/(\S+)", said, re.M)) == SKIPPED
    for name in SKIPPED:
        assert f"{name} was skipped, and nothing may be skipped here" in said
    last = said.splitlines()[-1]
    assert "1 passed" in last
    assert "1 xfailed" in last
    assert "skipped" not in last


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    code, said = run_of_these(tmp_path)
    assert code == 0, said
    assert f"1 passed, {len(SKIPPED)} skipped, 1 xfailed" in said.splitlines()[-1]


@pytest.mark.parametrize("target", ["test-interop", "test-servers", "test-containers"])
def test_every_target_that_promises_real_servers_asks_for_that(target: str) -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (recipe,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", text, re.M)
    assert "HYGIEIA_TEST_NO_SKIP=1" in recipe
