"""SN-05, SN-06: names and titles that would climb out, hide, reverse, or be taken for code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.running import Person, RunningServer
from tests.security.hostile import HostileProxy
from tests.security.victims import refused, run_here, sign_up, snapshot

# As a file system may hold them, and as they are stored.
ON_DISK = {
    b"..pdf": "..pdf",
    b"...": "...",
    b"-rf": "-rf",
    b".bashrc": ".bashrc",
    b"~": "~",
    b"CON": "CON",
    b"constructor": "constructor",
    b"__proto__": "__proto__",
    b"<img src=x onerror=alert(1)>.html": "<img src=x onerror=alert(1)>.html",
    b"two\nlines.txt": "two_lines.txt",
    b"\x1b[31mred.txt": "_[31mred.txt",
    b"back\\slash\\..\\evil.txt": "evil.txt",
    "photo\u202egpj.exe".encode(): "photo\u202egpj.exe",
    b"long-" + b"x" * 246 + b".pdf": "long-" + "x" * 246 + ".pdf",
    "ß".encode() * 125 + b".txt": "ß" * 125 + ".txt",
}


@pytest.fixture(scope="module")
def namer(
    _proxy: HostileProxy, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Person:
    """Somebody whose vault holds every odd name."""
    _proxy.behave()
    person = Person(tmp_path_factory.mktemp("namer") / "home", _proxy.address)
    return sign_up(person, "namer@example.org")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("named")
    for name in ON_DISK:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    return folder


def test_whatever_a_file_is_called_it_comes_back_inside_the_folder_asked_for(
    proxy: HostileProxy, namer: Person, folder: Path, tmp_path: Path
) -> None:
    stored = run_here(namer, "--json", "put", str(folder)).document["reports"]
    assert {report["file_name"] for report in stored} == set(ON_DISK.values())
    out, before = tmp_path / "deep" / "out", snapshot(tmp_path)
    ids = [report["id"] for report in stored]
    done = run_here(namer, "--json", "get", *ids, "-o", f"{out}/")
    assert done.exit_code == 0, done
    written = {path.read_bytes(): path for path in out.iterdir()}
    assert set(written) == set(ON_DISK), "every content, under one name or another"
    for path in written.values():
        assert path.resolve().parent == out.resolve()
        assert not path.name.startswith((".", "-", "~")) or path.name in {"-rf", "~"}
        assert path.name.isprintable()
    elsewhere = {name for name in snapshot(tmp_path) if not name.startswith("deep/out/")}
    assert elsewhere == set(before)


def test_what_is_shown_moves_no_cursor_and_reverses_nothing(namer: Person, folder: Path) -> None:
    run_here(namer, "put", str(folder))
    listed = run_here(namer, "--json", "ls").document["reports"]
    shown = run_here(namer, "ls").stdout.decode()
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown.splitlines()) == 1 + len(listed), "a title is one line"
    assert "constructor" in shown
    assert "__proto__" in shown


def test_a_name_that_is_no_text_is_stored_under_one_that_is(namer: Person, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe scan.txt"))
    path.write_bytes(b"scan")
    [report] = namer.run_json("put", str(path))["reports"]
    assert report["file_name"].endswith(" scan.txt")
    report["file_name"].encode("utf-8")


@pytest.mark.parametrize(
    "option",
    [
        ("--name", "../../.bashrc"),
        ("--name", "a/b"),
        ("--name", ""),
        ("--name", "n" * 256),
        ("--name", "n" * 4000),
        ("--name", "two\nlines"),
        ("--name", "\x7f"),
        ("--title", ""),
        ("--title", "t" * 257),
        ("--title", "\x1b]0;owned\x07"),
        ("--category", "__proto__"),
        ("--category", "Lab Results"),
        ("--category", "../lab"),
        ("--category", ""),
        ("--as", "Doctor!"),
    ],
    ids=lambda option: f"{option[0]} {option[1][:12]!r}",
)
def test_what_a_person_says_wrongly_is_refused_before_anything_is_sent(
    option: tuple[str, str], proxy: HostileProxy, device: Person, tmp_path: Path
) -> None:
    file = tmp_path / "file.txt"
    file.write_bytes(b"text")
    refused(device, "put", str(file), *option, code="invalid-input", exit_code=1)
    assert not [r for r in proxy.seen if r.path.endswith("/blocks") or r.method == "PUT"]


@pytest.mark.parametrize("name", ["constructor", "__proto__", "person:constructor"])
def test_a_subject_whom_nobody_named_is_found_nowhere(
    name: str, proxy: HostileProxy, device: Person, tmp_path: Path
) -> None:
    file = tmp_path / "file.txt"
    file.write_bytes(b"text")
    refused(device, "put", str(file), "--subject", name, code="not-found", exit_code=4)
    assert not [r for r in proxy.seen if r.path.endswith("/blocks") or r.method == "PUT"]


@pytest.mark.parametrize("word", ["constructor", "__proto__", "toString"])
def test_words_that_programs_know_are_titles_like_any_other(
    word: str, namer: Person, tmp_path: Path
) -> None:
    file = tmp_path / word
    file.write_bytes(word.encode())
    category = word.lower() if word.isalpha() else "other"
    title = f"{word} {category}"
    arguments = ["put", "--again", str(file), "--title", title, "--category", category]
    [report] = run_here(namer, "--json", *arguments).document["reports"]
    assert (report["title"], report["category"]) == (title, category)
    found = run_here(namer, "--json", "ls", "--search", word).document["reports"]
    assert report["id"] in {each["id"] for each in found}
