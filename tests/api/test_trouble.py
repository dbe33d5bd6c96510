from __future__ import annotations

import asyncio
import io
import signal
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from hygieia.blocks.embedded import open_embedded
from hygieia.config import Settings
from hygieia.domain import commit_cleanup
from hygieia.domain.claims import Attempt
from hygieia.domain.commits import NewReport
from hygieia.domain.reports import Report
from hygieia.errors import Unavailable
from hygieia.ipld.cid import CID
from hygieia.openpgp.times import now
from hygieia.server import services as services_module
from tests.factories.dags import new_report, report_parts
from tests.factories.servers import CAR, Api, Member, new_id, running_api, settings_in
from tests.people import ADA
from tests.running import running_server


async def test_a_full_disk_is_said_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_full(settings: Settings, *_stores: object) -> object:
        return open_embedded(settings.data_dir / "blocks", reserve_bytes=1 << 60)

    monkeypatch.setattr(services_module, "open_blocks", open_full)
    async with running_api(settings_in(tmp_path)) as api:
        ada = await api.sign_up()
        upload = await ada.start_upload()
        dag = new_report(bytes(3 << 20))
        reply = await ada.put(upload, dag.blocks)
        assert (reply.status, reply.code) == (507, "storage-full")
        asked = await ada.call("POST", f"/api/v1/uploads/{upload}/missing", {"cids": dag.cids})
        assert asked.json["missing"] == dag.cids
        assert (await api.call("GET", "/healthz")).status == 200


async def test_an_attempt_that_died_after_its_claims_is_taken_back(ada: Member, api: Api) -> None:
    """The moments between claim, pin and document, one by one."""
    services = api.services
    dag = new_report()
    upload_id = await ada.start_upload()
    await ada.put(upload_id, dag.blocks)
    upload = await services.uploads.get(ADA.account, upload_id)
    account = await services.identity.accounts.get(ADA.account)
    report_id = new_id()

    class Died(BaseException):
        pass

    for step in ("_claim", "_pin", "_insert"):
        original = getattr(services.commits, step)

        async def die(*arguments: object, _original: object = original) -> None:
            await _original(*arguments)  # type: ignore[operator]  # the method, kept as an object
            raise Died

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(services.commits), step, lambda _self, *a, _die=die: _die(*a))
            with pytest.raises(Died):
                await services.commits.create(account, upload, [NewReport(report_id, dag.root)])
        listed = (await ada.call("GET", "/api/v1/reports")).json["items"]
        assert len(listed) == (1 if step == "_insert" else 0)
        await make_jobs_due(api)
        done = await services.sweeper.do_jobs()
        assert done.failed_jobs == ()
        is_pinned = await services.stores.blocks.is_pinned(dag.root)
        assert is_pinned == (step == "_insert")
        usage = await services.stores.quotas.usage(ADA.account)
        assert usage.report_bytes == (dag.built.tsize if step == "_insert" else 0)
        assert all(key.startswith("upload-") for key, _ in usage.holds)
    changes = (await ada.call("GET", "/api/v1/changes")).json["items"]
    assert [change["report"] for change in changes] == [report_id]


async def make_jobs_due(api: Api) -> None:
    jobs = api.services.stores.jobs
    for item in (await api.services.stores.documents.scan("jobs", limit=100)).items:
        if item.body["kind"] == commit_cleanup.JOB:
            body = item.body["body"]
            assert isinstance(body, dict)
            await jobs.schedule(
                commit_cleanup.JOB, str(item.body["subject"]), now() - timedelta(seconds=1), body
            )


