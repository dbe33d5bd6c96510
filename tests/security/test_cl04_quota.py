"""CL-04: room is counted in real bytes of DAGs, uploads that nothing commits are swept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from hygieia.domain import uploads
from hygieia.openpgp.times import now
from hygieia.server.connections import Patience
from hygieia.server.services import BATCHES_AT_ONCE_EACH
from tests.factories.dags import car_of, new_report, report_parts
from tests.factories.servers import CAR, Api, Member, new_id, running_api, settings_in
from tests.people import BOB

QUOTA = 2 << 20


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Api]:
    patience = Patience(body_window_seconds=600)  # bodies are held back on purpose
    async with running_api(settings_in(tmp_path, quota_bytes=QUOTA), patience=patience) as api:
        yield api


@pytest.fixture
async def poor(small: Api) -> Member:
    return await small.sign_up()


async def test_more_than_the_quota_is_refused_and_nothing_is_kept(poor: Member) -> None:
    await poor.upload(new_report(bytes(900_000)))
    used = (await poor.call("GET", "/api/v1/account")).json["quota"]
    assert 900_000 < used["used_bytes"] < QUOTA == used["limit_bytes"]
    upload = await poor.start_upload()
    dag = new_report(bytes(1_300_000))
    refused = await poor.put(upload, dag.blocks)
    assert (refused.status, refused.code) == (507, "quota-exceeded")
    asked = await poor.call("POST", f"/api/v1/uploads/{upload}/missing", {"cids": dag.cids})
    assert asked.json["missing"] == dag.cids


async def test_blocks_that_were_never_sent_count_as_much(poor: Member, small: Api) -> None:
    parts = report_parts(bytes(900_000))
    await poor.upload(parts.dag())
    other = await small.sign_up(BOB)
    upload = await other.start_upload()
    roots = []
    for _ in range(3):
        dag = parts.edited().dag()
        known = {block.cid for block in parts.dag().blocks}
        await other.put(upload, dag.without(*known).blocks)
        roots.append((new_id(), dag.root))
    reply = await other.commit(upload, roots)
    codes = [item["error"] and item["error"]["code"] for item in reply.json["reports"]]
    assert codes == [None, None, "quota-exceeded"]


async def test_an_upload_that_nothing_commits_is_swept(ada: Member, api: Api) -> None:
    dag = new_report()
    upload = await ada.start_upload()
    await ada.put(upload, dag.blocks)
    services = api.services
    await services.sweeper.sweep()
    assert await services.stores.blocks.missing([b.cid for b in dag.blocks]) == []
    # Its time is brought forward rather than waited for.
    account = ada.person.account
    await services.stores.jobs.schedule(
        uploads.JOB, upload, now() - timedelta(seconds=1), {"account": account}
    )
    await services.sweeper.sweep()
    assert len(await services.stores.blocks.missing([b.cid for b in dag.blocks])) == len(dag.blocks)
    assert (await services.stores.quotas.usage(account)).uploading_bytes == 0


async def test_too_many_open_uploads_are_refused(ada: Member) -> None:
    for _ in range(uploads.MAX_OPEN_UPLOADS):
        await ada.start_upload()
    reply = await ada.call("POST", "/api/v1/uploads", {})
    assert (reply.status, reply.code) == (429, "too-many-attempts")
    assert int(reply.headers["Retry-After"]) == reply.json["retry_after"] > 0


async def test_more_batches_at_once_than_memory_is_meant_for_are_refused(poor: Member) -> None:
    """Each is up to 9 MiB; those of others still find a place."""
    upload = await poor.start_upload()
    begun, over = asyncio.Semaphore(0), asyncio.Event()

    async def begin() -> int:
        async def slowly() -> AsyncIterator[bytes]:
            yield car[:10]
            begun.release()
            await over.wait()
            yield car[10:]

        url = f"{poor.api.url}/api/v1/uploads/{upload}/blocks"
        headers = {"Authorization": f"Bearer {poor.token}", "Content-Type": CAR}
        async with poor.api.http.post(url, data=slowly(), headers=headers) as reply:
            return reply.status

    car = car_of(new_report().blocks)
    held = [asyncio.create_task(begin()) for _ in range(BATCHES_AT_ONCE_EACH)]
    for _ in held:
        await begun.acquire()
    while poor.api.services.batches.running < BATCHES_AT_ONCE_EACH:  # noqa: ASYNC110  (polled: nothing announces it)
        await asyncio.sleep(0.01)
    refused = await poor.put_car(upload, car)
    assert (refused.status, refused.code) == (429, "too-many-attempts")
    assert refused.headers["Retry-After"]
    bob = await poor.api.sign_up(BOB)
    assert (await bob.put_car(await bob.start_upload(), car)).status == 200
    over.set()
    assert await asyncio.gather(*held) == [200] * len(held)
    assert (await poor.put_car(upload, car)).status == 200
