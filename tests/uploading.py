"""People who store reports through trouble, and what must be true of it afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp

from hygieia.ipld.car import CarReader
from tests.factories.dags import Dag, new_report
from tests.factories.servers import Api, Member, Reply, new_id
from tests.listing import every_report
from tests.people import ADA, Person
from tests.running import RunningServer

REPORTS_AT_ONCE = 3
PATIENCE_SECONDS = 60
"""No answer takes longer, whatever is broken."""
TROUBLE_SECONDS = 90


def at(server: RunningServer, http: aiohttp.ClientSession, token: str | None = None) -> Member:
    """Ada, speaking to a server."""
    return Member(Api(server.address, None, http), ADA, token)  # type: ignore[arg-type]  # no app: another process


async def signed_up(
    server: RunningServer, http: aiohttp.ClientSession, person: Person = ADA
) -> Member:
    """Somebody with an account."""
    member = Member(Api(server.address, None, http), person)  # type: ignore[arg-type]  # no app: another process
    reply = await member.api.call("POST", "/api/v1/accounts", member.sign_up_body())
    assert reply.status == 201, reply.body
    member.token = reply.json["token"]
    return member


@dataclass
class Uploads:
    """What was tried, what was acknowledged, and what was refused how often."""

    refusals: frozenset[int] = frozenset({503})
    connections_may_be_lost: bool = False
    tried: dict[str, Dag] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    refused: Counter[int] = field(default_factory=Counter)
    slowest_seconds: float = 0.0

    async def keep_on(self, member: Member, enough: asyncio.Event) -> None:
        """Store reports, a few at a time, until there is enough."""
        while not enough.is_set():
            began = time.monotonic()
            try:
                reply = await asyncio.wait_for(self._store(member), PATIENCE_SECONDS)
            except (aiohttp.ClientError, ConnectionError):
                if not self.connections_may_be_lost:
                    raise
                await asyncio.sleep(0.1)
                continue
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
            if reply is not None:
                self._check_refusal(reply)
                await asyncio.sleep(0.1)

    async def _store(self, member: Member) -> Reply | None:
        """One upload and commit; what refused it, if something did."""
        named = {new_id(): new_report(random.randbytes(2000)) for _ in range(REPORTS_AT_ONCE)}
        reply = await member.call("POST", "/api/v1/uploads", {})
        if reply.status != 201:
            return reply
        upload = reply.json["upload"]
        reply = await member.put(upload, [block for dag in named.values() for block in dag.blocks])
        if reply.status != 200:
            return reply
        self.tried |= named
        reply = await member.commit(upload, [(name, dag.root) for name, dag in named.items()])
        if reply.status not in {201, 207}:
            return reply
        told = zip(named, reply.json["reports"], strict=True)
        self.told.update(name for name, item in told if item.get("report"))
        await member.call("DELETE", f"/api/v1/uploads/{upload}")
        return None

    def _check_refusal(self, reply: Reply) -> None:
        assert reply.status in self.refusals, (reply.status, reply.body)
        self.refused[reply.status] += 1
        if reply.status == 503:
            assert int(reply.headers["Retry-After"]) == reply.json["retry_after"]
        assert b"127.0.0.1" not in reply.body, "it tells strangers where its stores are"

    async def check(self, member: Member) -> None:
        """What was acknowledged is listed, what is listed is whole, and nothing else is there."""
        listed = await every_report(member)
        assert self.told <= set(listed), "an acknowledged report is lost"
        assert set(listed) <= set(self.tried), "a report that nobody stored"
        for name, report in listed.items():
            dag = self.tried[name]
            assert report["root"] == str(dag.root)
            await require_whole(member, dag)


async def require_whole(member: Member, dag: Dag) -> None:
    """Every block of a report is served, and hashes to its CID."""
    read = await member.api.call("GET", f"/ipfs/{dag.root}?format=car")
    assert read.status == 200, read.body
    reader = CarReader(vault_only=False)
    found = {block.cid: block.verify() for block in reader.feed_unverified(read.body)}
    reader.finish()
    assert {block.cid for block in dag.blocks} <= set(found), "a half-visible report"


async def until(done: Callable[[], object], working: Sequence[asyncio.Task[None]]) -> None:
    """Wait for something; what a task raised meanwhile is raised here."""
    async with asyncio.timeout(TROUBLE_SECONDS):
        while not done():
            for task in working:
                if task.done():
                    task.result()
            await asyncio.sleep(0.05)
