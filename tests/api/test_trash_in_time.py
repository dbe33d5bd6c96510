"""What time does to the trash, by a clock put forward: 30 days, then it is purged and swept."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hygieia.domain import trash
from hygieia.domain.leases import Leases
from hygieia.domain.sweeper import DROP_ACCOUNT_JOB, Rules, Sweep, Sweeper
from hygieia.errors import StorageFull, Unavailable
from hygieia.openpgp.times import now
from tests.factories.dags import new_report
from tests.factories.servers import Api, Member, running_api, settings_in
from tests.people import ADA

MINUTE = timedelta(minutes=1)


async def jobs_after(api: Api, passed: timedelta, *, keep_days: int = 30) -> Sweep:
    """A round of jobs as it will be when ``passed`` has passed."""

    def clock() -> datetime:
        return now() + passed

    services = api.services
    stores = services.stores
    rules = Rules(
        services.uploads,
        trash.Trash(stores, services.indexes, keep=timedelta(days=keep_days), clock=clock),
        services.indexes,
        services.identity.accounts,
        services.inboxes,
        services.uploaders,
    )
    return await Sweeper(stores, rules, Leases(stores.documents), clock=clock).do_jobs()


async def visible(member: Member, report: str) -> bool:
    return (await member.call("GET", f"/api/v1/reports/{report}")).status == 200


async def test_a_report_is_restorable_for_thirty_days_and_then_gone(ada: Member, api: Api) -> None:
    dag = new_report(bytes(100_000))
    (report,) = await ada.upload(dag)
    await ada.call("DELETE", f"/api/v1/reports/{report['id']}")
    blocks = api.services.stores.blocks
    await jobs_after(api, timedelta(days=30) - MINUTE)
    assert await visible(ada, report["id"])
    assert await blocks.is_pinned(dag.root)
    assert (await jobs_after(api, timedelta(days=30) + MINUTE)).failed_jobs == ()
    assert not await visible(ada, report["id"])
    assert not await blocks.is_pinned(dag.root)
    assert (await blocks.sweep()).blocks == len(dag.blocks)
    account = await ada.call("GET", "/api/v1/account")
    assert account.json["quota"]["used_bytes"] == 0


async def test_a_restored_report_stays(ada: Member, api: Api) -> None:
    (report,) = await ada.upload(new_report())
    path = f"/api/v1/reports/{report['id']}"
    await ada.call("DELETE", path)
    await ada.call("POST", f"{path}/restore", {})
    await jobs_after(api, timedelta(days=400))
    assert await visible(ada, report["id"])


async def test_a_deletion_right_after_a_restore_is_purged_all_the_same(
    ada: Member, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another device deletes between the moments in which a restore takes effect and ends."""
    (report,) = await ada.upload(new_report())
    await ada.call("DELETE", f"/api/v1/reports/{report['id']}")
    changes = api.services.stores.changes
    original = type(changes).record
    deleted_again: list[object] = []

    async def delete_meanwhile(self: object, account: str, change: object) -> None:
        await original(self, account, change)  # type: ignore[arg-type]  # the method, unbound
        if not deleted_again:
            deleted_again.append(change)
            await api.services.trash.put(account, report["id"], None)

    with monkeypatch.context() as patch:
        patch.setattr(type(changes), "record", delete_meanwhile)
        await api.services.trash.restore(ADA.account, report["id"], None)
    await jobs_after(api, timedelta(days=30) + MINUTE)
    assert not await visible(ada, report["id"])


async def test_a_longer_time_holds_for_what_is_in_the_trash_already(ada: Member, api: Api) -> None:
    (report,) = await ada.upload(new_report())
    await ada.call("DELETE", f"/api/v1/reports/{report['id']}")
    await jobs_after(api, timedelta(days=31), keep_days=60)
    assert await visible(ada, report["id"])
    await jobs_after(api, timedelta(days=61), keep_days=60)
    assert not await visible(ada, report["id"])


