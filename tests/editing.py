"""Members who change, share and purge reports again and again, whatever happens to their servers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from hygieia.vault.activity import ActivityEntry, Trail
from tests.factories.dags import ReportParts, new_report
from tests.factories.servers import Member, Reply, new_id
from tests.people import BOB
from tests.uploading import require_whole

LOST = (aiohttp.ClientError, ConnectionError, TimeoutError)


@dataclass
class Edited:
    """One report that many change at once, and what they were told of it."""

    id: str
    parts: dict[str, ReportParts]
    told: dict[str, str] = field(default_factory=dict)
    packets: set[str] = field(default_factory=set)
    readers: set[str] = field(default_factory=set)

    async def keep_editing(self, member: Member, enough: asyncio.Event) -> None:
        """Change the meta again and again, always of what is there now."""

        async def edit(current: Any, parts: ReportParts) -> Reply:  # noqa: ANN401  (whatever JSON or arguments it is)
            edited = parts.edited()
            self.parts[str(edited.dag().root)] = edited
            return self._note(await member.change(current, edited.dag(), "edit"), "edit", edited)

        await self._keep_on(member, enough, edit)

    async def keep_sharing(self, member: Member, enough: asyncio.Event) -> None:
        """Add one reader after the other."""

        async def share(current: Any, parts: ReportParts) -> Reply:  # noqa: ANN401  (whatever JSON or arguments it is)
            reader = replace(BOB, email=f"{new_id()}@example.org")
            before = set(parts.packets())
            shared = parts.with_readers(reader.key.certificate)
            [added] = set(shared.packets()) - before
            self.parts[str(shared.dag().root)] = shared
            note = member.share_note(self.id, reader, added)
            reply = await member.change(current, shared.dag(), "readers", shares=[note])
            if reply.status == 200:
                self.packets.add(added)
                self.readers.add(reader.key.key_id)
            return self._note(reply, "readers", shared)

        await self._keep_on(member, enough, share)

    def _note(self, reply: Reply, kind: str, parts: ReportParts) -> Reply:
        if reply.status == 200:
            self.told[str(parts.dag().root)] = kind
        return reply

    async def _keep_on(
        self,
        member: Member,
        enough: asyncio.Event,
        change: Callable[[Any, ReportParts], Any],
    ) -> None:
        while not enough.is_set():
            try:
                reply = await member.call("GET", f"/api/v1/reports/{self.id}")
                if reply.status == 200:
                    reply = await change(reply.json, self.parts[reply.json["root"]])
            except LOST:  # the server was killed: nobody knows what became of it
                await asyncio.sleep(0.1)
                continue
            assert reply.status in {200, 412, 503}, (reply.status, reply.body)

    async def check(self, member: Member) -> None:
        """Each acknowledged change is there once, each built on the one before."""
        final = (await member.call("GET", f"/api/v1/reports/{self.id}")).json
        reply = await member.call("GET", f"/api/v1/reports/{self.id}/versions?limit=1000")
        versions = {item["root"] for item in reply.json["items"]}
        assert len(versions) == len(reply.json["items"]) == final["rev"]
        assert set(self.told) <= versions, "an acknowledged change is lost"
        assert versions <= set(self.parts), "a change that nobody made"
        parts = self.parts[final["root"]]
        assert self.packets <= set(parts.packets()), "an acknowledged reader is lost"
        await require_whole(member, parts.dag())

    async def check_told(self, owner: Member, reader: Member) -> None:
        """The reader finds it as it is now, and the owner's trail tells of everyone it went to."""
        final = (await owner.call("GET", f"/api/v1/reports/{self.id}")).json
        [item] = (await reader.call("GET", "/api/v1/shared")).json["items"]
        assert (item["share"]["report"], item["root"]) == (self.id, final["root"])
        assert (await reader.call("GET", f"/api/v1/reports/{self.id}")).json == final
        entries = await trail_of(owner)
        shared = {key for entry in entries if entry.event == "shared" for key in entry.people}
        assert self.readers <= shared, "an acknowledged share is not told"
        sharers = {entry.by for entry in entries if entry.event == "shared"}
        assert sharers == {owner.person.key.key_id, reader.person.key.key_id}


async def trail_of(member: Member) -> list[ActivityEntry]:
    """Her whole activity trail, checked line by line: no gap, whichever server wrote it."""
    trail, entries, after = Trail(member.person.account), list[ActivityEntry](), ""
    while True:
        page = (await member.call("GET", f"/api/v1/activity?limit=500{after}")).json
        entries += trail.take_all(item["entry"] for item in page["items"])
        if page["next"] is None:
            return entries
        after = f"&after={page['next']}"


async def delete_and_purge(member: Member, enough: asyncio.Event, gone: set[str]) -> None:
    """Store a report, delete it, purge it; `gone` are those of which that was acknowledged."""
    while not enough.is_set():
        try:
            [report] = await member.upload(new_report(random.randbytes(3000)))
            path = f"/api/v1/reports/{report['id']}"
            if (await member.call("DELETE", path)).status == 200:
                await asyncio.sleep(random.uniform(0, 0.2))
                if (await member.call("DELETE", f"{path}/purge")).status == 204:
                    gone.add(report["id"])
        except (*LOST, AssertionError):  # of ``upload``: refused, as its server was going
            await asyncio.sleep(0.1)
