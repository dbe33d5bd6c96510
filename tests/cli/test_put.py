"""What can be stored, under which names, and what happens when it is interrupted."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import by, environment_of
from tests.running import COMMAND, Person

ODD_NAMES = [
    b"--title",
    b"-",
    b"constructor",
    b"two\nlines.txt",
    b"\x1b[2J\x1b[31mred.txt",
    b"not utf-8 \xff\xfe.txt",
    "gpj.\u202eexe".encode(),
    "Ärztin 医者 👩\u200d⚕️.pdf".encode(),
    b"a" * 251 + b".txt",
    b"...",
    b" spaces ",
    b"CON.txt",
]


def put(person: Person, *arguments: str, stdin: bytes = b"") -> list[dict[str, Any]]:
    done = by(person, "--json", "put", *arguments, stdin=stdin)
    assert done.code == 0, done.out + done.err
    reports: list[dict[str, Any]] = done.json["reports"]
    return reports


def index_sequence(person: Person) -> int:
    checks = by(person, "doctor", "--json").json["checks"]
    [seen] = [c["seen"] for c in checks if c["what"].startswith("gateway http://127.")]
    return int(seen.rpartition(" ")[2])


def test_folders_are_stored_with_all_that_is_below_them(ana: Person, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "deep.txt").write_text("deep")
    (tmp_path / "a" / "top.txt").write_text("top")
    (tmp_path / "single.txt").write_text("single")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "single.txt")
    reports = put(ana, str(tmp_path / "a"), str(tmp_path / "single.txt"), str(tmp_path / "a"))
    assert [r["file_name"] for r in reports] == ["deep.txt", "top.txt", "single.txt"]
    assert [r["title"] for r in reports] == ["a/b/deep", "a/top", "single"]


def test_reports_called_alike_keep_their_folders_in_the_title_and_overwrite_nothing(
    ana: Person, tmp_path: Path
) -> None:
    for name in ("spring", "autumn"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "scan.pdf").write_text(name)
    reports = put(ana, str(tmp_path / "in"))
    assert [r["title"] for r in reports] == ["autumn/scan", "spring/scan"]
    for report in reports * 2:
        assert by(ana, "get", report["id"], "-o", f"{tmp_path / 'out'}/").code == 0
    kept = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert kept == {
        "scan.pdf": "autumn",
        "scan (2).pdf": "spring",
        "scan (3).pdf": "autumn",
        "scan (4).pdf": "spring",
    }


def test_what_is_not_stored_of_a_folder_is_told_in_one_line(ana: Person, tmp_path: Path) -> None:
    for name in ("kept.txt", ".DS_Store", "Thumbs.db"):
        (tmp_path / name).write_text(name)
    (tmp_path / "elsewhere").symlink_to(tmp_path / "kept.txt")
    done = by(ana, "put", str(tmp_path))
    assert "Not stored: 2 system files (.DS_Store, Thumbs.db); 1 link (elsewhere).\n" in done.err
    skipped = by(ana, "--json", "put", str(tmp_path)).json["skipped"]
    assert {(Path(each["path"]).name, each["why"]) for each in skipped} == {
        (".DS_Store", "system-file"),
        ("Thumbs.db", "system-file"),
        ("elsewhere", "link"),
    }
    assert "Not stored" not in by(ana, "put", str(tmp_path / "kept.txt")).err


def test_what_cannot_be_stored_is_refused_before_anything_is_asked_or_read(
    ana: Person, tmp_path: Path
) -> None:
    # No password is at hand, and no terminal to ask at: that would be the next complaint.
    wrong = ("--category", "No!")
    for arguments in (("nothing-there", *wrong), ("-", "--name", "x", *wrong)):
        done = by(ana, "--json", "put", *arguments, HYGIEIA_PASSWORD_FILE=None)
        assert (done.code, done.error["code"]) == (1, "invalid-input")
    assert (
        by(ana, "--json", "edit", "59d293e2", *wrong, HYGIEIA_PASSWORD_FILE=None).error["code"]
        == "invalid-input"
    )
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    assert by(ana, "put", str(tmp_path), "--title", "both", HYGIEIA_PASSWORD_FILE=None).code == 2


def test_labels_go_to_the_report(ana: Person, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("x")
    whose = "person:" + "a" * 32
    [report] = put(
        ana,
        str(tmp_path / "x.txt"),
        *("--title", "MRT Knie", "--category", "imaging", "--name", "mrt.dcm"),
        *("--subject", whose, "--as", "nurse"),
    )
    assert (report["title"], report["category"]) == ("MRT Knie", "imaging")
    assert (report["file_name"], report["media_type"]) == ("mrt.dcm", "application/dicom")
    info = by(ana, "info", report["id"], "--json").json
    assert (info["subject"], info["profession"]) == (whose, "nurse")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--category", "No!"),
        ("--title", "x" * 257),
        ("--name", "a/b"),
        ("--as", "Chief of Everything"),
    ],
)
def test_labels_that_break_the_rules_store_nothing(
    ana: Person, tmp_path: Path, arguments: tuple[str, str]
) -> None:
    (tmp_path / "x.txt").write_text("x")
    before = by(ana, "ls", "--json").json
    done = by(ana, "--json", "put", str(tmp_path / "x.txt"), *arguments)
    assert (done.code, done.error["code"]) == (1, "invalid-input")
    assert by(ana, "ls", "--json").json == before


def test_standard_input_is_stored_under_the_name_given(ana: Person) -> None:
    [report] = put(ana, "-", "--name", "piped.csv", stdin=b"a,b\n1,2\n")
    assert (report["file_name"], report["media_type"]) == ("piped.csv", "text/csv")
    assert by(ana, "cat", report["id"]).out == "a,b\n1,2\n"
    assert by(ana, "put", "-", stdin=b"x").code == 2
    assert by(ana, "put", "-", "x.txt", "--name", "y", stdin=b"x").code == 2


def test_odd_names_are_stored_and_come_back_harmless(ana: Person, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, name in enumerate(ODD_NAMES):
        (tmp_path / "in" / os.fsdecode(name)).write_text(str(number))
    reports = put(ana, str(tmp_path / "in"))
    assert len(reports) == len(ODD_NAMES)
    shown = by(ana, "ls").out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    out = tmp_path / "out"
    done = by(ana, "--json", "get", *(r["id"] for r in reports), "-o", str(out))
    assert done.code == 0, done.out
    contents = {int(Path(r["path"]).read_bytes()) for r in done.json["reports"]}
    assert contents == set(range(len(ODD_NAMES)))
    for path in out.iterdir():
        assert path.name.isprintable() or "\u200d" in path.name, path
        assert not path.name.startswith(".")


def test_one_title_is_not_for_several_files(ana: Person, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    assert by(ana, "put", str(tmp_path), "--title", "both").code == 2
    assert by(ana, "put", str(tmp_path), "--name", "both").code == 2


def test_a_folder_without_files_and_what_is_no_file_are_usage_errors(
    ana: Person, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert by(ana, "put", str(tmp_path / "empty")).code == 2
    assert by(ana, "put", str(tmp_path / "pipe")).code == 2


def test_a_file_that_is_stored_already_is_skipped_unless_asked_for(
    ana: Person, tmp_path: Path
) -> None:
    for number in range(7):
        (tmp_path / f"again-{number}.txt").write_text(f"same {number}")
    first = put(ana, str(tmp_path))
    assert not any("already" in report for report in first)
    (tmp_path / "again-7.txt").write_text("new")
    second = put(ana, str(tmp_path))
    assert [r.pop("already", False) for r in second] == [True] * 7 + [False]
    assert second[:7] == first
    done = by(ana, "put", str(tmp_path))
    assert done.code == 0
    assert f"again-0.txt is in your vault already as {first[0]['id'][:8]}: skipped." in done.err
    assert "So are 3 other files." in done.err
    assert "--again" in done.err
    third = put(ana, str(tmp_path / "again-0.txt"), "--again")
    assert third[0]["id"] != first[0]["id"]


def test_many_files_renew_the_index_once(ana: Person, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number:03}.txt").write_text(str(number))
    before = index_sequence(ana)
    assert len(put(ana, str(tmp_path))) == 300
    assert index_sequence(ana) == before + 1


def wait_for_journal(person: Person, at_least_bytes: int) -> None:
    """Until an upload under way has noted some of what it sent."""
    folder = person.home / "profiles" / "default" / "uploads"
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if sum(p.stat().st_size for p in folder.glob("*.journal")) > at_least_bytes:
            return
        time.sleep(0.01)
    raise AssertionError("the upload does not begin")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_put_ends_with_130_and_run_again_resumes(
    ana: Person, tmp_path: Path, number: signal.Signals
) -> None:
    content = hashlib.shake_256(number.name.encode()).digest(1 << 20) * 300
    file = tmp_path / "long.bin"
    file.write_bytes(content)
    started = subprocess.Popen(
        [COMMAND, "--json", "put", str(file)],
        env=environment_of(ana),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_for_journal(ana, 4000)
    started.send_signal(number)
    out, err = started.communicate(timeout=300)
    assert started.returncode == 130, (out, err)
    assert json.loads(out)["error"]["code"] == "interrupted"
    [report] = put(ana, str(file))
    assert report["size_bytes"] == len(content)
    assert by(ana, "info", report["id"], "--json").json["sha256"] == (
        hashlib.sha256(content).hexdigest()
    )
    listed = by(ana, "ls", "--json", "--search", "long").json["reports"]
    assert [r["id"] for r in listed if r["id"] == report["id"]] == [report["id"]]
    assert not list((ana.home / "profiles" / "default" / "uploads").glob("*.journal"))
    by(ana, "rm", report["id"])
