"""Is everything here that should be? For ``hygieia admin check``: every report, every index.

Each DAG is inspected as at its commit and every block read and hashed, so the time it takes grows
with what is stored; it may run beside the server. It changes nothing but what any reading does: a
damaged block goes to quarantine, so that it can be put again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.domain.block_facts import BlockFacts
from hygieia.domain.inbox import COLLECTION as INBOX
from hygieia.domain.inbox import Message, read_message
from hygieia.domain.inbox_shape import inspect_message
from hygieia.domain.index import COLLECTION as INDEXES
from hygieia.domain.index import index_pin_name, read_index
from hygieia.domain.index_shape import inspect_index
from hygieia.domain.inspection import inspect
from hygieia.domain.report_shape import inspect_report
from hygieia.domain.reports import COLLECTION as REPORTS
from hygieia.domain.reports import Report, State, read_report
from hygieia.errors import BlockMissing, HygieiaError, Unavailable
from hygieia.ipld.cid import CID, RAW
from hygieia.limits import MAX_INTEGER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hygieia.documents.port import Document
    from hygieia.domain.stores import Stores

_READ_AT_ONCE: Final = 8
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Damaged:
    """Something that is not whole: a ``report``, an ``index`` or a ``message``, its id, and why."""

    kind: str
    subject: str
    root: str
    code: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Soundness:
    """What was looked at, and what is damaged."""

    reports: int
    indexes: int
    blocks: int
    damaged: tuple[Damaged, ...]


class Checker:
    """Looks at everything once. ``on_progress`` is given the number of reports so far."""

    def __init__(self, stores: Stores, on_progress: Callable[[int], None] | None = None) -> None:
        self._stores = stores
        self._on_progress = on_progress
        self._facts = BlockFacts(stores.blocks)
        self._blocks = 0
        self._damaged: list[Damaged] = []

    async def check(self) -> Soundness:
        """Check every visible or kept report, every index.

        Raises ``Unavailable`` when a store does not answer.
        """
        reports = indexes = 0
        async for document in self._scan(REPORTS):
            report = read_report(document)
            if report.is_visible or report.state is State.KEPT:
                await self._report(report)
                reports += 1
                if self._on_progress is not None:
                    self._on_progress(reports)
        async for document in self._scan(INDEXES):
            index = read_index(document)
            for root in sorted(index.pinned):
                await self._index(index.account, root)
            indexes += 1
        async for document in self._scan(INBOX):
            await self._message(read_message(document))
        return Soundness(reports, indexes, self._blocks, tuple(self._damaged))

    async def _report(self, report: Report) -> None:
        root = CID.parse(report.root)
        try:
            shape = await inspect(inspect_report(root, MAX_INTEGER), self._facts)
            await self._read(shape.cids)
            await self._require_pin(root, report.pin_name)
        except HygieiaError as error:
            await self._note("report", report.id, report.root, error)

    async def _index(self, account: str, root_text: str) -> None:
        root = CID.parse(root_text)
        try:
            shape = await inspect(inspect_index(root, None, MAX_INTEGER), self._facts)
            await self._read(shape.new_cids)
            await self._require_pin(root, index_pin_name(account))
        except HygieiaError as error:
            await self._note("index", account, root_text, error)

    async def _message(self, message: Message) -> None:
        root = CID.parse(message.root)
        try:
            shape = await inspect(inspect_message(root, MAX_INTEGER), self._facts)
            await self._read(shape.cids)
            await self._require_pin(root, message.pin_name)
        except HygieiaError as error:
            await self._note("message", message.id, message.root, error)

    async def _read(self, cids: Sequence[CID]) -> None:
        """Read blocks, which the store hashes. Raises ``BlockMissing``, ``BlockRefused``."""
        for start in range(0, len(cids), _READ_AT_ONCE):
            group = cids[start : start + _READ_AT_ONCE]
            await self._stores.blocks.get_many(group)
            self._blocks += len(group)

    async def _require_pin(self, root: CID, name: str) -> None:
        if not await self._stores.blocks.is_pinned(root, name=name):
            raise BlockMissing("The root is not pinned, so a sweep may take it.")

    async def _note(self, kind: str, subject: str, root: str, error: HygieiaError) -> None:
        if isinstance(error, Unavailable):
            # A store that answers nothing else either says nothing about a report.
            await self._stores.blocks.size(CID.of(RAW, b""))
        missing = tuple(error.missing) if isinstance(error, BlockMissing) else ()
        self._damaged.append(Damaged(kind, subject, root, error.code, missing))

    async def _scan(self, collection: str) -> AsyncIterator[Document]:
        after: str | None = None
        while True:
            page = await self._stores.documents.scan(collection, after=after, limit=_PAGE)
            for document in page.items:
                yield document
            if page.next is None:
                return
            after = page.next