@pytest.mark.parametrize("days", [30, 60])
async def test_the_server_as_it_is_started_keeps_the_trash_for_as_long_as_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    async with running_api(settings_in(tmp_path, trash_days=days)) as api:
        ada = await api.sign_up()
        (report,) = await ada.upload(new_report())
        await ada.call("DELETE", f"/api/v1/reports/{report['id']}")
        kept = timedelta(days=days)
        for passed, is_kept in ((kept - MINUTE, True), (kept + MINUTE, False)):
            later = now() + passed
            for part in (api.services.trash, api.services.sweeper):
                monkeypatch.setattr(part, "_now", lambda later=later: later)
            assert (await api.services.sweeper.do_jobs()).failed_jobs == ()
            assert await visible(ada, report["id"]) == is_kept


async def test_a_stale_deletion_does_not_put_the_purge_off(ada: Member, api: Api) -> None:
    (report,) = await ada.upload(new_report())
    path = f"/api/v1/reports/{report['id']}"
    await ada.call("DELETE", path)
    before = (await api.services.stores.documents.scan("jobs", limit=10)).items
    assert (await ada.call("DELETE", path, rev=99)).status == 412
    assert (await api.services.stores.documents.scan("jobs", limit=10)).items == before


async def test_an_account_that_cannot_be_emptied_holds_up_nothing_else(
    ada: Member, bob: Member, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await bob.start_upload()
    await bob.put(upload, new_report().blocks)
    await bob.call("DELETE", f"/api/v1/uploads/{upload}")
    identity = api.services.identity
    signed_in = await identity.sessions.authenticate(ada.token or "")
    secret = ada.person.seal().login_secret
    await identity.accounts.delete(signed_in, ada.person.email, secret)

    async def fail(*_: object) -> None:
        raise Unavailable("The store is busy.")

    with monkeypatch.context() as patch:
        patch.setattr(api.services.trash.__class__, "drop_account", fail)
        done = await api.services.sweeper.sweep()
    assert done.failed_jobs == ((DROP_ACCOUNT_JOB, "unavailable"),)
    assert done.blocks > 0
    assert (await api.services.sweeper.sweep()).failed_jobs == ()


async def test_who_comes_back_under_the_old_id_is_not_emptied_again(ada: Member, api: Api) -> None:
    """A deletion looks again after an hour, for what was being committed meanwhile."""
    secret = ada.person.seal().login_secret
    gone = {"confirm": ada.person.email, "login_secret": secret}
    await ada.call("POST", "/api/v1/account/delete", gone)
    await api.until_emptied(ada.person)
    again = await api.sign_up()
    (report,) = await again.upload(new_report())
    assert (await jobs_after(api, timedelta(hours=2))).failed_jobs == ()
    assert await visible(again, report["id"])


async def test_a_batch_that_did_not_fit_on_the_disk_takes_no_room(
    ada: Member, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await ada.start_upload()

    async def full(*_: object, **__: object) -> int:
        raise StorageFull("The block store has no room left.")

    with monkeypatch.context() as patch:
        patch.setattr(type(api.services.stores.blocks), "put", full)
        reply = await ada.put(upload, new_report().blocks)
    assert reply.code == "storage-full"
    usage = await api.services.stores.quotas.usage(ADA.account)
    assert usage.uploading_bytes == 0


async def test_a_job_with_a_defect_is_put_off_and_holds_up_no_other(
    ada: Member, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await ada.upload(new_report()), await ada.upload(new_report())
    for report in (*first, *second):
        await ada.call("DELETE", f"/api/v1/reports/{report['id']}")
    original = trash.Trash.purge_if_due
    broken = first[0]["id"]

    async def purge(self: trash.Trash, report_id: str) -> None:
        if report_id == broken:
            raise ZeroDivisionError
        await original(self, report_id)

    monkeypatch.setattr(trash.Trash, "purge_if_due", purge)
    done = await jobs_after(api, timedelta(days=31))
    assert [code for _, code in done.failed_jobs] == ["failed"]
    assert not await visible(ada, second[0]["id"])
    monkeypatch.undo()
    await jobs_after(api, timedelta(days=32))
    assert not await visible(ada, broken)
