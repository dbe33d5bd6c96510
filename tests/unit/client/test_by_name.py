"""Opening a vault by its name over gateways, without asking the server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hygieia.client import Device, Vault
from hygieia.client.transport import Transport
from hygieia.errors import NotFound
from hygieia.server.gateway import gateway_routes
from tests.factories.servers import Api
from tests.unit.blocks.gateways import serving
from tests.unit.client.vaults import PASSWORD, file_in


@contextlib.asynccontextmanager
async def gateway_of(api: Api, record: bytes | None = None) -> AsyncIterator[str]:
    """A gateway with the server's blocks, and another record or none in place of its own."""

    async def answer(_: web.Request) -> web.Response:
        if record is None:
            return web.Response(status=404)
        return web.Response(body=record, content_type="application/vnd.ipfs.ipns-record")

    routes = [r for r in gateway_routes(api.services.stores.blocks) if "ipns" not in r.path]
    async with serving(*routes, web.get("/ipns/{name}", answer)) as running:
        yield running.url


async def record_of(api: Api, vault: Vault) -> bytes:
    record = await api.services.stores.blocks.get_record(vault.index.ipns_key.name)
    assert record is not None
    return record


def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked(*_: object, **__: object) -> Any:  # noqa: ANN401  (whatever JSON or arguments it is)
        raise AssertionError("the server was asked")

    monkeypatch.setattr(Transport, "_once", asked)


async def test_what_another_device_stored_is_found_by_name(
    api: Api, device: Device, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Device(tmp_path / "other")
    await other.sign_in(api.url, email="ana@example.org", password=PASSWORD)
    async with other.open(PASSWORD) as there:
        [stored] = await there.put([file_in(tmp_path, "a.txt", b"one")])
        sequence = there.index.state.sequence
    async with gateway_of(api, await record_of(api, vault)) as url:
        no_server(monkeypatch)
        async with device.open(PASSWORD, gateways=[url]) as here:
            assert [entry.id for entry in here.list().reports] == [stored.id]
            assert here.index.warnings == ()
            copy = await here.get(await here.read(stored), tmp_path / "copy")
    assert copy.read_bytes() == b"one"
    profile = device.store.load()
    assert profile is not None
    assert profile.index_floor is not None
    assert profile.index_floor.sequence == sequence, "nothing older is taken from now on"


async def test_without_a_record_the_index_seen_last_is_read_and_said_to_be_that(
    api: Api, device: Device, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [stored] = await vault.put([file_in(tmp_path, "a.txt", b"one")])
    async with gateway_of(api) as url:
        no_server(monkeypatch)
        async with device.open(PASSWORD, gateways=[url]) as here:
            assert [entry.id for entry in here.list().reports] == [stored.id]
            assert "could not be looked up" in here.index.warnings[0]
            assert "the last one that this device saw" in here.index.warnings[1]


async def test_an_older_record_is_passed_over(
    api: Api, device: Device, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await record_of(api, vault)
    [stored] = await vault.put([file_in(tmp_path, "a.txt", b"one")])
    async with gateway_of(api, old) as url:
        no_server(monkeypatch)
        async with device.open(PASSWORD, gateways=[url]) as here:
            assert [entry.id for entry in here.list().reports] == [stored.id]
            assert "older than the last one that this device saw" in here.index.warnings[0]


async def test_a_device_that_saw_no_index_needs_a_record(
    api: Api, vault: Vault, tmp_path: Path
) -> None:
    other = Device(tmp_path / "other")
    await other.sign_in(api.url, email="ana@example.org", password=PASSWORD)
    async with gateway_of(api) as url:
        with pytest.raises(NotFound):
            async with other.open(PASSWORD, gateways=[url]):
                pass
    async with (
        gateway_of(api, await record_of(api, vault)) as url,
        other.open(PASSWORD, gateways=[url]) as here,
    ):
        assert here.list().reports == ()


async def test_a_change_asks_the_server_what_it_is_based_on(
    api: Api, device: Device, vault: Vault, tmp_path: Path
) -> None:
    async with gateway_of(api, await record_of(api, vault)) as url:
        await vault.put([file_in(tmp_path, "a.txt", b"one")])
        async with device.open(PASSWORD, gateways=[url]) as here:
            await here.put([file_in(tmp_path, "b.txt", b"two")])
    async with device.open(PASSWORD) as again:
        assert {entry.file_name for entry in again.list().reports} == {"a.txt", "b.txt"}
