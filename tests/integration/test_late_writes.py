"""A database that gives up on a write and makes it all the same, a moment after it said so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hygieia.documents.port import Document, DocumentStore
from hygieia.domain.index import COLLECTION as INDEXES
from hygieia.domain.reports import COLLECTION as REPORTS
from hygieia.errors import Unavailable
from hygieia.server import services as composition
from hygieia.server.storage import open_documents
from tests.factories.dags import IndexParts, new_report
from tests.factories.servers import Api, Member, running_api, settings_in


class LateStore:
    """The store, but a replacement in one of ``late`` is made after its caller has given up."""

    def __init__(self, inner: DocumentStore) -> None:
        self.inner = inner
        self.late: set[str] = set()
        self.writes: list[asyncio.Task[Document]] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever the store has)
        return getattr(self.inner, name)

    async def replace(self, collection: str, *arguments: Any, **fields: Any) -> Document:  # noqa: ANN401  (whatever JSON or arguments it is)
        write = self.inner.replace(collection, *arguments, **fields)
        if collection not in self.late:
            return await write
        self.writes.append(asyncio.ensure_future(self._later(write)))
        raise Unavailable("The database does not answer in time.")

    async def _later(self, write: Any) -> Document:  # noqa: ANN401  (whatever JSON or arguments it is)
        await asyncio.sleep(0.3)
        return await write  # type: ignore[no-any-return]  # what the store answers


@pytest.fixture
async def late_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setattr(
        composition, "open_documents", lambda settings: LateStore(open_documents(settings))
    )
    async with running_api(settings_in(tmp_path)) as api:
        yield api


def late_store(api: Api) -> LateStore:
    store: Any = api.services.stores.documents
    assert isinstance(store, LateStore)
    return store


async def every_root_is_pinned(member: Member, api: Api) -> None:
    pinned = {str(pin.root) async for pin in api.services.stores.blocks.pins()}
    reports = (await member.call("GET", "/api/v1/reports?limit=50")).json["items"]
    index = (await member.call("GET", "/api/v1/index")).json
    assert {report["root"] for report in reports} | {index["root"]} - {None} <= pinned


async def test_a_report_that_changes_after_a_503_keeps_its_blocks(late_api: Api) -> None:
    member = await late_api.sign_up()
    [report] = await member.upload(new_report(b"first"))
    changed = new_report(b"second")
    store = late_store(late_api)
    store.late = {REPORTS}
    reply = await member.change(report, changed, "update")
    assert (reply.status, reply.code) == (503, "unavailable")
    assert int(reply.headers["Retry-After"]) > 0
    await asyncio.gather(*store.writes)
    read = await member.call("GET", f"/api/v1/reports/{report['id']}")
    assert read.json["root"] == str(changed.root)
    await every_root_is_pinned(member, late_api)


async def test_an_index_that_moves_after_a_503_keeps_its_blocks(late_api: Api) -> None:
    member = await late_api.sign_up()
    parts = IndexParts.new()
    first, second = parts.dag(), parts.changed().dag()
    moved = await member.change_index(first, rev=0, sequence=1)
    assert moved.status == 200, moved.body
    store = late_store(late_api)
    store.late = {INDEXES}
    reply = await member.change_index(second, rev=moved.json["rev"], sequence=2)
    assert reply.status == 503
    await asyncio.gather(*store.writes)
    assert (await member.call("GET", "/api/v1/index")).json["root"] == str(second.root)
    await every_root_is_pinned(member, late_api)
