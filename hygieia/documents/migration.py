"""Moving every document from one store to another, while servers only read.

1. the source is marked read-only, and after ``SETTLE_SECONDS`` nothing changes it any more;
2. the target, which must be empty, is marked too: a server on it would only read;
3. collection by collection, in the order of ids, documents are put into the target as they are;
   the target's mark says how far: whoever comes after an interruption goes on from there;
4. both are read side by side and compared;
5. the target's mark is removed: it may be used. The source's stays, so that nobody goes on writing
   to what is not the vault any more; ``unlock`` removes it.

What has expired is left behind. Blocks are not documents: where they move as well, that is done
between 4 and 5 (``blocks_move``).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hygieia.documents.guarded import (
    COLLECTION,
    HOME,
    MARKER,
    SETTLE_SECONDS,
    Marker,
    Role,
    read_marker,
)
from hygieia.errors import ConfigError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hygieia.documents.port import Document, DocumentStore

TOGETHER: Final = 100
"""Documents in one piece."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was moved: now in the target, compared."""

    collections: int
    documents: int


async def migrate(
    source: DocumentStore,
    target: DocumentStore,
    *,
    settle_seconds: float = SETTLE_SECONDS,
    on_progress: Callable[[int], None] = lambda _done: None,
    stays: Callable[[str], bool] = lambda _collection: False,
    then: Callable[[str], Awaitable[None]] | None = None,
) -> Migrated:
    """Moves all documents. ``on_progress`` is told how many are over. May be cut off and repeated.

    The clocks of both stores should stand still: then what expires meanwhile is no difference.
    Collections for which ``stays`` is true are left behind. ``then`` is called with the migration's
    id once all is compared and before the target may be used.

    Raises:
        ConfigError: the target is not empty, or is part of another migration; the source is the
            unfinished target of one.
        IntegrityError: the two differ although all was copied; run it again.
    """
    marker = await _mark(source, target)
    await asyncio.sleep(settle_seconds)
    await _copy(source, target, marker, on_progress, stays)
    moved = await _compare(source, target, stays)
    home = await source.get(COLLECTION, HOME)
    if home is not None and await target.get(COLLECTION, HOME) is None:
        await target.load(COLLECTION, [home])
    if then is not None:
        await then(marker.migration)
    await target.delete(COLLECTION, MARKER)
    return moved


async def unlock(store: DocumentStore) -> bool:
    """Lets servers change a migration's source again; says whether it was read-only.

    Raises ConfigError where the store is a target: it is not whole.
    """
    marker = read_marker(await store.get(COLLECTION, MARKER))
    if marker is not None and marker.role is Role.TARGET:
        raise ConfigError("This store is the unfinished target of a migration.")
    return await store.delete(COLLECTION, MARKER)


def blocks_are_moving() -> ConfigError:
    """That a move of blocks must be gone on with, or given up, first."""
    return ConfigError(
        "A move of the vault's blocks was begun and is not over.",
        hint="Run it again, or give it up: hygieia admin migrate --unlock STORE",
    )


async def _mark(source: DocumentStore, target: DocumentStore) -> Marker:
    """Marks both, or finds the marks of the run before; returns the target's."""
    ours = read_marker(await source.get(COLLECTION, MARKER))
    theirs = read_marker(await target.get(COLLECTION, MARKER))
    if ours is not None and ours.role is Role.TARGET:
        raise ConfigError("The source is itself the unfinished target of a migration.")
    if ours is not None and ours.role is Role.STAYS:
        raise blocks_are_moving()
    if theirs is not None:
        if ours is None or theirs.role is Role.SOURCE or theirs.migration != ours.migration:
            raise ConfigError("The target is part of another migration.", hint="Empty it first.")
        return theirs
    if await _holds_something(target):
        raise ConfigError(
            "The target holds a vault already.", hint="Name an empty one, or empty it first."
        )
    if ours is None:
        ours = Marker(Role.SOURCE, secrets.token_hex(16))
        await source.insert(COLLECTION, MARKER, ours.body())
    marker = Marker(Role.TARGET, ours.migration)
    await target.insert(COLLECTION, MARKER, marker.body())
    return marker


async def _holds_something(store: DocumentStore) -> bool:
    for name in await store.collections():
        if name != COLLECTION and (await store.scan(name, limit=1)).items:
            return True
    return False


async def _copy(
    source: DocumentStore,
    target: DocumentStore,
    marker: Marker,
    on_progress: Callable[[int], None],
    stays: Callable[[str], bool],
) -> None:
    begun, cursor = marker.place or ("", "")
    done = 0
    for name in await _names(source):
        if name < begun or stays(name):
            continue
        after = cursor if name == begun else ""
        while True:
            page = await source.scan(name, after=after or None, limit=TOGETHER)
            await target.load(name, page.items)
            done += len(page.items)
            on_progress(done)
            if page.next is None:
                break
            after = page.next
            await _note(target, replace(marker, place=(name, after)))


async def _note(target: DocumentStore, marker: Marker) -> None:
    current = await target.get(COLLECTION, MARKER)
    if current is None:
        raise ConfigError("The target is not part of this migration any more.")
    await target.replace(COLLECTION, MARKER, current.rev, marker.body())


async def _compare(
    source: DocumentStore, target: DocumentStore, stays: Callable[[str], bool]
) -> Migrated:
    names = [name for name in await _names(source) if not stays(name)]
    count = 0
    for name in sorted({*names, *await _names(target)}):
        if stays(name):
            continue
        there = _all(target, name)
        async for document in _all(source, name):
            if await anext(there, None) != document:
                raise _differs(name)
            count += 1
        if await anext(there, None) is not None:
            raise _differs(name)
    return Migrated(len(names), count)


def _differs(name: str) -> IntegrityError:
    return IntegrityError(
        f"Source and target differ in {name}.", hint="Empty the target and run it again."
    )


async def _names(store: DocumentStore) -> list[str]:
    return [name for name in await store.collections() if name != COLLECTION]


async def _all(store: DocumentStore, name: str) -> AsyncIterator[Document]:
    after: str | None = None
    while True:
        page = await store.scan(name, after=after, limit=TOGETHER)
        for document in page.items:
            yield document
        if page.next is None:
            return
        after = page.next
