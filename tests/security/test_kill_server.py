"""The server is killed (SIGKILL) at moments of its own choosing while a person stores files.

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

from tests.running import Person, RunningServer, running_server
from tests.security.hostile import Forward, HostileProxy, Reply, Request
from tests.security.victims import run_here, sign_up

ROUNDS = 2
# A put of a folder makes about this many requests; later ones hit the index.
REQUESTS = 14


@dataclass
class Doom:
    """Kills the server while its n-th request from now is being answered."""

    server: RunningServer
    nth: int
    delay: float
    count: int = 0

    async def __call__(self, request: Request, forward: Forward) -> Reply:
        self.count += 1
        if self.count == self.nth:
            asyncio.get_running_loop().call_later(
                self.delay, self.server.process.send_signal, signal.SIGKILL
            )
        return await forward()


@contextlib.contextmanager
def served(proxy: HostileProxy, data: Path) -> Iterator[RunningServer]:
    with running_server(data, public_url=proxy.address, log_level="error") as server:
        proxy.upstream = server.address
        yield server


def write_folder(folder: Path, number: int) -> dict[str, bytes]:
    folder.mkdir()
    rnd = random.Random(number)
    contents = {f"{number}-{place:02d}.txt": rnd.randbytes(900) for place in range(20)}
    contents[f"{number}-long.bin"] = rnd.randbytes(3_000_000)
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


def test_nothing_acknowledged_is_lost_and_the_same_line_goes_on(tmp_path: Path) -> None:
    rnd = random.Random(3)
    contents: dict[str, bytes] = {}
    promised: set[str] = set()
    unfinished: list[Path] = []
    data = tmp_path / "data"
    with HostileProxy().running() as proxy:
        with served(proxy, data):
            person = sign_up(Person(tmp_path / "home", proxy.address), "ida@example.org")
        for number in range(ROUNDS):
            folder = tmp_path / f"folder-{number}"
            contents |= write_folder(folder, number)
            proxy.behave()
            with served(proxy, data) as server:
                doom = Doom(server, rnd.randint(1, REQUESTS), rnd.random() / 50)
                proxy.lie("POST", ".*", doom)
                proxy.lie("PUT", ".*", doom)
                interrupted = run_here(person, "put", str(folder))
                assert doom.count >= min(doom.nth, 4)
                assert interrupted.exit_code in {0, 1, 7}, interrupted
                unfinished += [folder] if interrupted.exit_code else []
            promised |= acknowledged(proxy)
        with served(proxy, data) as server:
            for folder in unfinished:
                done = run_here(person, "put", str(folder))
                assert done.exit_code == 0, done
            check_vault(person, contents, promised, tmp_path / "out")
        server.admin("check")


def check_vault(person: Person, contents: dict[str, bytes], promised: set[str], out: Path) -> None:
    listed = run_here(person, "--json", "ls", "--limit", "1000").document["reports"]
    roots = {report["cid"]: report for report in listed}
    assert promised <= set(roots), "what was acknowledged is there"
    assert {report["file_name"] for report in listed} == set(contents)
    assert len(listed) == len(contents), "once each"
    done = run_here(person, "get", *[report["id"] for report in listed], "-o", f"{out}/")
    assert done.exit_code == 0, done
    assert {path.name: path.read_bytes() for path in out.iterdir()} == contents
