"""Two servers and two sweepers on one MongoDB and one Kubo; each is killed at any moment.

People store reports, edit them, add readers to the same ones, delete and purge others, through
both servers at once. Whatever was acknowledged is there exactly once afterwards, nothing is
half-visible, and background work was done by one process at a time. The readers are real ones: one
of them reads, and passes the report on, at both servers. The activity trail tells of every share.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hygieia.config import load_settings
from hygieia.documents.mongo import open_mongo
from hygieia.domain.jobs import Jobs
from hygieia.domain.sweeper import DROP_ACCOUNT_JOB
from hygieia.errors import NotFound, StaleRevision
from hygieia.server.services import build_services
from tests.cli.shell import run
from tests.editing import Edited, delete_and_purge
from tests.factories.dags import new_report, report_parts
from tests.factories.servers import Api, Member, new_id
from tests.kubo import KuboServer
from tests.listing import every_document
from tests.mongodb import MongoDb
from tests.people import ADA
from tests.ports import free_port
from tests.running import RunningServer, _without_settings, running_server
from tests.tcp_proxy import TcpProxy, tcp_proxy
from tests.uploading import Uploads, require_whole, signed_up, until

pytestmark = pytest.mark.servers

PROJECT = Path(__file__).parents[2]
KILLS = 3
JOBS = 120


@dataclass
class Pair:
    """Two servers that share everything, each of which can be killed and started again."""

    settings: dict[str, str]
    folder: Path
    to_gateway: TcpProxy | None = None
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    _running: list[contextlib.ExitStack] = field(default_factory=list)
    servers: list[RunningServer] = field(default_factory=list)

    def start(self, which: int) -> None:
        """Start one, or start it again."""
        stack = contextlib.ExitStack()
        server = stack.enter_context(
            running_server(
                self.folder / f"server{which}",
                self.ports[which],
                log_level="warning",
                secrets_file=str(self.folder / "secrets.json"),
                **self.settings,
            )
        )
        if which < len(self.servers):
            self.servers[which], self._running[which] = server, stack
        else:
            self.servers.append(server)
            self._running.append(stack)

    def kill(self, which: int) -> None:
        """End one without a chance to finish anything."""
        self.servers[which].process.kill()
        self._running[which].close()

    def close(self) -> None:
        for stack in self._running:
            stack.close()

    @property
    def environ(self) -> dict[str, str]:
        """For commands and sweepers on the same stores."""
        ours = {f"HYGIEIA_{name.upper()}": value for name, value in self.settings.items()}
        data = {"HYGIEIA_DATA_DIR": str(self.folder / "beside")}
        secrets = {"HYGIEIA_SECRETS_FILE": str(self.folder / "secrets.json")}
        return _without_settings() | ours | data | secrets


@pytest.fixture(params=["by its RPC", "by its gateway"])
def pair(
    request: pytest.FixtureRequest, mongodb: MongoDb, kubo: KuboServer, tmp_path: Path
) -> Iterator[Pair]:
    """Both read the blocks through Kubo's RPC, or through its gateway by a cable of ours."""
    kubo.empty()
    with mongodb.databases() as address, tcp_proxy(kubo.gateway_port) as cable:
        made = Pair({"documents": address("vault"), "blocks": kubo.address}, tmp_path)
        if request.param == "by its gateway":
            made.to_gateway = cable
            made.settings["kubo_gateway"] = f"http://127.0.0.1:{cable.port}"
        try:
            made.start(0)
            made.start(1)
            yield made
        finally:
            made.close()


