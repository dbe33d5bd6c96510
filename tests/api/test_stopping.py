"""A stopping server: what it cuts off is as if never sent, and no part passes for the whole."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
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
            assert await asyncio.to_thread(server.process.wait, 120) == 0
        with running_server(tmp_path / "data") as server:
            member = Member(Api(server.address, None, http), ADA, token=member.token)  # type: ignore[arg-type]  # a stand-in for the test
            path = f"/api/v1/uploads/{upload}/missing"
            asked = await member.call("POST", path, {"cids": dag.cids})
            assert asked.json["missing"] == dag.cids
            put = await member.put(upload, dag.blocks)
            assert put.status == 200


@pytest.mark.parametrize(("grace", "is_whole"), [("60", True), ("1", False)])
async def test_answers_under_way_come_whole_or_are_seen_to_be_cut(
    tmp_path: Path, grace: str, is_whole: bool
) -> None:
    # More than the buffers of two sockets hold: the server is still sending.
    dag = new_report(secrets.token_bytes(24 << 20))
    paths = (f"/ipfs/{dag.root}/data.pgp", f"/ipfs/{dag.root}?format=car")
    async with aiohttp.ClientSession() as http, contextlib.AsyncExitStack() as under_way:
        with running_server(tmp_path / "data", shutdown_grace_seconds=grace) as server:
            member = Member(Api(server.address, None, http), ADA)  # type: ignore[arg-type]  # a stand-in for the test
            signed_up = await member.api.call("POST", "/api/v1/accounts", member.sign_up_body())
            member.token = signed_up.json["token"]
            upload = await member.start_upload()
            for at in range(0, len(dag.blocks), 4):
                assert (await member.put(upload, dag.blocks[at : at + 4])).status == 200
            wholes = [(await member.api.call("GET", path)).body for path in paths]
            assert min(map(len, wholes)) > 24 << 20
            answers = [
                await under_way.enter_async_context(http.get(server.address + path))
                for path in paths
            ]
            begun = [await answer.content.readexactly(100_000) for answer in answers]
            server.process.send_signal(signal.SIGTERM)
            if is_whole:
                await _refuses(server.address)
                rests = [await answer.content.read() for answer in answers]
                assert [one + rest for one, rest in zip(begun, rests, strict=True)] == wholes
            assert await asyncio.to_thread(server.process.wait, 120) == 0
        if not is_whole:
            for answer, one, whole in zip(answers, begun, wholes, strict=True):
                # What the sockets held by then may have been all of it.
                with contextlib.suppress(aiohttp.ClientError):
                    assert one + await answer.content.read() == whole


async def _refuses(address: str) -> None:
    """Return once a stopping server takes no connection any more."""
    host, _, port = address.removeprefix("http://").partition(":")
    # One that the closing listener still held is reset instead.
    with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
        while True:
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            await asyncio.sleep(0.02)


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
