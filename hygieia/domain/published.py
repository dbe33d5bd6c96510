"""The IPNS records that this server's gateway gives out: for each name the newest, whoever brought it.

A record is public, so an account may be opened with somebody else's name, and bring an older record
of hers that verifies. What is given out therefore only ever rises, whichever account it comes from
(threat MS-22, docs/spec/13). The document decides; the block store, which no transaction joins to
it, is told again until it has what the document says.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final, cast

from hygieia.errors import Conflict, Duplicate, NotFound, StaleRevision

if TYPE_CHECKING:
    from hygieia.blocks.port import BlockStore
    from hygieia.documents.port import Body, Document, DocumentStore

COLLECTION: Final = "published"
_TRIES: Final = 20


class Published:
    """Gives out records, and takes them back when their account goes."""

    def __init__(self, documents: DocumentStore, blocks: BlockStore) -> None:
        self._documents = documents
        self._blocks = blocks

    async def give_out(self, account: str, name: str, sequence: int, record: str) -> None:
        """Give out a verified record (base64), unless a newer one of that name is. Repeatable."""
        body: Body = {"account": account, "sequence": sequence, "record": record}
        document = await self._rise(name, body)
        while True:
            newest = base64.b64decode(cast("str", document.body["record"]))
            await self._blocks.put_record(name, newest)
            latest = await self._documents.get(COLLECTION, name)
            if latest is None or latest.rev == document.rev:
                return
            document = latest

    async def take_back(self, account: str, name: str) -> None:
        """Give out no record of that name any more, if this account brought it. Repeatable."""
        document = await self._documents.get(COLLECTION, name)
        if document is not None and document.body["account"] == account:
            await self._blocks.drop_record(name)
            await self._documents.delete(COLLECTION, name)

    async def _rise(self, name: str, body: Body) -> Document:
        """The document of a name, with this record if it is above the one there."""
        for _ in range(_TRIES):
            document = await self._documents.get(COLLECTION, name)
            try:
                if document is None:
                    return await self._documents.insert(COLLECTION, name, body)
                if _sequence(document.body) >= _sequence(body):
                    return document
                return await self._documents.replace(COLLECTION, name, document.rev, body)
            except (Duplicate, StaleRevision, NotFound):
                continue
        raise Conflict("The IPNS record is being changed by too many requests at once.")


def _sequence(body: Body) -> int:
    return cast("int", body["sequence"])