@dataclass
class Sweeping:
    """A sweeper in a process of its own, and what it said."""

    process: asyncio.subprocess.Process
    said: list[list[Any]] = field(default_factory=list)

    @classmethod
    async def begin(cls, pair: Pair) -> Sweeping:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.sweeping",
            str(pair.folder / "enough"),
            stdout=subprocess.PIPE,
            env=pair.environ,
            cwd=PROJECT,
        )
        return cls(process)

    async def listen(self) -> None:
        """Until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            with contextlib.suppress(json.JSONDecodeError):  # killed in the middle of a word
                self.said.append(json.loads(line))

    def told(self, word: str) -> list[list[Any]]:
        return [words for words in self.said if words[0] == word]


@contextlib.asynccontextmanager
async def sweepers(pair: Pair) -> AsyncIterator[list[Sweeping]]:
    """Two of them; whoever asks may kill one and append another."""
    running = [await Sweeping.begin(pair) for _ in range(2)]
    listening = [asyncio.create_task(one.listen()) for one in running]
    try:
        yield running
    finally:
        (pair.folder / "enough").touch()
        for one in running:
            async with asyncio.timeout(180):
                await one.process.wait()
        await asyncio.gather(*listening)


def done_once_and_one_at_a_time(running: list[Sweeping]) -> None:
    """No job was done twice, and no two sweeps of blocks overlapped."""
    jobs = [tuple(words[1:4]) for one in running for words in one.told("job")]
    assert len(jobs) >= JOBS
    assert len(jobs) == len(set(jobs))
    spans = sorted(words[1:] for one in running for words in one.told("sweep"))
    assert len(spans) > 1
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))
    failed = [code for one in running for words in one.told("round") for _, code in words[1]]
    assert set(failed) <= {"stale-revision", "conflict", "unavailable"}


async def give_them_jobs(pair: Pair) -> None:
    """What is due now: belongings to be dropped of accounts that there never were."""
    documents = await asyncio.to_thread(open_mongo, pair.settings["documents"])
    jobs = Jobs(documents)
    for _ in range(JOBS):
        await jobs.schedule(DROP_ACCOUNT_JOB, new_id(), datetime.now(UTC))
    await documents.close()


async def let_leases_run_out(pair: Pair) -> set[str]:
    """As if their time had passed: those of processes that are dead; their names."""
    documents = await asyncio.to_thread(open_mongo, pair.settings["documents"])
    found = set()
    for collection in ("leases", "kubo-leases"):
        for lease in (await documents.scan(collection, limit=100)).items:
            assert lease.expires is not None, "a dead process keeps it for ever"
            found.add(lease.id)
            with contextlib.suppress(NotFound, StaleRevision):  # of a server that lives: let go
                await documents.replace(
                    collection, lease.id, lease.rev, lease.body, expires=datetime.now(UTC)
                )
    await documents.close()
    return found


async def somebody(server: RunningServer, http: aiohttp.ClientSession) -> Member:
    person = replace(ADA, account=new_id(), email=f"{new_id()}@example.org")
    return await signed_up(server, http, person)


def elsewhere(member: Member, server: RunningServer) -> Member:
    """The same person at another server."""
    return replace(member, api=Api(server.address, None, member.api.http))  # type: ignore[arg-type]  # no app: another process


@pytest.mark.slow
async def test_nothing_is_lost_between_two_servers_that_are_killed(pair: Pair) -> None:
    enough, uploads, gone = asyncio.Event(), Uploads(connections_may_be_lost=True), set[str]()
    async with aiohttp.ClientSession() as http, sweepers(pair) as sweeping:
        people = [await somebody(pair.servers[0], http) for _ in range(4)]
        storing, editing, deleting, reading = people
        parts = report_parts()
        [report] = await editing.upload(parts.dag())
        reply, shared = await editing.share(report, parts, reading.person)
        edited = Edited(
            report["id"],
            {report["root"]: parts, reply.json["root"]: shared},
            readers={reading.person.key.key_id},
        )
        work = [
            asyncio.create_task(one)
            for server in pair.servers
            for one in (
                uploads.keep_on(elsewhere(storing, server), enough),
                edited.keep_editing(elsewhere(editing, server), enough),
                edited.keep_sharing(elsewhere(editing, server), enough),
                edited.keep_sharing(elsewhere(reading, server), enough),
                delete_and_purge(elsewhere(deleting, server), enough, gone),
            )
        ]
        jobs = asyncio.create_task(give_them_jobs(pair))
        for number in range(KILLS):
            which = number % 2
            before = len(uploads.told), len(edited.told), len(gone)
            await until_more(before, uploads, edited, gone, work)
            await asyncio.sleep(random.uniform(0, 0.3))
            await asyncio.to_thread(pair.kill, which)
            if pair.to_gateway is not None:
                pair.to_gateway.cut()
            await asyncio.sleep(random.uniform(0, 0.5))  # the other one has it all to itself
            await asyncio.to_thread(pair.start, which)
        await jobs
        before = len(uploads.told), len(edited.told), len(gone)
        await until_more(before, uploads, edited, gone, work)
        enough.set()
        await asyncio.gather(*work)
        for server in pair.servers:
            await uploads.check(elsewhere(storing, server))
            await edited.check(elsewhere(editing, server))
            await edited.check_told(elsewhere(editing, server), elsewhere(reading, server))
        left = {
            item["id"] for item in (await deleting.call("GET", "/api/v1/reports")).json["items"]
        }
        assert not left & gone
    done_once_and_one_at_a_time(sweeping)
    await everything_is_cleaned_up(pair, people)
    checked = await asyncio.to_thread(run, "admin", "check", environ=pair.environ)
    assert checked.code == 0, checked.out


async def everything_is_cleaned_up(pair: Pair, members: list[Member]) -> None:
    """Two days later nothing is left of what died half-way, and the room counted is that used."""
    await let_leases_run_out(pair)
    settings = load_settings(pair.environ, None)
    services = await asyncio.to_thread(build_services, settings)
    services.sweeper._now = lambda: datetime.now(UTC) + timedelta(days=2)
    for _ in range(2):
        assert (await services.sweeper.sweep()).failed_jobs == ()
    documents = services.stores.documents
    waiting = {job.body["kind"] for job in (await documents.scan("jobs", limit=1000)).items}
    assert waiting <= {"purge-report"}  # of what is in the trash for thirty days
    charged = Counter[str]()
    for version in await every_document(documents, "versions"):
        charged[str(version.body["account"])] += int(str(version.body["charged_bytes"]))
    for member in members:
        usage = await services.stores.quotas.usage(member.person.account)
        assert usage.holds == ()
        assert usage.report_bytes == charged[member.person.account]
    await services.close()


async def until_more(
    before: tuple[int, int, int],
    uploads: Uploads,
    edited: Edited,
    gone: set[str],
    work: list[asyncio.Task[None]],
) -> None:
    """Wait until a little more of everything was acknowledged."""

    def is_more() -> bool:
        more = len(uploads.told) >= before[0] + 6, len(edited.told) >= before[1] + 4
        return all(more) and len(gone) > before[2]

    await until(is_more, work)


def has_done(sweeping: Sweeping, rounds: int) -> bool:
    return len(sweeping.told("round")) >= rounds


@pytest.mark.slow
async def test_a_sweeper_that_is_killed_is_followed_by_another(pair: Pair) -> None:
    enough, gone = asyncio.Event(), set[str]()
    async with aiohttp.ClientSession() as http:
        member = await somebody(pair.servers[0], http)
        kept = [new_report() for _ in range(5)]
        await member.upload(*kept)
        work = [
            asyncio.create_task(delete_and_purge(elsewhere(member, server), enough, gone))
            for server in pair.servers
        ]
        for _ in range(KILLS):
            one = await Sweeping.begin(pair)
            listening = asyncio.create_task(one.listen())
            await until(partial(has_done, one, 2), work)
            await asyncio.sleep(random.uniform(0, 0.3))
            one.process.kill()
            await one.process.wait()
            await listening
            await let_leases_run_out(pair)
        enough.set()
        await asyncio.gather(*work)
        async with sweepers(pair) as sweeping:
            await until(lambda: sum(len(one.told("sweep")) for one in sweeping) > 2, [])
        for dag in kept:
            await require_whole(member, dag)
        checked = await asyncio.to_thread(run, "admin", "check", environ=pair.environ)
        assert checked.code == 0, checked.out
