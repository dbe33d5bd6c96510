"""The server is killed (SIGKILL) while a person's upload, commit, index or change is answered.

Nothing that was acknowledged is lost, nothing is half visible, and the same line goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.running import Person, RunningServer, running_server
from tests.security.hostile import Forward, HostileProxy, Reply, Request
from tests.security.victims import run_here, sign_up

# While blocks are stored, reports committed, the index replaced.
MOMENTS = (
    ("POST", r"/api/v1/uploads/[^/]+/blocks"),
    ("POST", "/api/v1/reports"),
    ("PUT", "/api/v1/index"),
)
CHANGE = ("PUT", r"/api/v1/reports/[^/]+")
TITLE = "Changed while the server died"


@dataclass
class Doom:
    """Kills the server while it answers the first such request."""

    server: RunningServer
    delay: float
    has_struck: bool = False

    async def __call__(self, request: Request, forward: Forward) -> Reply:
        if not self.has_struck:
            self.has_struck = True
            asyncio.get_running_loop().call_later(
                self.delay, self.server.process.send_signal, signal.SIGKILL
            )
        return await forward()


@contextlib.contextmanager
def served(proxy: HostileProxy, data: Path) -> Iterator[RunningServer]:
    with running_server(data, public_url=proxy.address, log_level="error") as server:
        proxy.upstream = server.address
        yield server


def write_folder(folder: Path, rnd: random.Random) -> dict[str, bytes]:
    folder.mkdir()
    contents = {f"{place}.txt": rnd.randbytes(900) for place in range(6)}
    contents["long.bin"] = rnd.randbytes(3_000_000)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return contents


def acknowledged(proxy: HostileProxy) -> set[str]:
    """Roots that the server has said are committed."""
    return {
        item["report"]["root"]
        for request, reply in proxy.replies
        if (request.method, request.path) == ("POST", "/api/v1/reports") and reply.status < 300
        for item in reply.document["reports"]
        if item["report"] is not None
    }


def run_doomed(person: Person, doom: Doom, *arguments: str) -> bool:
    """Run a command under which the server dies; whether it succeeded all the same."""
    done = run_here(person, *arguments)
    assert doom.has_struck, "the request was never sent"
    assert doom.server.process.wait(120) == -signal.SIGKILL
    assert done.exit_code in {0, 1, 7}, done
    return done.exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS, ids=("blocks", "commit", "index"))
def test_nothing_acknowledged_is_lost_and_the_same_line_goes_on(
    tmp_path: Path, moment: tuple[str, str]
) -> None:
    rnd = random.Random(moment[1])
    contents = write_folder(tmp_path / "folder", rnd)
    data = tmp_path / "data"
    with HostileProxy().running() as proxy:
        with served(proxy, data) as server:
            person = sign_up(Person(tmp_path / "home", proxy.address), "ida@example.org")
            doom = Doom(server, rnd.random() / 50)
            proxy.behave()
            proxy.lie(*moment, doom)
            is_finished = run_doomed(person, doom, "put", str(tmp_path / "folder"))
            promised = acknowledged(proxy)
        proxy.behave()
        with served(proxy, data) as server:
            if not is_finished:
                done = run_here(person, "put", str(tmp_path / "folder"))
                assert done.exit_code == 0, done
            check_vault(person, contents, promised, tmp_path / "out")
        server.admin("check")


@pytest.mark.slow
def test_a_change_that_was_acknowledged_is_there_and_another_can_be_made_again(
    tmp_path: Path,
) -> None:
    rnd = random.Random(3)
    contents = write_folder(tmp_path / "folder", rnd)
    data = tmp_path / "data"
    with HostileProxy().running() as proxy:
        with served(proxy, data) as server:
            person = sign_up(Person(tmp_path / "home", proxy.address), "ida@example.org")
            assert run_here(person, "put", str(tmp_path / "folder")).exit_code == 0
            changed = change_while_it_dies(person, proxy, Doom(server, rnd.random() / 50))
        with served(proxy, data) as server:
            check_change(person, *changed)
            check_vault(person, contents, set(), tmp_path / "out")
        server.admin("check")


def change_while_it_dies(person: Person, proxy: HostileProxy, doom: Doom) -> tuple[str, bool]:
    """Change one report's title; its id, and whether the server said that it was done."""
    report: str = reports_of(person)[0]["id"]
    proxy.behave()
    proxy.lie(*CHANGE, doom)
    run_doomed(person, doom, "edit", report, "--title", TITLE)
    is_acknowledged = any(
        request.method == "PUT" and request.path.endswith(report) and reply.status < 300
        for request, reply in proxy.replies
    )
    proxy.behave()
    return report, is_acknowledged


def check_change(person: Person, report: str, is_acknowledged: bool) -> None:
    """The change is there if it was acknowledged, and can be made if it is not there."""
    title = title_of(person, report)
    assert title == TITLE or not is_acknowledged
    if title != TITLE:
        done = run_here(person, "edit", report, "--title", TITLE)
        assert done.exit_code == 0, done
    assert title_of(person, report) == TITLE


def title_of(person: Person, report: str) -> str:
    [title] = [each["title"] for each in reports_of(person) if each["id"] == report]
    return str(title)


def reports_of(person: Person) -> list[dict[str, Any]]:
    listed = run_here(person, "--json", "ls", "--limit", "1000")
    found: list[dict[str, Any]] = listed.document["reports"]
    return found


def check_vault(person: Person, contents: dict[str, bytes], promised: set[str], out: Path) -> None:
    listed = reports_of(person)
    roots = {report["cid"]: report for report in listed}
    assert promised <= set(roots), "what was acknowledged is there"
    assert {report["file_name"] for report in listed} == set(contents)
    assert len(listed) == len(contents), "once each"
    done = run_here(person, "get", *[report["id"] for report in listed], "-o", f"{out}/")
    assert done.exit_code == 0, done
    assert {path.name: path.read_bytes() for path in out.iterdir()} == contents
