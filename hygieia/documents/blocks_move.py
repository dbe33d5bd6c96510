"""What a move of blocks writes in the document store: the mark, the place, the new home.

Where documents stay and only blocks move, the store is marked as a migration's source is: servers
only read. At the end the *home* says which kind of block store it is now, and the mark is removed:
a server whose settings name the other kind goes on reading and refuses to change anything, so that
nothing is ever written to the store that is not the vault's any more.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, cast

from hygieia.documents.guarded import (
    COLLECTION,
    HOME,
    MARKER,
    BlocksHome,
    Marker,
    Role,
    read_home,
    read_marker,
)
from hygieia.documents.migration import blocks_are_moving
from hygieia.errors import ConfigError, Duplicate, NotFound, StaleRevision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hygieia.documents.port import JSON, Document, DocumentStore

PLACE: Final = "blocks-place"


async def mark_move(documents: DocumentStore, source: str, target: str) -> str:
    """Makes servers on ``documents`` only read while blocks move; returns the move's id.

    ``source`` and ``target`` name the block stores without secrets. A move between the same two
    that was cut off is gone on with.

    Raises:
        ConfigError: another move or migration is under way.
    """
    found = read_marker(await documents.get(COLLECTION, MARKER))
    if found is None:
        marker = Marker(Role.STAYS, secrets.token_hex(16), (source, target))
        await documents.insert(COLLECTION, MARKER, marker.body())
        return marker.migration
    if found.role is not Role.STAYS:
        raise ConfigError(
            "The document store is part of a migration.",
            hint="A source's servers may change it again after: hygieia admin migrate --unlock",
        )
    if found.place != (source, target):
        raise blocks_are_moving()
    return found.migration


async def read_blocks_home(documents: DocumentStore) -> BlocksHome:
    """Where the blocks are, and were."""
    return read_home(await documents.get(COLLECTION, HOME))


async def write_blocks_home(documents: DocumentStore, kind: str, *known: str) -> None:
    """Says where the blocks are from now on; adds to the stores known."""
    before = await read_blocks_home(documents)
    names = tuple(dict.fromkeys((*before.known, *known)))
    await _write(documents, HOME, BlocksHome(kind, names).body())


async def read_place(documents: DocumentStore, migration: str) -> Mapping[str, JSON]:
    """How far this move has come; empty at its beginning."""
    found = await documents.get(COLLECTION, PLACE)
    if found is None or found.body["migration"] != migration:
        return {}
    return cast("Mapping[str, JSON]", found.body["place"])


async def write_place(
    documents: DocumentStore, migration: str, place: Mapping[str, object]
) -> None:
    """Says how far this move has come."""
    body = {"migration": migration, "place": cast("dict[str, JSON]", dict(place))}
    await _write(documents, PLACE, cast("dict[str, JSON]", body))


async def forget_place(documents: DocumentStore) -> None:
    """At the end of a move."""
    await documents.delete(COLLECTION, PLACE)


async def unmark_move(documents: DocumentStore) -> None:
    """Servers may change the vault again: those that know its blocks' new home."""
    await documents.delete(COLLECTION, MARKER)


async def _write(documents: DocumentStore, document_id: str, body: Mapping[str, JSON]) -> Document:
    while True:
        found = await documents.get(COLLECTION, document_id)
        try:
            if found is None:
                return await documents.insert(COLLECTION, document_id, body)
            return await documents.replace(COLLECTION, document_id, found.rev, body)
        except (Duplicate, NotFound, StaleRevision):
            continue
