"""Every way in which the stores of a clinic break, while people store reports.

One server goes through all of it and is never restarted. Each time: what was acknowledged is there
afterwards, what is visible is whole, everybody else is told 503 and when to come back, every answer
comes in time, and once the store is well again so is the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

import aiohttp
import pytest

from tests import clinic as broken
from tests.cli.shell import by, sign_up
from tests.clinic import Break, Clinic, clinic, pulled_again_and_again, wait_until_ready, weather
from tests.conftest import _program_from
from tests.factories.servers import new_id
from tests.people import ADA
from tests.running import RunningServer
from tests.tcp_proxy import Weather
from tests.uploading import Uploads, signed_up, until

pytestmark = pytest.mark.servers


@dataclass(frozen=True)
class Fault:
    """One way to break: for how long, and what an upload may be told (always: it may succeed)."""

    name: str
    happens: Break
    seconds: float = 1.0
    refuses: bool = True
    refusals: frozenset[int] = frozenset({503})


DATABASE, KUBO = attrgetter("to_database"), attrgetter("to_kubo")
GATEWAY = attrgetter("to_gateway")
FAULTS = [
    Fault("database stopped", broken.database_stopped),
    Fault("database restarted", broken.database_restarted, refuses=False),
    Fault("database cut in the middle", pulled_again_and_again(DATABASE), 3, refuses=False),
    Fault("database forgets to answer", weather(DATABASE, Weather.FORGETFUL)),
    Fault("database frozen", broken.database_frozen),
    Fault("database slow", weather(DATABASE, Weather.SLOW), 4, refuses=False),
    Fault("database full", broken.database_full, refusals=frozenset({503, 507})),
    Fault("database answers errors", broken.database_answers_errors),
    Fault("database answers garbage", weather(DATABASE, Weather.GARBAGE)),
    Fault("Kubo stopped", broken.kubo_stopped),
    Fault("Kubo restarted", broken.kubo_restarted, refuses=False),
    Fault("Kubo cut in the middle", pulled_again_and_again(KUBO), 3, refuses=False),
    Fault("Kubo forgets to answer", weather(KUBO, Weather.FORGETFUL)),
    Fault("Kubo frozen", broken.kubo_frozen),
    Fault("Kubo slow", weather(KUBO, Weather.SLOW), 4, refuses=False),
    Fault("Kubo full", broken.kubo_full, refusals=frozenset({507})),
    Fault("Kubo answers errors", weather(KUBO, Weather.ERRORS)),
    Fault("Kubo answers garbage", weather(KUBO, Weather.GARBAGE)),
    # What it does not give comes from the RPC.
    Fault("Kubo's gateway gone", weather(GATEWAY, Weather.GONE), 3, refuses=False),
    Fault("Kubo's gateway deaf", weather(GATEWAY, Weather.DEAF), 3, refuses=False),
    Fault("Kubo's gateway cut in the middle", pulled_again_and_again(GATEWAY), 3, refuses=False),
    Fault("Kubo's gateway answers errors", weather(GATEWAY, Weather.ERRORS), 3, refuses=False),
    Fault("Kubo's gateway answers garbage", weather(GATEWAY, Weather.GARBAGE), 3, refuses=False),
]
UPLOADERS = 2


@pytest.fixture(scope="module")
def stores(kubo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    install = _program_from("HYGIEIA_TEST_FERRETDB", "test-servers")
    with clinic(install, kubo_program, tmp_path_factory.mktemp("clinic")) as made:
        yield made


@pytest.fixture(scope="module")
def server(stores: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with stores.server(tmp_path_factory.mktemp("server")) as server:
        yield server


@contextlib.asynccontextmanager
async def lasting(fault: Fault, stores: Clinic) -> AsyncIterator[None]:
    """The fault, begun and ended in threads: the uploads go on meanwhile."""
    happening = fault.happens(stores)
    await asyncio.to_thread(happening.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(happening.__exit__, None, None, None)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_nothing_acknowledged_is_lost_and_the_server_recovers_by_itself(
    fault: Fault, stores: Clinic, server: RunningServer
) -> None:
    uploads = Uploads(fault.refusals | {503})
    enough = asyncio.Event()
    async with aiohttp.ClientSession() as http:
        somebody = replace(ADA, account=new_id(), email=f"{new_id()}@example.org")
        member = await signed_up(server, http, somebody)
        uploading = [asyncio.create_task(uploads.keep_on(member, enough)) for _ in range(UPLOADERS)]
        await until(lambda: len(uploads.told) >= 6, uploading)
        async with lasting(fault, stores):
            await asyncio.sleep(fault.seconds)
            if fault.refuses:
                await until(lambda: uploads.refused.keys() & fault.refusals, uploading)
        await asyncio.to_thread(wait_until_ready, server)
        before = len(uploads.told)
        await until(lambda: len(uploads.told) >= before + 6, uploading)
        enough.set()
        await asyncio.gather(*uploading)
        await uploads.check(member)
        assert server.process.poll() is None


@pytest.mark.slow
def test_a_person_is_told_plainly_and_the_same_line_works_once_it_is_over(
    stores: Clinic, server: RunningServer, tmp_path: Path
) -> None:
    ana = sign_up(server.address, tmp_path / "ana", f"{new_id()}@example.org")
    file = tmp_path / "report.txt"
    file.write_bytes(b"in the middle of it")
    with broken.kubo_stopped(stores):
        refused = by(ana, "--json", "put", str(file))
        assert (refused.code, refused.error["code"]) == (7, "unreachable")
        assert refused.error["hint"]
    wait_until_ready(server)
    assert by(ana, "put", str(file)).code == 0
    assert len(by(ana, "--json", "ls").json["reports"]) == 1


@pytest.mark.slow
def test_a_command_outlasts_a_short_outage(
    stores: Clinic, server: RunningServer, tmp_path: Path
) -> None:
    ana = sign_up(server.address, tmp_path / "ana", f"{new_id()}@example.org")
    file = tmp_path / "report.txt"
    file.write_bytes(b"in the middle of it")
    with broken.database_stopped(stores):
        putting = ana.begin("put", str(file))
        time.sleep(3)
        assert putting.poll() is None
    _, said = putting.communicate(timeout=90)
    assert putting.returncode == 0, said.decode()
    assert len(by(ana, "--json", "ls").json["reports"]) == 1
