"""Pinning again what documents say is kept: after a block store's pins were lost (docs/adr/0010).

What a report or an index keeps is known twice, as pins and as documents. A rebuild of the block
store brings back the pins whose copies it could read; the others are made anew from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hygieia.domain.inbox import COLLECTION as INBOX
from hygieia.domain.inbox import read_message
from hygieia.domain.index import COLLECTION as INDEXES
from hygieia.domain.index import index_pin_name, read_index
from hygieia.domain.reports import COLLECTION as REPORTS
from hygieia.domain.reports import Report, State, read_report
from hygieia.errors import BlockMissing
from hygieia.ipld.cid import CID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hygieia.documents.port import Document
    from hygieia.domain.stores import Stores

_PAGE: Final = 200


async def pin_again(stores: Stores) -> int:
    """Pin every root that a report, an index or an inbox keeps and that is not pinned; how many those were.

    A root that is lost itself is passed over: ``soundness`` names it. May be repeated.
    """
    pinned = 0
    async for document in _scan(stores, REPORTS):
        report = read_report(document)
        if report.is_visible or report.state is State.KEPT:
            async for root in _roots(stores, report):
                pinned += await _pin(stores, root, report.pin_name)
    async for document in _scan(stores, INDEXES):
        index = read_index(document)
        for root in sorted(index.pinned):
            pinned += await _pin(stores, root, index_pin_name(index.account))
    async for document in _scan(stores, INBOX):
        message = read_message(document)
        pinned += await _pin(stores, message.root, message.pin_name)
    return pinned


async def _roots(stores: Stores, report: Report) -> AsyncIterator[str]:
    yield report.root
    after: str | None = None
    while True:
        page = await stores.reports.versions(report, after=after, limit=_PAGE)
        for version in page.items:
            yield version.root
        if page.next is None:
            return
        after = page.next


async def _pin(stores: Stores, root_text: str, name: str) -> bool:
    root = CID.parse(root_text)
    if await stores.blocks.is_pinned(root, name=name):
        return False
    try:
        await stores.blocks.pin(root, name=name)
    except BlockMissing:
        return False
    return True


async def _scan(stores: Stores, collection: str) -> AsyncIterator[Document]:
    after: str | None = None
    while True:
        page = await stores.documents.scan(collection, after=after, limit=_PAGE)
        for document in page.items:
            yield document
        if page.next is None:
            return
        after = page.next
