"""``hygieia log``: the trail shown, checked and exported, with what a script holds on to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.shell import by, sign_up, store
from tests.running import Person, RunningServer

BEN = "ben-logs@example.org"


@pytest.fixture(scope="module")
def report(ana: Person, ben: Person) -> str:
    """A report that Ben was given and has opened."""
    report: str = store(ana, **{"lungs.txt": b"clear\n"})["lungs.txt"]["id"]
    assert by(ana, "share", report, "--with", BEN).code == 0
    by(ben, "contacts", "show", "test-log@example.org")
    assert by(ben, "shared").code == 0
    assert by(ben, "cat", report).out == "clear\n"
    return report


@pytest.fixture(scope="module")
def ben(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Person:
    return sign_up(server.address, tmp_path_factory.mktemp("ben"), BEN)


def test_it_shows_who_did_what_newest_first(ana: Person, report: str) -> None:
    entries = by(ana, "log", "--json").json["entries"]
    assert [each["number"] for each in entries] == list(range(len(entries), 0, -1))
    fetched, shared = entries[0], entries[1]
    assert set(fetched) == {
        *("number", "time", "event", "by", "reports", "people", "more"),
        *("address", "device", "hash"),
    }
    assert (fetched["event"], fetched["by"]["email"], fetched["by"]["me"]) == (
        "fetched",
        BEN,
        False,
    )
    assert (shared["event"], shared["by"]["me"], shared["reports"]) == ("shared", True, [report])
    assert [person["email"] for person in shared["people"]] == [BEN]
    assert fetched["address"] == "127.0.0.1"
    assert [
        each["number"] for each in by(ana, "log", "--limit", "1", "--json").json["entries"]
    ] == [fetched["number"]]
    shown = by(ana, "log").out
    for word in ("fetched", BEN, "lungs", "signed-up", "127.0.0.1", "you"):
        assert word in shown


def test_it_is_checked_and_exported(ana: Person, report: str, tmp_path: Path) -> None:
    checked = by(ana, "log", "--verify", "--json").json
    assert set(checked) == {"entries", "anchored", "head"}
    assert checked["anchored"] <= checked["entries"]
    file = tmp_path / "activity.jsonl"
    exported = by(ana, "log", "--export", str(file))
    assert exported.code == 0, exported.err
    assert str(file) in exported.out
    lines = file.read_text("utf-8").splitlines()
    assert len(lines) == checked["entries"]
    assert {json.loads(line)["what"] for line in lines} == {"hygieia activity 1"}
    assert "none changed and none missing" in by(ana, "log", "--verify").out


def test_questions_that_make_no_sense(ana: Person, report: str, tmp_path: Path) -> None:
    assert by(ana, "log", "--verify", "--accept").code == 2
    assert by(ana, "log", "--limit", "0").code == 2
    assert by(ana, "log", "--export", str(tmp_path)).code == 2
    assert by(ana, "log", "--accept", "--json").json["entries"] > 3
