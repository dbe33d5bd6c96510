"""What ``hygieia admin migrate`` does with stores: documents, blocks, or both together.

Blocks that move to the kind of store they are in already would leave servers unable to tell old
from new: so only where the documents move as well.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hygieia.blocks.migration import Place, move_blocks
from hygieia.cli.progress import progress
from hygieia.documents import blocks_move
from hygieia.documents.guarded import SETTLE_SECONDS
from hygieia.documents.migration import Migrated, migrate, unlock
from hygieia.domain.quotas import COLLECTION as USAGE
from hygieia.errors import ConfigError, UsageError
from hygieia.server.storage import (
    blocks_folder,
    blocks_kind,
    open_blocks,
    open_document_store,
    open_replicas,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hygieia.blocks.port import BlockStore
    from hygieia.cli.invocation import Invocation
    from hygieia.config import Settings
    from hygieia.documents.port import DocumentStore

DOCUMENTS = ("sqlite:", "mongodb://", "mongodb+srv://")
BLOCKS = ("directory:", "kubo+http://", "kubo+https://")
_USAGES_AT_ONCE = 500
KUBO_BOOKS = "kubo-"
"""How collections begin that say who keeps what in one Kubo: of no use beside another."""


@dataclass(frozen=True, slots=True)
class Stores:
    """What of one end is named: a document store's address, a block store's, or both."""

    documents: str | None
    blocks: str | None


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved; None for what was not asked for."""

    documents: Migrated | None
    blocks: Place | None


def stores_of(addresses: list[str]) -> Stores:
    """The stores that one end's addresses name. Raises UsageError."""
    documents = [one for one in addresses if one.startswith(DOCUMENTS)]
    blocks = [one for one in addresses if one.startswith(BLOCKS)]
    if len(documents) + len(blocks) < len(addresses) or len(documents) > 1 or len(blocks) > 1:
        raise UsageError(
            "Each end is one document store, one block store, or one of each.",
            hint="sqlite:, sqlite:PATH or mongodb://...; directory:, directory:PATH or "
            "kubo+http://...; or @FILE holding that.",
        )
    return Stores(documents[0] if documents else None, blocks[0] if blocks else None)


async def move(invocation: Invocation, settings: Settings, source: Stores, target: Stores) -> Moved:
    """Moves what both ends name. Raises as ``migrate`` and ``move_blocks`` do."""
    _check_ends(source, target)
    now = datetime.now(UTC)  # for all: what expires meanwhile is no difference
    ends = _Ends(invocation, settings, source, target)
    if source.documents is None or target.documents is None:
        async with _documents(settings.documents, settings, now) as documents:
            return Moved(None, await ends.move_blocks_alone(documents))
    async with (
        _documents(source.documents, settings, now) as old,
        _documents(target.documents, settings, now) as new,
    ):
        return await ends.move_documents(old, new)


async def unlock_documents(address: str, settings: Settings) -> bool:
    """Lets servers change a migration's source again. Raises as ``unlock`` does."""
    async with _documents(address, settings, datetime.now(UTC)) as store:
        return await unlock(store)


