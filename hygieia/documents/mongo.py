"""The document store on MongoDB, for servers that share one.

A collection of the port is a collection of the database; ``mongo_records`` says what a document is
in it. Writes are acknowledged by a majority of the replica set, from disk; reads come from the
primary. The driver reconnects and repeats what is safe to repeat; what it cannot do within its
time is Unavailable, and the next call tries anew.

Motor is imported here only, and nothing of it is used that pymongo's ``AsyncMongoClient`` lacks.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bson.codec_options import TypeDecoder, TypeRegistry
from bson.int64 import Int64
from motor.motor_asyncio import AsyncIOMotorClient as AsyncClient
from pymongo import ReplaceOne, ReturnDocument
from pymongo.errors import BulkWriteError, OperationFailure

from hygieia.documents import body as rules
from hygieia.documents import mongo_records as records
from hygieia.documents.mongo_calls import Calls, until_kept
from hygieia.documents.mongo_errors import is_duplicate
from hygieia.documents.mongo_start import (
    PLAIN_INDEXES,
    UNIQUE_INDEX,
    Address,
    prepare,
    read_address,
)
from hygieia.documents.port import JSON, KEPT, Document, Kept, Page
from hygieia.errors import Duplicate, NotFound, StaleRevision

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from hygieia.documents.mongo_records import Record

T = TypeVar("T")


class _PlainIntegers(TypeDecoder):
    """Whole numbers come back as Python's own, whatever their width was."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:  # noqa: ANN401 - the driver's signature
        return int(value)


