"""What the pages and the comments point to is there: links, files, make targets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "tests/**/README.md")
    for page in ROOT.glob(pattern)
    # Of the packages that `make test` installs below tests/, the pages are others' own.
    if "node_modules" not in page.parts
)
CODE = ("hygieia", "web/src", "tests", "docker", "scripts", "bench")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_IN_TICKS = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"(?:hygieia|web|tests|docs|docker|scripts|bench)/[\w./-]*\w/?")
_DOCS = re.compile(r"\bdocs/[\w./-]+\w")
_RUN = re.compile(r"^```sh (\w+)$", re.MULTILINE)
_UNMARKED = re.compile(r"^```(?:sh)?\n([^$\n].*?)^```$", re.MULTILINE | re.DOTALL)
_MADE = re.compile(r"hygieia/web_dist|web/node_modules|docker/(?:secrets|backup|\.env)\b")
"""What README.md and make have people make."""


def tracked(*folders: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *folders], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def anchors(page: Path) -> set[str]:
    """What a reader of Markdown makes of each heading."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", head).strip().lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text("utf-8"))
    broken = []
    for link in _LINK.findall(text):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = [text for text in _IN_TICKS.findall(page.read_text("utf-8")) if _PATH.fullmatch(text)]
    gone = [name for name in named if not (ROOT / name).exists() and not _MADE.match(name)]
    assert gone == []


def test_every_page_that_the_code_names_is_there() -> None:
    gone = set()
    for path in tracked(*CODE):
        if path.suffix in {".py", ".ts", ".svelte", ".sh", ".yaml", ".css"} and path.exists():
            for name in _DOCS.findall(path.read_text("utf-8")):
                if not (ROOT / name).exists() and not list(ROOT.glob(f"{name}*")):
                    gone.add((str(path.relative_to(ROOT)), name))
    assert gone == set()


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        named = re.findall(r"(?:`|^ {4})make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
        assert set(named) <= targets, page


def test_the_lines_that_the_hosting_guides_mark_are_run_by_tests() -> None:
    """Vaults hang on them. A mark is how a test finds its lines (tests/guide.py)."""
    tests = "".join(path.read_text("utf-8") for path in tracked("tests") if path.suffix == ".py")
    for name in ("hosting", "kubo", "move-a-vault"):
        text = (ROOT / "docs" / "guide" / f"{name}.md").read_text("utf-8")
        unrun = [mark for mark in _RUN.findall(text) if f'"{mark}"' not in tests]
        assert unrun == [], name


@pytest.mark.parametrize("name", ["hosting", "kubo", "move-a-vault"])
def test_the_lines_that_no_test_runs_are_settings_that_there_are(name: str) -> None:
    files = (ROOT / ".env.example", ROOT / "docker" / ".env.example")
    known = {
        setting
        for file in files
        for setting in re.findall(r"^# (\w+)=", file.read_text("utf-8"), re.MULTILINE)
    }
    text = (ROOT / "docs" / "guide" / f"{name}.md").read_text("utf-8")
    for block in _UNMARKED.findall(text):
        assert set(re.sub(r"=\S+$", "", block, flags=re.MULTILINE).split()) <= known
