"""Purging is done in bounded turns: none grows with a report's versions or an account's reports."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hygieia.domain import purging, trash
from hygieia.domain.index import KIT_JOB
from hygieia.domain.reports import VERSIONS, State
from hygieia.errors import Unavailable
from hygieia.ipld.cid import CID
from tests.api.test_trash_in_time import jobs_after, visible
from tests.factories.dags import report_parts
from tests.factories.servers import Api, Member
from tests.people import ADA

Call = Callable[..., Awaitable[object]]


async def report_of_versions(member: Member, count: int) -> tuple[Any, list[CID]]:
    """A report with so many committed roots."""
    parts = report_parts()
    (report,) = await member.upload(parts.dag())
    roots = [parts.dag().root]
    for _ in range(count - 1):
        parts = parts.edited()
        changed = await member.change(report, parts.dag(), "edit")
        assert changed.status == 200, changed.body
        report = changed.json
        roots.append(parts.dag().root)
    return report, roots


async def left_of(api: Api, report: dict[str, Any], roots: list[CID]) -> tuple[int, int]:
    """How many versions are known, and how many roots are pinned."""
    page = await api.services.stores.documents.page(VERSIONS, report["id"], limit=100)
    pinned = [root for root in roots if await api.services.stores.blocks.is_pinned(root)]
    return len(page.items), len(pinned)


async def used_bytes(api: Api) -> int:
    return (await api.services.stores.quotas.usage(ADA.account)).used_bytes


@pytest.fixture(autouse=True)
def small_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "VERSIONS_A_TURN", 2)
    monkeypatch.setattr(trash, "REPORTS_A_TURN", 1)


async def test_a_report_purged_by_its_owner_goes_at_once_and_its_rest_in_turns(
    ada: Member, api: Api
) -> None:
    report, roots = await report_of_versions(ada, 7)
    path = f"/api/v1/reports/{report['id']}"
    await ada.call("DELETE", path)
    assert (await ada.call("DELETE", f"{path}/purge")).status == 204
    assert not await visible(ada, report["id"])
    assert await left_of(api, report, roots) == (7, 5)
    assert (await jobs_after(api, timedelta(seconds=1))).failed_jobs == ()
    assert await left_of(api, report, roots) == (0, 0)
    assert await used_bytes(api) == 0
    assert await api.services.stores.jobs.find(purging.JOB, report["id"]) is None


def fail_at(patch: pytest.MonkeyPatch, store: type, at: int) -> None:
    """The ``at``-th change of a document does not come about, nor any after it."""
    calls = 0

    def breaking(original: Call) -> Call:
        async def call(self: object, collection: str, *given: object, **also: object) -> object:
            nonlocal calls
            calls += collection != "leases"
            if calls >= at and collection != "leases":
                raise Unavailable("as after a crash")
            return await original(self, collection, *given, **also)

        return call

    for name in ("insert", "replace", "delete"):
        patch.setattr(store, name, breaking(getattr(store, name)))


async def test_a_turn_cut_off_anywhere_is_done_again_and_counts_once(
    ada: Member, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept,) = await ada.upload(report_parts().dag())
    before = await used_bytes(api)
    report, roots = await report_of_versions(ada, 5)
    await ada.call("DELETE", f"/api/v1/reports/{report['id']}")
    at = 0
    while await api.services.stores.reports.find(report["id"]) is not None:
        at += 1
        assert at < 100
        with monkeypatch.context() as patch, contextlib.suppress(Unavailable):
            fail_at(patch, type(api.services.stores.documents), at)
            await jobs_after(api, timedelta(days=31 + at))
    assert at > 3
    assert await left_of(api, report, roots) == (0, 0)
    assert await used_bytes(api) == before
    assert await visible(ada, kept["id"])


async def delete_account(member: Member) -> None:
    """As the route does it, but that it wakes the sweeper."""
    identity = member.api.services.identity
    caller = await identity.sessions.authenticate(str(member.token))
    secret = member.person.seal().login_secret
    await identity.accounts.delete(caller, member.person.email, secret)


async def test_an_account_is_emptied_in_turns(ada: Member, api: Api) -> None:
    made = [await report_of_versions(ada, count) for count in (1, 5, 3)]
    await delete_account(ada)
    assert (await api.services.sweeper.sweep()).failed_jobs == ()
    for report, roots in made:
        assert await left_of(api, report, roots) == (0, 0)
    stores = api.services.stores
    page = await stores.documents.scan("usage", after=None, limit=10)
    assert page.items == ()
    assert await api.services.identity.accounts.exists(ADA.account) is False


async def test_an_account_is_emptied_no_longer_than_it_may(api: Api, ada: Member) -> None:
    await report_of_versions(ada, 3)
    await delete_account(ada)
    turns = 0

    async def remove(account_id: str) -> bool:
        nonlocal turns
        turns += 1
        return await api.services.trash.drop_account(account_id)

    accounts = api.services.identity.accounts
    assert await accounts.finish_deletions(remove, lambda: turns < 1) == 0
    assert turns == 1
    assert await accounts.finish_deletions(remove) == 1
    assert turns >= 2


async def test_what_only_the_last_kit_named_goes_in_turns(ada: Member, api: Api) -> None:
    stores = api.services.stores
    reports = [(await report_of_versions(ada, 1))[0] for _ in range(3)]
    for report in reports:
        found = await stores.reports.get(ADA.account, report["id"])
        await stores.reports.replace(
            replace(found, state=State.KEPT, deleted="2020-01-01T00:00:00Z")
        )
    await stores.jobs.schedule(KIT_JOB, ADA.account, api.services.trash._now())
    await jobs_after(api, timedelta(seconds=1))
    for report in reports:
        assert await stores.reports.find(report["id"]) is None
