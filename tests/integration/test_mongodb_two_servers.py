"""Two server processes on one MongoDB and one block store; one of them is killed at any moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.factories.dags import Dag, ReportParts, new_report, report_parts
from tests.factories.servers import Api, Member, new_id
from tests.mongodb import MongoDb
from tests.people import ADA
from tests.running import RunningServer, running_server

pytestmark = pytest.mark.servers

CHANGES = 12


@pytest.fixture
def servers(mongodb: MongoDb, tmp_path: Path) -> Iterator[tuple[RunningServer, RunningServer]]:
    with mongodb.databases() as address:
        same = {"documents": address("vault"), "log_level": "warning"}
        data = tmp_path / "data"
        with running_server(data, **same) as first, running_server(data, **same) as second:
            yield first, second


def at(server: RunningServer, http: aiohttp.ClientSession, token: str | None = None) -> Member:
    """Ada, speaking to one of the servers."""
    return Member(Api(server.address, None, http), ADA, token)  # type: ignore[arg-type]


async def change_until_done(member: Member, report: str, parts: ReportParts) -> list[str]:
    """Edits the report again and again against others; the roots that were acknowledged."""
    done: list[str] = []
    while len(done) < CHANGES:
        current = (await member.call("GET", f"/api/v1/reports/{report}")).json
        edited = parts.edited().dag()
        reply = await member.change(current, edited, "edit")
        if reply.status == 200:
            done.append(str(edited.root))
        else:
            assert reply.status == 412, reply.body
    return done


async def test_no_change_of_a_report_is_lost_between_two_servers(
    servers: tuple[RunningServer, RunningServer],
) -> None:
    async with aiohttp.ClientSession() as http:
        ada = await signed_up(servers[0], http)
        parts = report_parts()
        [report] = await ada.upload(parts.dag())
        members = [at(server, http, ada.token) for server in servers]
        changed = await asyncio.gather(
            *[change_until_done(member, report["id"], parts) for member in members]
        )
        roots = [root for one in changed for root in one]
        final = (await ada.call("GET", f"/api/v1/reports/{report['id']}")).json
        assert final["rev"] == 1 + len(roots)
        versions = (await ada.call("GET", f"/api/v1/reports/{report['id']}/versions")).json
        assert {item["root"] for item in versions["items"]} == {report["root"], *roots}


async def signed_up(server: RunningServer, http: aiohttp.ClientSession) -> Member:
    ada = at(server, http)
    reply = await ada.api.call("POST", "/api/v1/accounts", ada.sign_up_body())
    assert reply.status == 201, reply.body
    ada.token = reply.json["token"]
    return ada


async def upload_until(member: Member, stop: asyncio.Event, told: dict[str, Dag]) -> None:
    """Stores reports until told to stop or its server is gone; what was acknowledged."""
    while not stop.is_set():
        named = [(new_id(), new_report(random.randbytes(1000))) for _ in range(3)]
        try:
            upload = await member.start_upload()
            await member.put(upload, [block for _, dag in named for block in dag.blocks])
            reply = await member.commit(upload, [(name, dag.root) for name, dag in named])
        except (aiohttp.ClientError, ConnectionError):
            return
        assert reply.status == 201, reply.body
        told |= dict(named)


async def until(told: dict[str, Dag], count: int, uploads: list[asyncio.Task[None]]) -> None:
    """Waits for a number of reports to be acknowledged; what an upload raised is raised here."""
    while len(told) < count:
        done, _ = await asyncio.wait(uploads, timeout=0.1)
        for upload in done:
            upload.result()
        assert len(done) < len(uploads)


async def test_one_server_is_killed_and_the_other_has_everything(
    servers: tuple[RunningServer, RunningServer],
) -> None:
    told: dict[str, Dag] = {}
    stop = asyncio.Event()
    async with aiohttp.ClientSession() as http:
        ada = await signed_up(servers[1], http)
        uploads = [
            asyncio.create_task(upload_until(at(server, http, ada.token), stop, told))
            for server in servers * 2
        ]
        await until(told, 12, uploads)
        servers[0].process.kill()
        await until(told, len(told) + 6, uploads)
        stop.set()
        await asyncio.gather(*uploads)
        listed = {item["id"]: item["root"] for item in await every_report(ada)}
        for name, dag in told.items():
            assert listed[name] == str(dag.root)
            read = await ada.api.call("GET", f"/ipfs/{dag.root}?format=car")
            assert read.status == 200


async def every_report(member: Member) -> list[Any]:
    reports: list[Any] = []
    after = ""
    while True:
        page = (await member.call("GET", f"/api/v1/reports?limit=50{after}")).json
        reports += page["items"]
        if page["next"] is None:
            return reports
        after = f"&after={page['next']}"
