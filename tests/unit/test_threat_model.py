"""docs/threat-model.md names the attacks that are played, and no others."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAYED_IN = (
    "tests/security/test_*.py",
    "tests/integration/test_*.py",
    "tests/interop/test_*.py",
    "tests/api/*.py",
    "tests/unit/recovery/test_*.py",
    "web/tests/e2e/*.test.ts",
)
_ID = re.compile(r"\b(MS|BK|RC|SN|WB|CL|LT)-(\d\d)\b")
_RANGE = re.compile(r"\b(MS|BK|RC|SN|WB|CL|LT)-(\d\d) to \1-(\d\d)\b")


def in_table() -> set[str]:
    page = (ROOT / "docs/threat-model.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("|")]
    return {f"{kind}-{number}" for row in rows for kind, number in _ID.findall(row)}


def played() -> set[str]:
    found: set[str] = set()
    for path in (path for pattern in PLAYED_IN for path in ROOT.glob(pattern)):
        text = path.read_text("utf-8")
        found |= {f"{kind}-{number}" for kind, number in _ID.findall(text)}
        for kind, first, last in _RANGE.findall(text):
            found |= {f"{kind}-{number:02d}" for number in range(int(first), int(last) + 1)}
    return found


def test_every_attack_in_the_table_is_played() -> None:
    assert in_table() - played() == set()


def test_every_attack_that_code_or_specification_answers_is_in_the_table() -> None:
    cited = {
        f"{kind}-{number}"
        for folder, pattern in (("hygieia", "*.py"), ("docs/spec", "*.md"), ("web/src", "*.ts"))
        for path in (ROOT / folder).rglob(pattern)
        for kind, number in _ID.findall(path.read_text("utf-8"))
    }
    assert cited - in_table() == set()


def test_every_attack_with_a_file_of_its_own_is_in_the_table() -> None:
    named = {
        f"{kind.upper()}-{number}"
        for path in (ROOT / "tests/security").glob("test_*.py")
        for kind, number in re.findall(r"(ms|bk|rc|sn|wb|cl|lt)(\d\d)", path.name)
    }
    assert named - in_table() == set()
