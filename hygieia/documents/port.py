"""The port to a store of small JSON documents. Its docstrings are the contract.

One suite, ``tests/contract/documents``, holds every adapter to what is written here: SQLite
beside the server, MongoDB for a clinic. The port asks for no more than both give: one document
changes atomically, compare-and-set on ``rev``, one unique key, lists in key order, expiry.
There are no transactions over several documents: work that touches more than one is written as
steps that may be repeated.

Words
-----
collection
    A name of 1 to 40 characters ``[a-z0-9-]``. It exists once something is in it.
id
    Printable ASCII without spaces, 1 to 128 characters; unique in its collection.
rev
    1 at insertion, one more with every replacement. It is compared, never computed with.
scope
    What a list is taken from, mostly an account id; ``None``: the document is in no list.
sort
    The place within the scope, at most 48 printable ASCII characters, compared byte by byte; equal
    places follow the id. Times go in as RFC 3339, counts zero-padded.
unique
    At most 512 characters: no two documents of a collection have the same one. ``None`` is never
    equal to anything.
expires
    From this time (milliseconds count) on the document is absent for every call, purged or not.
body
    A JSON object without floats: see :mod:`hygieia.documents.body` for what fits every store.

Every call
----------
* is durable when it returns: a document written survives the loss of power;
* sees all that returned before it was made, through any connection or process;
* that is cancelled may or may not have happened;
* raises :class:`~hygieia.errors.InvalidInput` for a name, key, cursor or body outside the rules
  above, before anything is asked of the store;
* raises :class:`~hygieia.errors.Unavailable` when the store does not answer in time or is closed,
  and :class:`~hygieia.errors.StorageFull` when there is no room; nothing is half-written then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, Union

from hygieia import limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# mypy follows the recursion; ``Any`` stands nowhere in a body.
JSON: TypeAlias = Union[bool, int, str, "list[JSON]", "dict[str, JSON]", None]
Body: TypeAlias = dict[str, JSON]

MAX_COLLECTION_CHARACTERS: Final = 40
MAX_ID_CHARACTERS: Final = 128
MAX_SORT_CHARACTERS: Final = 48
MAX_UNIQUE_CHARACTERS: Final = 512
MAX_BODY_BYTES: Final = 1 << 20
MAX_PAGE_ITEMS: Final = limits.MAX_PAGE_ITEMS


class Kept(Enum):
    """Says that a replacement leaves a field as it is; ``None`` would clear it."""

    KEPT = "kept"


KEPT: Final = Kept.KEPT


@dataclass(frozen=True, slots=True)
class Document:
    """One stored document, as it was when read. Nobody else holds ``body``: it may be changed."""

    id: str
    rev: int
    body: Body
    scope: str | None = None
    sort: str = ""
    unique: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a list. ``next`` is the cursor for the piece after it, ``None`` at the end."""

    items: tuple[Document, ...]
    next: str | None


class DocumentStore(Protocol):
    """A store of documents. Read the module's text first: it holds for every method."""

    async def insert(
        self,
        collection: str,
        document_id: str,
        body: Mapping[str, JSON],
        *,
        scope: str | None = None,
        sort: str = "",
        unique: str | None = None,
        expires: datetime | None = None,
    ) -> Document:
        """Adds a document with ``rev`` 1. Of any number at once under one id or unique key, one wins.

        Raises:
            Duplicate: the id or the unique key is taken by a document that has not expired.
        """
        ...

    async def get(self, collection: str, document_id: str) -> Document | None:
        """Returns the document, or ``None``."""
        ...

    async def find(self, collection: str, unique: str) -> Document | None:
        """Returns the document with this unique key, or ``None``."""
        ...

    async def replace(  # noqa: PLR0913 - each is a field of the document
        self,
        collection: str,
        document_id: str,
        rev: int,
        body: Mapping[str, JSON],
        *,
        scope: str | Kept | None = KEPT,
        sort: str | Kept = KEPT,
        unique: str | Kept | None = KEPT,
        expires: datetime | Kept | None = KEPT,
    ) -> Document:
        """Replaces the body, and the fields given, if the document is still at ``rev``.

        Of any number of replacements of one ``rev`` at once, exactly one wins.

        Raises:
            StaleRevision: the document has another ``rev`` by now.
            NotFound: there is no such document.
            Duplicate: another document has the new unique key.
        """
        ...

    async def delete(self, collection: str, document_id: str, *, rev: int | None = None) -> bool:
        """Removes a document; with ``rev`` only at that one. Returns whether there was one.

        Raises:
            StaleRevision: ``rev`` was given and the document has another by now.
        """
        ...

    async def page(
        self,
        collection: str,
        scope: str,
        *,
        after: str | None = None,
        limit: int,
        newest_first: bool = False,
    ) -> Page:
        """Lists a scope in the order of (sort, id), or the reverse with ``newest_first``.

        ``after`` is the ``next`` of the page before, of the same direction; ``limit`` is 1 to 1,000.
        Its cost grows with ``limit``, not with what lies before ``after``. What is in the scope from
        first page to last is listed exactly once, whatever is added or removed meanwhile.
        """
        ...

    async def scan(self, collection: str, *, after: str | None = None, limit: int) -> Page:
        """Lists a whole collection in the order of ids. For maintenance, never for a user's request."""
        ...

    async def collections(self) -> list[str]:
        """Names of the collections, in order; one that is empty may be among them. For maintenance."""
        ...

    async def load(self, collection: str, documents: Sequence[Document]) -> None:
        """Puts documents in as they are, ``rev`` included, over any of the same id. For maintenance.

        All are there when it returns; after an error, any number of them. May be repeated.

        Raises:
            Duplicate: a document of another id has one of the unique keys.
        """
        ...

    async def purge_expired(self, now: datetime, limit: int) -> int:
        """Removes at most ``limit`` documents that have expired by ``now``. Returns how many.

        Any number of processes may do it at the same time.
        """
        ...

    async def ping(self) -> None:
        """Returns if the store answers."""
        ...

    async def close(self) -> None:
        """Finishes what has been asked for, then closes. Every later call raises Unavailable."""
        ...
