"""Two devices change one vault in the same moment: one of them is told, nothing is lost."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.running import Person
from tests.security.hostile import Forward, HostileProxy, Reply, Request
from tests.security.victims import run_here


@dataclass
class Starter:
    """Holds requests back until both runners stand at the line; later ones pass."""

    waiting: int = 0
    both: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _: Request, forward: Forward) -> Reply:
        self.waiting += 1
        if self.waiting == 2:
            self.both.set()
        await asyncio.wait_for(self.both.wait(), 60)
        return await forward()


def _second_device(first: Person) -> Person:
    second = Person(first.home.with_name("second"), first.server)
    shutil.copytree(first.home, second.home)
    second.password_file.write_bytes(first.password_file.read_bytes())
    return second


def _at_once(
    first: list[str], second: list[str], one: Person, two: Person
) -> list[tuple[int, str]]:
    started = [one.begin("--json", *first), two.begin("--json", *second)]
    ended = [process.communicate(timeout=120) for process in started]
    return [
        (process.returncode, out.decode()) for process, (out, _) in zip(started, ended, strict=True)
    ]


def test_two_puts_at_once_are_both_in_the_index(
    proxy: HostileProxy, newcomer: Person, tmp_path: Path
) -> None:
    second = _second_device(newcomer)
    files = [tmp_path / "one.txt", tmp_path / "two.txt"]
    for file in files:
        file.write_bytes(file.name.encode())
    proxy.behave()
    proxy.lie("PUT", "/api/v1/index", Starter())
    results = _at_once(["put", str(files[0])], ["put", str(files[1])], newcomer, second)
    assert [code for code, _ in results] == [0, 0], results
    refusals = [r for q, r in proxy.replies if q.path == "/api/v1/index" and r.status == 412]
    assert len(refusals) == 1, "they did race, and one lost"
    for device in (newcomer, second):
        listed = run_here(device, "--json", "ls").document["reports"]
        assert {report["file_name"] for report in listed} == {"one.txt", "two.txt"}


def test_two_edits_of_one_report_at_once_are_one_edit_and_one_conflict(
    proxy: HostileProxy, newcomer: Person, tmp_path: Path
) -> None:
    file = tmp_path / "one.txt"
    file.write_bytes(b"one")
    [report] = run_here(newcomer, "--json", "put", str(file)).document["reports"]
    second = _second_device(newcomer)
    proxy.behave()
    proxy.lie("PUT", f"/api/v1/reports/{report['id']}", Starter())
    edits = [["edit", report["id"], "--title", title] for title in ("Mine", "No, mine")]
    results = dict(_at_once(edits[0], edits[1], newcomer, second))
    assert set(results) == {0, 5}, results
    assert json.loads(results[5])["error"]["code"] == "stale-revision"
    [won] = json.loads(results[0])["reports"]
    for device in (newcomer, second):
        [listed] = run_here(device, "--json", "ls").document["reports"]
        assert (listed["title"], listed["revision"]) == (won["title"], 2)
