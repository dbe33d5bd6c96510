"""A store that a marker document makes read-only: what every server opens.

Who moves a vault to another store sets the marker, waits until every server has seen it and no
write is under way, and copies. ``migration`` does so.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import ReadOnly

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from hygieia.documents.port import JSON, Body, Document, DocumentStore, Page

COLLECTION: Final = "store-state"
MARKER: Final = "read-only"
HOME: Final = "blocks-home"
"""Which kind of block store the vault's blocks are in, once they have been moved."""

TRUST_SECONDS: Final = 2.0
"""How long a look at the marker is believed."""

SETTLE_SECONDS: Final = 30.0
"""After this, no server believes an older look, and no write begun by then is under way: MongoDB's
take up to 2 seconds in the queue and 12 in all, whereupon the driver may work on one that is given
up for 10 more; SQLite's wait 10 for a lock."""


class Role(Enum):
    """Which end of a migration a store is, or that only blocks move and it stays."""

    SOURCE = "source"
    TARGET = "target"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Marker:
    """Why a store is read-only; ``place`` says how far a target has come.

    Where a store stays, ``place`` is which blocks move: from where, to where.
    """

    role: Role
    migration: str
    place: tuple[str, str] | None = None

    def body(self) -> Body:
        """The marker as a document's body."""
        place: list[JSON] = [] if self.place is None else list(self.place)
        return {"role": self.role.value, "migration": self.migration, "place": place}


def read_marker(document: Document | None) -> Marker | None:
    """The marker in a store's document, if there is one."""
    if document is None:
        return None
    role, migration, place = (document.body[name] for name in ("role", "migration", "place"))
    parts = [str(part) for part in place] if isinstance(place, list) else []
    at = (parts[0], parts[1]) if parts else None
    return Marker(Role(role), str(migration), at)


@dataclass(frozen=True, slots=True)
class BlocksHome:
    """Where a vault's blocks are: the ``kind`` of store ("" while they never moved).

    ``known`` names every store that held them or began to: what it holds may be replaced.
    """

    kind: str = ""
    known: tuple[str, ...] = ()

    def body(self) -> Body:
        """The home as a document's body."""
        return {"kind": self.kind, "known": list(self.known)}


def read_home(document: Document | None) -> BlocksHome:
    """The home that a store's document tells, if there is one."""
    if document is None:
        return BlocksHome()
    known = document.body["known"]
    names = map(str, known) if isinstance(known, list) else ()
    return BlocksHome(str(document.body["kind"]), tuple(names))


class GuardedDocumentStore:
    """The port on another store, every change refused with ReadOnly while the marker is there.

    ``blocks`` is the kind of block store beside it: once the vault's blocks have been moved to
    another kind, a server that has not been told so changes nothing any more.
    """

    def __init__(
        self,
        inner: DocumentStore,
        clock: Callable[[], float] = time.monotonic,
        *,
        blocks: str | None = None,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._blocks = blocks
        self._believed_until = float("-inf")
        self._refusal: str | None = None

    async def require_writable(self) -> None:
        """Raises ReadOnly while the vault is being moved, or once its blocks are elsewhere."""
        asked = self._clock()
        if asked >= self._believed_until:
            self._refusal = await self._look()
            self._believed_until = asked + TRUST_SECONDS
        if self._refusal is not None:
            raise ReadOnly(self._refusal, hint="Try again later, or ask the host.")

    async def _look(self) -> str | None:
        if await self._inner.get(COLLECTION, MARKER) is not None:
            return "The vault is being moved: it can be read, not changed."
        if self._blocks is not None:
            home = read_home(await self._inner.get(COLLECTION, HOME))
            if home.kind not in {"", self._blocks}:
                return "The vault's blocks have been moved: it can be read here, not changed."
        return None

    async def insert(
        self,
        collection: str,
        document_id: str,
        body: Mapping[str, JSON],
        **fields: Any,  # noqa: ANN401 - the port's own
    ) -> Document:
        """As the port has it, or ReadOnly."""
        await self.require_writable()
        return await self._inner.insert(collection, document_id, body, **fields)

    async def get(self, collection: str, document_id: str) -> Document | None:
        """As the port has it."""
        return await self._inner.get(collection, document_id)

    async def find(self, collection: str, unique: str) -> Document | None:
        """As the port has it."""
        return await self._inner.find(collection, unique)

    async def replace(
        self,
        collection: str,
        document_id: str,
        rev: int,
        body: Mapping[str, JSON],
        **fields: Any,  # noqa: ANN401 - the port's own, passed on
    ) -> Document:
        """As the port has it, or ReadOnly."""
        await self.require_writable()
        return await self._inner.replace(collection, document_id, rev, body, **fields)

    async def delete(self, collection: str, document_id: str, *, rev: int | None = None) -> bool:
        """As the port has it, or ReadOnly."""
        await self.require_writable()
        return await self._inner.delete(collection, document_id, rev=rev)

    async def page(
        self,
        collection: str,
        scope: str,
        *,
        after: str | None = None,
        limit: int,
        newest_first: bool = False,
    ) -> Page:
        """As the port has it."""
        return await self._inner.page(
            collection, scope, after=after, limit=limit, newest_first=newest_first
        )

    async def scan(self, collection: str, *, after: str | None = None, limit: int) -> Page:
        """As the port has it."""
        return await self._inner.scan(collection, after=after, limit=limit)

    async def collections(self) -> list[str]:
        """As the port has it."""
        return await self._inner.collections()

    async def load(self, collection: str, documents: Sequence[Document]) -> None:
        """As the port has it, or ReadOnly."""
        await self.require_writable()
        await self._inner.load(collection, documents)

    async def purge_expired(self, now: datetime, limit: int) -> int:
        """As the port has it, or ReadOnly."""
        await self.require_writable()
        return await self._inner.purge_expired(now, limit)

    async def ping(self) -> None:
        """As the port has it."""
        await self._inner.ping()

    async def close(self) -> None:
        """As the port has it."""
        await self._inner.close()
