"""Commands that look change nothing: no request of theirs is unsafe (RFC 9110 §9.2.1)."""

from __future__ import annotations

import re
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.shell import by, store
from tests.running import Person, RunningServer

SAFE = {"GET", "HEAD", "OPTIONS"}
_REQUESTS = re.compile(r'^hygieia_requests_total\{method="(.+?)",route="(.+?)",.*\} (.+)$', re.M)


def requests_of(server: RunningServer) -> Counter[tuple[str, str]]:
    """How many requests of each method and route the server has answered."""
    with urllib.request.urlopen(f"{server.address}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    found: Counter[tuple[str, str]] = Counter()
    for method, route, number in _REQUESTS.findall(text):
        found[method, route] += int(float(number))
    return found


@pytest.fixture(scope="module")
def report(ana: Person) -> str:
    """One that all commands here look at; the vault has seen its own changes already."""
    found = store(ana, **{"looked-at.txt": b"content", "other.txt": b"other"})["looked-at.txt"][
        "id"
    ]
    assert by(ana, "ls").code == 0
    return str(found)


@pytest.mark.parametrize(
    "command",
    [
        "ls",
        "ls --search other --limit 1",
        "ls --trash",
        "info REPORT",
        "get REPORT -o OUT",
        "cat REPORT",
        "versions REPORT",
        "get REPORT --revision 1 -o OUT",
        "shared",
        "contacts",
        "delegations",
        "log",
        "whoami",
        "sessions",
        "doctor",
    ],
)
def test_looking_makes_no_unsafe_request(
    ana: Person, server: RunningServer, report: str, command: str, tmp_path: Path
) -> None:
    before = requests_of(server)
    words = command.replace("REPORT", report).replace("OUT", str(tmp_path / "out")).split()
    done = by(ana, *words)
    assert done.code == 0, done.err
    made = requests_of(server) - before
    assert any(route.startswith("/api/v1/") for _, route in made)
    assert [one for one in made if one[0] not in SAFE] == []


def test_looking_at_a_list_asks_for_all_its_reports_and_opens_no_upload(
    ana: Person, server: RunningServer, report: str
) -> None:
    before = requests_of(server)
    done = by(ana, "ls", "--json")
    assert {each["state"] for each in done.json["reports"]} == {"stored"}
    assert report in {each["id"] for each in done.json["reports"]}
    made = requests_of(server) - before
    assert made["GET", "/api/v1/blocks/missing"] == 1
    assert not any("uploads" in route for _, route in made)