class _Ends:
    """Both ends of one migration."""

    def __init__(
        self, invocation: Invocation, settings: Settings, source: Stores, target: Stores
    ) -> None:
        self._invocation = invocation
        self._settings = settings
        self._source = source.blocks or ""
        self._target = target.blocks or ""

    async def move_documents(self, old: DocumentStore, new: DocumentStore) -> Moved:
        """Documents, and blocks with them where both ends name some."""
        if not self._source:
            return Moved(await self._move_documents(old, new), None)
        placed: list[Place] = []
        # Opened first: an address that is wrong is found out before anybody is made to wait.
        async with self._block_stores(old, new) as (old_blocks, new_blocks):
            await self._check_target(new, new_blocks)

            async def then(migration: str) -> None:
                placed.append(await self._copy(new, old_blocks, new_blocks, migration))

            moved = await self._move_documents(old, new, then)
        return Moved(moved, placed[0])

    async def _move_documents(
        self,
        old: DocumentStore,
        new: DocumentStore,
        then: Callable[[str], Awaitable[None]] | None = None,
    ) -> Migrated:
        self._announce()
        with progress(self._invocation, "Moving documents", unit="items") as show:
            return await migrate(
                old,
                new,
                on_progress=lambda done: show(done, None, ""),
                stays=lambda name: then is not None and name.startswith(KUBO_BOOKS),
                then=then,
            )

    async def move_blocks_alone(self, documents: DocumentStore) -> Place:
        """Blocks, with documents staying where they are."""
        names = self._name(self._source), self._name(self._target)
        async with self._block_stores(documents, documents) as (old, new):
            await self._check_target(documents, new)
            migration = await blocks_move.mark_move(documents, *names)
            self._announce()
            await asyncio.sleep(SETTLE_SECONDS)
            place = await self._copy(documents, old, new, migration)
        await blocks_move.unmark_move(documents)
        return place

    async def _copy(
        self, documents: DocumentStore, old: BlockStore, new: BlockStore, migration: str
    ) -> Place:
        """Blocks, place by place; then their new home is written."""
        home = await blocks_move.read_blocks_home(documents)
        await blocks_move.write_blocks_home(documents, home.kind, self._name(self._target))

        async def note(place: Place) -> None:
            await blocks_move.write_place(documents, migration, place.body())

        start = Place.of(await blocks_move.read_place(documents, migration))
        # Everything is read twice: from the old store, and back from the new one.
        done, total = 2 * start.size_bytes, 2 * await _used_bytes(documents)
        with progress(self._invocation, "Moving blocks") as show:
            place = await move_blocks(
                old,
                new,
                start,
                note,
                lambda size_bytes: show(done + size_bytes, max(total, done + size_bytes), ""),
            )
        names = self._name(self._source), self._name(self._target)
        await blocks_move.write_blocks_home(documents, blocks_kind(self._target), *names)
        await blocks_move.forget_place(documents)
        return place

    async def _check_target(self, documents: DocumentStore, blocks: BlockStore) -> None:
        """Nothing of another vault is replaced: only what this one had or began to have."""
        known = (await blocks_move.read_blocks_home(documents)).known
        if self._name(self._target) in known:
            return
        async for _ in blocks.pins():
            raise ConfigError(
                "The block store to move to holds a vault's blocks already.",
                hint="Name an empty one, or empty it first.",
            )

    @contextlib.asynccontextmanager
    async def _block_stores(
        self, old: DocumentStore, new: DocumentStore
    ) -> AsyncIterator[tuple[BlockStore, BlockStore]]:
        async with (
            _blocks(self._source, self._settings, old, must_exist=True) as source,
            _blocks(self._target, self._settings, new) as target,
        ):
            yield source, target

    def _name(self, address: str) -> str:
        """A block store's name, without secrets. One vault's books are of one Kubo at a time."""
        folder = blocks_folder(replace(self._settings, blocks=address))
        return "kubo" if folder is None else f"directory:{folder.resolve()}"

    def _announce(self) -> None:
        self._invocation.message(
            f"Running servers only read from now on; waiting {SETTLE_SECONDS:.0f} s for them."
        )


def _check_ends(source: Stores, target: Stores) -> None:
    documents = source.documents is not None, target.documents is not None
    blocks = source.blocks is not None, target.blocks is not None
    if documents[0] != documents[1] or blocks[0] != blocks[1] or not (documents[0] or blocks[0]):
        raise UsageError("Name both ends: --from STORE --to STORE, of documents, blocks or both.")
    if source.blocks is None or target.blocks is None or documents[0]:
        return
    if blocks_kind(source.blocks) == blocks_kind(target.blocks):
        raise UsageError(
            "Blocks alone move between a directory and Kubo only.",
            hint="A directory is copied while no server runs; to another Kubo, move the documents "
            "with them.",
        )


async def _used_bytes(documents: DocumentStore) -> int:
    """What all accounts' reports and indexes take, by the books: near enough for a time left."""
    used, after = 0, None
    while True:
        page = await documents.scan(USAGE, after=after, limit=_USAGES_AT_ONCE)
        for usage in page.items:
            for field in ("report_bytes", "index_bytes"):
                size = usage.body[field]
                used += size if isinstance(size, int) else 0
        after = page.next
        if after is None:
            return used


@contextlib.asynccontextmanager
async def _documents(
    address: str, settings: Settings, now: datetime
) -> AsyncIterator[DocumentStore]:
    store = await asyncio.to_thread(open_document_store, address, settings.data_dir, lambda: now)
    try:
        yield store
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def _blocks(
    address: str, settings: Settings, documents: DocumentStore, *, must_exist: bool = False
) -> AsyncIterator[BlockStore]:
    there = replace(settings, blocks=address)
    folder = blocks_folder(there)
    if must_exist and folder is not None and not (folder / "format").is_file():
        raise ConfigError("The folder to move blocks from holds none.")
    cluster = open_replicas(there) if folder is None else None
    try:
        store = await asyncio.to_thread(open_blocks, there, documents, cluster)
        try:
            yield store
        finally:
            await store.close()
    finally:
        if cluster is not None:
            await cluster.close()
