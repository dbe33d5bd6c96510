from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from hygieia.blocks.embedded import open_embedded
from hygieia.server.gateway import gateway_routes
from tests.api.gateway_table import NAME, RECORD, ROWS, STORED, Expected, Row


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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    store = open_embedded(tmp_path_factory.mktemp("gateway"))
    await store.put(STORED, holder="table")
    await store.put_record(NAME, RECORD)
    app = web.Application()
    app.add_routes(gateway_routes(store))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield Gateway(f"http://{host}:{port}", session)
    await runner.cleanup()
    await store.close()


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


def test_every_row_has_a_name_of_its_own() -> None:
    names = [(row.name, row.target) for row in ROWS]
    assert len(set(names)) == len(names)
