"""What a stopping server cuts off is as if it had never been sent."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.factories.dags import new_report
from tests.factories.servers import CAR, Api, Member, running_api, settings_in
from tests.people import ADA
from tests.running import running_server


async def test_a_transfer_that_outlasts_the_grace_time_is_cut_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    dag = new_report(bytes(2 << 20))
    async with aiohttp.ClientSession() as http:
        with running_server(tmp_path / "data", shutdown_grace_seconds="1") as server:
            member = Member(Api(server.address, None, http), ADA)  # type: ignore[arg-type]  # a stand-in for the test
            signed_up = await member.api.call("POST", "/api/v1/accounts", member.sign_up_body())
            member.token = signed_up.json["token"]
            upload = await member.start_upload()

            async def never_ends() -> AsyncIterator[bytes]:
                yield dag.car()[:1_000_000]
                server.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(60)

            url = f"{server.address}/api/v1/uploads/{upload}/blocks"
            headers = {"Authorization": f"Bearer {member.token}", "Content-Type": CAR}
            with pytest.raises(aiohttp.ClientError):
                await http.post(url, data=never_ends(), headers=headers)
            assert await asyncio.to_thread(server.process.wait, 20) == 0
        with running_server(tmp_path / "data") as server:
            member = Member(Api(server.address, None, http), ADA, token=member.token)  # type: ignore[arg-type]  # a stand-in for the test
            path = f"/api/v1/uploads/{upload}/missing"
            asked = await member.call("POST", path, {"cids": dag.cids})
            assert asked.json["missing"] == dag.cids
            put = await member.put(upload, dag.blocks)
            assert put.status == 200


@pytest.mark.parametrize(
    ("public_url", "promised"),
    [("https://vault.example.org", True), ("http://127.0.0.1", False)],
)
async def test_https_is_promised_for_good_behind_a_proxy_too(
    tmp_path: Path, public_url: str, promised: bool
) -> None:
    settings = replace(settings_in(tmp_path), public_url=public_url)
    async with running_api(settings) as api:
        headers = (await api.call("GET", "/")).headers
    assert ("Strict-Transport-Security" in headers) == promised