async def test_a_claim_of_a_dead_attempt_is_taken_over_by_the_next(
    ada: Member, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = api.services
    dag = new_report()
    upload_id = await ada.start_upload()
    await ada.put(upload_id, dag.blocks)
    upload = await services.uploads.get(ADA.account, upload_id)
    account = await services.identity.accounts.get(ADA.account)
    wanted = [NewReport(new_id(), dag.root)]
    with monkeypatch.context() as patch:
        patch.setattr(Attempt, "require_time", _too_late)
        with pytest.raises(Unavailable):
            await services.commits.create(account, upload, wanted)
    (outcome,) = await services.commits.create(account, upload, wanted)
    assert isinstance(outcome, Report)
    await make_jobs_due(api)
    assert (await services.sweeper.do_jobs()).failed_jobs == ()
    assert await services.stores.blocks.is_pinned(dag.root)
    usage = await services.stores.quotas.usage(ADA.account)
    assert usage.report_bytes == dag.built.tsize


def _too_late(_attempt: Attempt) -> None:
    raise Unavailable("The commit took too long and was given up. Commit again.")


async def test_an_earlier_version_is_kept_when_its_mark_was_lost(ada: Member, api: Api) -> None:
    """A change that counted, whose server died before the version was marked committed."""
    parts = report_parts()
    (report,) = await ada.upload(parts.dag())
    claims = api.services.stores.claims
    edited = parts.edited()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(claims), "mark_committed", _only_claimed(type(claims).mark_committed))
        await ada.change(report, edited.dag(), "edit")
    rev = (await ada.call("GET", f"/api/v1/reports/{report['id']}")).json["rev"]
    assert rev == 2
    again = await ada.change(report, edited.edited().dag(), "edit", rev)
    assert again.status == 200
    await make_jobs_due(api)
    assert (await api.services.sweeper.do_jobs()).failed_jobs == ()
    path = f"/api/v1/reports/{report['id']}/versions"
    versions = (await ada.call("GET", path)).json["items"]
    assert [version["rev"] for version in versions] == [3, 2, 1]
    for version in versions:
        blocks = api.services.stores.blocks
        assert await blocks.is_pinned(CID.parse(version["root"]))


def _only_claimed(original: object) -> object:
    """Marks the root of the creation only: the mark of the change is lost."""

    async def mark(self: object, version: object) -> None:
        if getattr(version, "change", "") == "create":
            await original(self, version)  # type: ignore[operator]  # the method, kept as an object

    return mark


async def test_a_transfer_under_way_is_finished_when_the_server_stops(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", log_level="error") as server:
        async with aiohttp.ClientSession() as http:
            member = Member(Api(server.address, None, http), ADA)  # type: ignore[arg-type]  # a stand-in for the test
            signed_up = await member.api.call("POST", "/api/v1/accounts", member.sign_up_body())
            member.token = signed_up.json["token"]
            upload = await member.start_upload()
            car = io.BytesIO(new_report(bytes(4 << 20)).car())
            stopping = asyncio.Event()

            async def drip() -> object:
                yield car.read(100_000)
                await stopping.wait()
                await asyncio.sleep(0.5)
                while piece := car.read(500_000):
                    yield piece
                    await asyncio.sleep(0.05)

            headers = {"Authorization": f"Bearer {member.token}", "Content-Type": CAR}
            url = f"{server.address}/api/v1/uploads/{upload}/blocks"
            request = asyncio.create_task(_post(http, url, drip(), headers))
            # The upload and the question itself.
            while b"requests_in_flight 2.0" not in await metrics(member):  # noqa: ASYNC110  (polled: nothing announces it)
                await asyncio.sleep(0.05)
            server.process.send_signal(signal.SIGTERM)
            stopping.set()
            assert await request == 200
        assert await asyncio.to_thread(server.process.wait, 120) == 0


async def metrics(member: Member) -> bytes:
    return (await member.api.call("GET", "/metrics")).body


async def _post(
    http: aiohttp.ClientSession, url: str, data: object, headers: dict[str, str]
) -> int:
    async with http.post(url, data=data, headers=headers) as reply:
        await reply.read()
        return reply.status


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])  # noqa: S104  (a name to judge, not bound to)
def test_plain_http_beyond_this_machine_is_refused_with_the_reason(host: str) -> None:
    from hygieia.config import load_settings
    from hygieia.errors import ConfigError

    with pytest.raises(ConfigError, match="plain HTTP") as refusal:
        load_settings({}, None, {"host": host})
    assert "HYGIEIA_TLS_CERT" in str(refusal.value.hint)
