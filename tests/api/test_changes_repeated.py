"""A change of a report asked for again while the first is at work, without a key (docs/spec/10 §7)."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from hygieia.domain.reports import Report, Reports
from tests.api.test_trouble import make_jobs_due
from tests.factories.dags import report_parts
from tests.factories.servers import Api, Member, Reply
from tests.people import ADA


async def test_what_is_asked_for_twice_at_once_is_charged_once(
    ada: Member, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second takes the claim of the first over, and comes too late all the same."""
    services = api.services
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    before = (await services.stores.quotas.usage(ADA.account)).report_bytes
    dag = parts.edited().dag()
    upload = await ada.start_upload()
    await ada.put(upload, dag.blocks)
    path = f"/api/v1/reports/{report['id']}"
    body = {"upload": upload, "root": str(dag.root), "change": "edit", "shares": []}
    ask = partial(ada.call, "PUT", path, body, rev=report["rev"])
    claimed, answered = asyncio.Event(), asyncio.Event()
    seconds: list[asyncio.Task[Reply]] = []
    replace = Reports.replace

    async def meanwhile(self: Reports, changed: Report) -> Report:
        if not seconds:
            seconds.append(asyncio.create_task(ask()))
            await claimed.wait()
        else:
            claimed.set()
            await answered.wait()
        return await replace(self, changed)

    monkeypatch.setattr(Reports, "replace", meanwhile)
    first = await ask()
    answered.set()
    [second] = await asyncio.gather(*seconds)
    assert (first.status, second.status, second.code) == (200, 412, "stale-revision")
    version = await services.stores.reports.version(str(dag.root))
    assert version is not None
    assert version.charged_bytes > 0
    await make_jobs_due(api)
    assert (await services.sweeper.do_jobs()).failed_jobs == ()
    usage = await services.stores.quotas.usage(ADA.account)
    assert usage.report_bytes == before + version.charged_bytes
    assert all(key.startswith("upload-") for key, _ in usage.holds)
    assert await services.stores.blocks.is_pinned(dag.root)
