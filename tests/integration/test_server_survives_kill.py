"""CL-08: the server's process is killed at any moment of uploads, and nothing acknowledged is lost.

A real process over real files. After each kill it is started again and asked: what it acknowledged
is whole, what it did not is whole too or absent, and every pin belongs to a report.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from hygieia.config import Settings
from hygieia.domain.jobs import COLLECTION as JOBS
from hygieia.domain.leases import COLLECTION as LEASES
from hygieia.domain.reports import COLLECTION as REPORTS
from hygieia.domain.reports import read_report
from hygieia.domain.soundness import Checker
from hygieia.openpgp.times import format_time, now
from hygieia.server.services import build_services
from tests.factories.dags import Dag, new_report
from tests.factories.servers import Api, Member, new_id, settings_in
from tests.listing import every_document, every_report
from tests.people import ADA
from tests.running import running_server

ROUNDS = 4
UPLOADERS = 3

Named = tuple[str, Dag]


async def upload_until_it_dies(member: Member, acknowledged: dict[str, Dag]) -> list[Named]:
    """Upload in a loop; returns what was under way when the server went."""
    while True:
        dags = [new_report(bytes(random.randrange(200_000))) for _ in range(4)]
        named = [(new_id(), dag) for dag in dags]
        try:
            upload = await member.start_upload()
            reply = await member.put(upload, [block for dag in dags for block in dag.blocks])
            assert reply.status == 200, reply.body
            reply = await member.commit(upload, [(name, dag.root) for name, dag in named])
            assert reply.status == 201, reply.body
        except (aiohttp.ClientError, ConnectionError):
            return named
        acknowledged |= dict(named)
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            await member.call("DELETE", f"/api/v1/uploads/{upload}")


async def kill_during_uploads(
    data: Path, acknowledged: dict[str, Dag], seconds: float
) -> list[Named]:
    with running_server(data, log_level="error") as server:
        async with aiohttp.ClientSession() as http:
            member = await signed_in(server.address, http)
            workers = [
                asyncio.create_task(upload_until_it_dies(member, acknowledged))
                for _ in range(UPLOADERS)
            ]
            await asyncio.sleep(seconds)
            server.process.kill()
            results = await asyncio.gather(*workers)
    return [one for named in results for one in named]


async def signed_in(address: str, http: aiohttp.ClientSession) -> Member:
    member = Member(Api(address, None, http), ADA)  # type: ignore[arg-type]  # a stand-in for the test
    sign_in = {"email": ADA.email, "login_secret": ADA.seal().login_secret}
    reply = await member.api.call("POST", "/api/v1/sessions", sign_in)
    if reply.status == 401:
        reply = await member.api.call("POST", "/api/v1/accounts", member.sign_up_body())
    assert reply.status == 201, reply.body
    member.token = reply.json["token"]
    return member


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_and_nothing_is_half_visible(tmp_path: Path) -> None:
    data = tmp_path / "data"
    acknowledged: dict[str, Dag] = {}
    under_way: list[Named] = []
    for place in range(ROUNDS):
        under_way += await kill_during_uploads(data, acknowledged, 1.0 + 0.37 * place)
    assert acknowledged
    with running_server(data, log_level="error") as server:
        async with aiohttp.ClientSession() as http:
            member = await signed_in(server.address, http)
            listed = await every_report(member)
            for name, dag in acknowledged.items():
                assert listed[name]["root"] == str(dag.root)
            await commit_again(member, under_way, set(listed))
            listed = await every_report(member)
            assert len(listed) == len(acknowledged) + len(under_way)
    await all_are_whole(data, {str(report["root"]) for report in listed.values()})


async def commit_again(member: Member, named: list[Named], known: set[str]) -> None:
    """What was under way is committed again, whatever the dead server had done of it."""
    for name, dag in named:
        if name in known:
            continue
        upload = await member.start_upload()
        asked = await member.call("POST", f"/api/v1/uploads/{upload}/missing", {"cids": dag.cids})
        missing = set(asked.json["missing"])
        await member.put(upload, [block for block in dag.blocks if str(block.cid) in missing])
        reply = await member.commit(upload, [(name, dag.root)])
        assert reply.status == 201, reply.body
        await member.call("DELETE", f"/api/v1/uploads/{upload}")


async def all_are_whole(data: Path, roots: set[str]) -> None:
    """After the clean-up jobs, pins and visible reports are the same roots, and all blocks there."""
    services = build_services(settings_of(data))
    try:
        stores = services.stores
        # Their time is brought forward rather than waited for.
        for job in await every_document(stores.documents, JOBS):
            await stores.documents.replace(
                JOBS, job.id, job.rev, job.body, sort=format_time(now() - timedelta(seconds=1))
            )
        for lease in await every_document(stores.documents, LEASES):
            await stores.documents.delete(LEASES, lease.id)  # of the dead: as if run out
        done = await services.sweeper.sweep()
        assert done.failed_jobs == ()
        assert {str(pin.root) async for pin in stores.blocks.pins()} == roots
        soundness = await Checker(stores).check()
        assert soundness.damaged == ()
        assert soundness.reports == len(roots)
        usage = await stores.quotas.usage(ADA.account)
        assert usage.holds == ()
        reports = await every_document(stores.documents, REPORTS)
        assert usage.report_bytes == sum(read_report(report).size_bytes for report in reports)
    finally:
        await services.close()


def settings_of(data: Path) -> Settings:
    return replace(settings_in(data), data_dir=data)
