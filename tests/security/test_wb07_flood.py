"""WB-07: ten thousand sign-ins at once, each with an address and a secret of its own making."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from tests.running import Person, RunningServer, running_server
from tests.security.victims import sign_up

ATTEMPTS = 10_000
CONNECTIONS = 1_000
# Idle it holds some 90 MiB; each check of a login secret some MiB, a few at a time.
MOST_KIB = 300 * 1024


@pytest.mark.timeout(600)  # so many answers take a slow machine minutes
async def test_the_server_stays_small_answers_others_and_lets_the_owner_in(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", log_level="error") as server:
        owner = sign_up(Person(tmp_path / "home", server.address), "ada@example.org")
        statuses, others, owner_ended = await asyncio.gather(
            _flood(server), _ask_as_others_do(server), _come_home(owner)
        )
        peak_kib = _peak_kib(server)
    assert statuses.total() == ATTEMPTS
    assert set(statuses) <= {401, 429, 503}, statuses
    assert statuses[429] + statuses[503] > ATTEMPTS * 0.9, "nearly all were not even tried"
    assert others == {200}, "whoever asked something else meanwhile was answered"
    assert owner_ended == 0, "the owner's own device gets in, in the midst of it"
    assert peak_kib < MOST_KIB


async def _flood(server: RunningServer) -> Counter[int]:
    statuses: Counter[int] = Counter()
    rnd = random.Random(7)
    bodies = iter(
        [
            {
                "email": rnd.choice(["ada@example.org", f"u{number}@example.org"]),
                "login_secret": rnd.randbytes(32).hex(),
            }
            for number in range(ATTEMPTS)
        ]
    )

    async def attack(http: aiohttp.ClientSession) -> None:
        for body in bodies:
            async with http.post(f"{server.address}/api/v1/sessions", json=body) as answer:
                await answer.read()
                statuses[answer.status] += 1

    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as http:
        await asyncio.gather(*[attack(http) for _ in range(CONNECTIONS)])
    return statuses


async def _ask_as_others_do(server: RunningServer) -> set[int]:
    seen: set[int] = set()
    async with aiohttp.ClientSession() as http:
        # /readyz has seconds of its own to say 200 within: a slow machine shall not be unready.
        for path in ("/healthz", "/api/v1/server", "/") * 5:
            async with http.get(f"{server.address}{path}") as answer:
                seen.add(answer.status)
            await asyncio.sleep(0.05)
    return seen


async def _come_home(owner: Person) -> int:
    done = await asyncio.to_thread(owner.start, "login", "ada@example.org")
    return done.returncode


def _peak_kib(server: RunningServer) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])
