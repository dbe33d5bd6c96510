"""A change of a report asked for again while the first is at work, without a key (docs/spec/10 §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from hygieia.domain.reports import Report, Reports
from tests.api.test_trouble import make_jobs_due
from tests.factories.dags import report_parts
from tests.factories.servers import Api, Member, Reply
from tests.people import ADA, BOB, Person

Ask = Callable[[], Coroutine[Any, Any, Reply]]

CLEO = Person(email="cleo@example.org", account="c" * 32, password="paper clip")


async def both_at_once(first: Ask, second: Ask, monkeypatch: pytest.MonkeyPatch) -> list[Reply]:
    """The second takes the claim while the first is about to replace the root, and comes too late."""
    claimed, answered = asyncio.Event(), asyncio.Event()
    seconds: list[asyncio.Task[Reply]] = []
    replace = Reports.replace

    async def meanwhile(self: Reports, changed: Report) -> Report:
        if not seconds:
            seconds.append(asyncio.create_task(second()))
            await claimed.wait()
        else:
            claimed.set()
            await answered.wait()
        return await replace(self, changed)

    monkeypatch.setattr(Reports, "replace", meanwhile)
    reply = await first()
    answered.set()
    return [reply, *await asyncio.gather(*seconds)]


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
    first, second = await both_at_once(ask, ask, monkeypatch)
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


async def test_what_another_account_asks_for_at_once_takes_nothing_off_ones_use(
    ada: Member, bob: Member, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader, who pays nothing for passing it on, loses the claim to the owner, who does."""
    services, parts = api.services, report_parts()
    await api.sign_up(CLEO)
    (report,) = await ada.upload(parts.dag())
    reply, shared = await ada.share(report, parts, BOB)
    passed_on = shared.with_readers(CLEO.key.certificate)
    [added] = set(passed_on.packets()) - set(shared.packets())
    asking = []
    for member in (bob, ada):
        upload = await member.start_upload()
        await member.put(upload, passed_on.dag().blocks)
        note = member.share_note(report["id"], CLEO, added)
        root = str(passed_on.dag().root)
        body = {"upload": upload, "root": root, "change": "readers", "shares": [note]}
        path = f"/api/v1/reports/{report['id']}"
        asking.append(partial(member.call, "PUT", path, body, rev=reply.json["rev"]))
    his, hers = await both_at_once(asking[0], asking[1], monkeypatch)
    assert (his.status, hers.status) == (200, 412)
    await make_jobs_due(api)
    assert (await services.sweeper.do_jobs()).failed_jobs == ()
    assert (await services.stores.quotas.usage(BOB.account)).report_bytes == 0
    assert (await services.stores.quotas.usage(ADA.account)).report_bytes > 0
