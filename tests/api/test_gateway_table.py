from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from hygieia.blocks.bulk import BulkReads
from hygieia.blocks.embedded import open_embedded
from hygieia.blocks.kubo import KuboGateway, open_kubo
from hygieia.blocks.port import BlockStore
from hygieia.documents.sqlite import open_sqlite
from hygieia.server.gateway import feed, gateway_routes
from tests.api.gateway_table import FILE_ROOT, NAME, RECORD, ROWS, STORED, Expected, Row
from tests.kubo import KuboServer


@dataclass
class Gateway:
    url: str
    session: aiohttp.ClientSession

    async def send(self, row: Row) -> tuple[int, CIMultiDictProxy[str], bytes]:
        url = URL(self.url + row.target, encoded=True)
        headers = {"Accept-Encoding": "identity", "Accept": "", **row.sends}
        async with self.session.request(
            row.method, url, headers=headers, allow_redirects=False
        ) as response:
            return response.status, response.headers, await response.read()


@asynccontextmanager
async def store_over(
    name: str, request: pytest.FixtureRequest, folder: Path
) -> AsyncIterator[tuple[BlockStore, BulkReads | None]]:
    """The store behind the gateway, and what it offers in bulk."""
    if name == "embedded":
        store: BlockStore = open_embedded(folder)
        yield store, None
        await store.close()
        return
    kubo: KuboServer = request.getfixturevalue("kubo")
    kubo.empty()
    documents = open_sqlite(folder / "documents.sqlite")
    bulk = KuboGateway(kubo.node.gateway) if name != "kubo" else None
    store = await asyncio.to_thread(open_kubo, kubo.address, documents, gateway=bulk)
    yield store, bulk
    await store.close()
    await documents.close()


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[
        "embedded",
        pytest.param("kubo", marks=pytest.mark.servers),
        pytest.param("kubo read through its gateway", marks=pytest.mark.servers),
    ],
)
async def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    async with store_over(request.param, request, tmp_path_factory.mktemp("gateway")) as (
        store,
        bulk,
    ):
        await store.put(STORED, holder="table")
        await store.put_record(NAME, RECORD)
        async with serving(store, bulk) as found:
            yield found


@asynccontextmanager
async def serving(store: BlockStore, bulk: BulkReads | None) -> AsyncIterator[Gateway]:
    app = web.Application()
    app.add_routes(gateway_routes(store, bulk))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield Gateway(f"http://{host}:{port}", session)
    await runner.cleanup()


def fits(expected: Expected, found: str | None) -> bool:
    if isinstance(expected, re.Pattern):
        return found is not None and expected.fullmatch(found) is not None
    return found == expected


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_the_gateway_answers_as_the_specs_have_it(gateway: Gateway, row: Row) -> None:
    if row.cut_off:
        with pytest.raises(aiohttp.ClientPayloadError):
            await gateway.send(row)
        return
    status, headers, body = await gateway.send(row)
    assert status == row.status, body[:200]
    wrong = {n: headers.get(n) for n, want in row.headers.items() if not fits(want, headers.get(n))}
    assert not wrong
    if row.body is not None:
        assert hashlib.sha256(body).hexdigest() == hashlib.sha256(row.body).hexdigest()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_dag_over_the_limits_is_said_to_be_too_large(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row of the table: a DAG over the real limits is thousands of blocks."""
    row = Row("TG limits", f"/ipfs/{FILE_ROOT.cid}?format=car")
    assert (await gateway.send(row))[0] == 200
    monkeypatch.setattr(feed, "MAX_CAR_DEPTH", 0)
    status, headers, body = await gateway.send(row)
    assert (status, body) == (413, b"This DAG is too deep for a CAR.\n")
    assert headers["Cache-Control"] == "no-store"


def test_every_row_has_a_name_of_its_own() -> None:
    names = [(row.name, row.target) for row in ROWS]
    assert len(set(names)) == len(names)