def open_mongo(
    uri: str, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> MongoDocumentStore:
    """Opens the database that ``mongodb://...`` names, indexes made. Blocks while it is asked.

    Raises:
        ConfigError: see :func:`~hygieia.documents.mongo_start.prepare`.
    """
    address = read_address(uri)
    prepare(address)
    return MongoDocumentStore(address, clock)


class MongoDocumentStore:
    """The port :class:`~hygieia.documents.port.DocumentStore` on one MongoDB database."""

    def __init__(self, address: Address, clock: Callable[[], datetime]) -> None:
        registry = TypeRegistry([_PlainIntegers()])
        self._client: AsyncClient[Record] = AsyncClient(
            address.uri, **address.options, tz_aware=True, tzinfo=UTC, type_registry=registry
        )
        self._database = self._client.get_default_database()
        self._clock = clock
        self._calls = Calls(address.call_seconds)
        self._indexed: set[tuple[str, bool]] = set()
        self._indexing = asyncio.Lock()

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
        """Adds a record; the index of ids and that of unique keys let one in."""
        name = rules.check_collection(collection)
        new = Document(document_id, 1, dict(body), scope, sort, unique, expires)
        record = records.make_record(new)

        async def write() -> Document:
            await self._database[name].insert_one(record)
            return records.read_record(record)

        async with self._calls.begin():
            await self._make_indexes(name, unique=unique is not None)
            return await self._write(write, name, document_id, unique)

    async def get(self, collection: str, document_id: str) -> Document | None:
        """Reads by id."""
        name = rules.check_collection(collection)
        return await self._find_one(name, _id=rules.check_id(document_id))

    async def find(self, collection: str, unique: str) -> Document | None:
        """Reads by the index of unique keys."""
        name = rules.check_collection(collection)
        return await self._find_one(name, unique=rules.check_unique(unique))

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
        """Compares ``rev`` and changes the record in one atomic step of the server."""
        name = rules.check_collection(collection)
        new_key = None if isinstance(unique, Kept) else rules.check_unique(unique)
        changes = records.make_changes(
            rules.check_id(document_id),
            rules.decode_body(rules.encode_body(body)),
            scope if isinstance(scope, Kept) else rules.check_scope(scope),
            sort if isinstance(sort, Kept) else rules.check_sort(sort),
            KEPT if isinstance(unique, Kept) else new_key,
            expires,
        )

        async def write() -> Document | None:
            return await self._swap(name, document_id, rev, changes)

        async with self._calls.begin():
            if new_key is not None:
                await self._make_indexes(name, unique=True)
            replaced = await self._write(write, name, document_id, new_key)
        if replaced is not None:
            return replaced
        if await self.get(name, document_id) is None:
            raise NotFound("There is no such thing here.")
        raise StaleRevision("It was changed meanwhile.")

    async def _swap(
        self, name: str, document_id: str, rev: int, changes: Record
    ) -> Document | None:
        """The record changed, or None where there is none of that ``rev``."""
        found: Record | None = await self._database[name].find_one_and_update(
            records.live(self._clock(), _id=document_id, rev=rev),
            changes,
            return_document=ReturnDocument.AFTER,
        )
        return None if found is None else records.read_record(found)

    async def delete(self, collection: str, document_id: str, *, rev: int | None = None) -> bool:
        """Removes by id, and by rev where one is given."""
        name = rules.check_collection(collection)
        key: Record = {"_id": rules.check_id(document_id)} | ({} if rev is None else {"rev": rev})
        async with self._calls.begin():
            gone = await self._remove(name, records.live(self._clock(), **key))
        if gone:
            return True
        if rev is not None and await self.get(name, document_id) is not None:
            raise StaleRevision("It was changed meanwhile.")
        return False

    async def page(
        self,
        collection: str,
        scope: str,
        *,
        after: str | None = None,
        limit: int,
        newest_first: bool = False,
    ) -> Page:
        """Reads a range of the index of places."""
        name = rules.check_collection(collection)
        start = records.LAST if newest_first else records.FIRST
        if after is not None:
            start = records.place_of_cursor(after)
        beyond = {"$lt" if newest_first else "$gt": start}
        wanted = {"scope": rules.check_id(scope), "place": beyond}
        return await self._list(name, wanted, [("place", -1 if newest_first else 1)], limit)

    async def scan(self, collection: str, *, after: str | None = None, limit: int) -> Page:
        """Reads a range of the index of ids."""
        name = rules.check_collection(collection)
        start = "" if after is None else rules.decode_cursor(after)[1]
        return await self._list(name, {"_id": {"$gt": start}}, [("_id", 1)], limit)

    async def collections(self) -> list[str]:
        """Asks the database for its collections."""
        async with self._calls.begin():
            names = await self._database.list_collection_names()
        return sorted(filter(records.is_collection, names))

    async def load(self, collection: str, documents: Sequence[Document]) -> None:
        """Writes them one after the other, in few messages."""
        name = rules.check_collection(collection)
        made = [records.make_record(document) for document in documents]
        writes = [ReplaceOne({"_id": record["_id"]}, record, upsert=True) for record in made]
        async with self._calls.begin():
            await self._make_indexes(name, unique=any("unique" in record for record in made))
            try:
                if writes:
                    await until_kept(lambda: self._database[name].bulk_write(writes))
            except BulkWriteError as error:
                if not is_duplicate(error):
                    raise
                raise Duplicate("There is already one like this.") from None

    async def purge_expired(self, now: datetime, limit: int) -> int:
        """Removes by each collection's index of expiries."""
        gone = 0
        filtered = records.expired(records.stored_time(now))
        async with self._calls.begin():
            names = await self._database.list_collection_names()
            for name in sorted(filter(records.is_collection, names)):
                if gone >= limit:
                    break
                cursor = self._database[name].find(filtered, {"_id": 1})
                found = await cursor.sort("expires", 1).limit(limit - gone).to_list(limit)
                if found:
                    chosen = {**filtered, "_id": {"$in": [record["_id"] for record in found]}}
                    deleted = await until_kept(partial(self._database[name].delete_many, chosen))
                    gone += deleted.deleted_count
        return gone

    async def ping(self) -> None:
        """Asks the primary."""
        async with self._calls.begin():
            await self._database.command("ping")

    async def close(self) -> None:
        """Waits for the calls under way, then lets the connections go."""
        await self._calls.end()
        # Saying goodbye to a server that is away takes motor a while; AsyncMongoClient awaits it.
        closing: Awaitable[None] | None = await asyncio.to_thread(self._client.close)
        if closing is not None:
            await closing

    async def _find_one(self, name: str, **fields: object) -> Document | None:
        async with self._calls.begin():
            found = await self._database[name].find_one(records.live(self._clock(), **fields))
        return None if found is None else records.read_record(found)

    async def _list(
        self, name: str, wanted: Record, order: list[tuple[str, int]], limit: int
    ) -> Page:
        """Reads one record more than asked for, to know whether there is a next page."""
        count = rules.check_limit(limit) + 1
        async with self._calls.begin():
            cursor = self._database[name].find(records.live(self._clock(), **wanted))
            found = await cursor.sort(order).limit(count).to_list(count)
        items = tuple(records.read_record(record) for record in found[:limit])
        if len(found) <= limit:
            return Page(items, None)
        return Page(items, rules.encode_cursor(items[-1].sort, items[-1].id))

    async def _write(
        self, write: Callable[[], Awaitable[T]], name: str, document_id: str, unique: str | None
    ) -> T:
        """Writes, and once more when what stood in the way had expired. Raises Duplicate."""
        try:
            return await until_kept(write)
        except OperationFailure as error:
            if not is_duplicate(error):
                raise
        for key in ({"_id": document_id}, {"unique": unique}):
            if None not in key.values():
                await self._remove(name, records.expired(self._clock(), **key))
        try:
            return await until_kept(write)
        except OperationFailure as error:
            if not is_duplicate(error):
                raise
            raise Duplicate("There is already one like this.") from None

    async def _remove(self, name: str, wanted: Record) -> int:
        """Removes one record; how many are gone."""
        removed = await until_kept(lambda: self._database[name].delete_one(wanted))
        return removed.deleted_count

    async def _make_indexes(self, name: str, *, unique: bool) -> None:
        """Before this process first writes to a collection, or a unique key to it."""
        if (name, unique) in self._indexed:
            return
        async with self._indexing:
            indexes = [*PLAIN_INDEXES, UNIQUE_INDEX] if unique else [*PLAIN_INDEXES]
            await self._database[name].create_indexes(indexes)
            self._indexed |= {(name, False), (name, unique)}
