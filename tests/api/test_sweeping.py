"""The sweeper of a running server: it sweeps by itself, and goes on after a broken round."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hygieia.domain.sweeper import Sweep, Sweeper
from hygieia.errors import HygieiaError, Unavailable
from tests.factories.dags import new_report
from tests.factories.servers import running_api, settings_in

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
