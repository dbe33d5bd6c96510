"""The sweeper of a running server: it sweeps by itself, and goes on after a broken round."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hygieia.domain.changes import Changes
from hygieia.domain.shares import Shares
from hygieia.domain.sweeper import Sweep, Sweeper
from hygieia.errors import HygieiaError, Unavailable
from tests.factories.dags import new_report, report_parts
from tests.factories.servers import Member, running_api, settings_in
from tests.people import BOB

PATIENCE_SECONDS = 30


async def test_a_running_server_sweeps_what_nothing_keeps(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    orphans = new_report()
    async with running_api(settings) as api:
        blocks = api.services.stores.blocks
        await blocks.put(orphans.blocks, holder="dead")
        await blocks.release("dead")
    async with running_api(settings) as api, asyncio.timeout(PATIENCE_SECONDS):
        cids = [block.cid for block in orphans.blocks]
        while await api.services.stores.blocks.missing(cids) != cids:  # noqa: ASYNC110  (polled: nothing announces it)
            await asyncio.sleep(0.02)


async def test_a_server_stops_in_a_round_whose_store_fails_at_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = asyncio.Event()

    async def sweep(_self: Sweeper) -> Sweep:
        under_way.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise Unavailable("The database is away.")

    monkeypatch.setattr(Sweeper, "sweep", sweep)
    async with asyncio.timeout(PATIENCE_SECONDS), running_api(settings_in(tmp_path), swept=False):
        await under_way.wait()


@pytest.mark.parametrize("defect", [RuntimeError("a defect"), Unavailable("The disk is away.")])
async def test_a_broken_round_ends_no_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: Exception | HygieiaError
) -> None:
    broken, swept_again = asyncio.Event(), asyncio.Event()

    async def sweep(_self: Sweeper) -> Sweep:
        if not broken.is_set():
            broken.set()
            raise defect
        swept_again.set()
        return Sweep()

    monkeypatch.setattr(Sweeper, "sweep", sweep)
    async with running_api(settings_in(tmp_path)) as api, asyncio.timeout(PATIENCE_SECONDS):
        await broken.wait()
        api.services.lifecycle.sweep_wanted.set()
        await swept_again.wait()


async def _die(*_: object) -> None:
    raise Unavailable("The server is gone.")


async def test_a_server_tells_at_its_start_of_what_the_last_one_committed_and_told_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the root that lets Bob read, before his list and that of the changes."""
    settings = settings_in(tmp_path)
    parts = report_parts()
    async with running_api(settings) as api:
        ada, bob = await api.sign_up(), await api.sign_up(BOB)
        (report,) = await ada.upload(parts.dag())
        monkeypatch.setattr(Changes, "record", _die)
        monkeypatch.setattr(Shares, "settle", _die)
        reply, shared = await ada.share(report, parts, BOB)
        assert reply.status == 503
        assert await lists_of(ada, bob) == ([report["root"]], [])
    monkeypatch.undo()
    async with running_api(settings) as api:
        root = str(shared.dag().root)
        assert await lists_of(replace(ada, api=api), replace(bob, api=api)) == ([root], [root])


async def lists_of(owner: Member, reader: Member) -> tuple[list[str], list[str]]:
    """The roots that the owner's list of changes names, and those of what the reader was given."""
    told = (await owner.call("GET", "/api/v1/changes")).json["items"]
    given = (await reader.call("GET", "/api/v1/shared")).json["items"]
    return [change["root"] for change in told], [item["root"] for item in given]


async def test_what_cannot_be_told_at_the_start_keeps_no_server_from_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sweeper, "tell_of_commits", _die)
    async with running_api(settings_in(tmp_path)) as api:
        assert (await api.call("GET", "/healthz")).status == 200
