"""Writing a document whatever stands there: the last one to write is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.errors import Duplicate, NotFound, StaleRevision

if TYPE_CHECKING:
    from hygieia.documents.port import Body, DocumentStore


async def write_over(
    documents: DocumentStore,
    collection: str,
    document_id: str,
    body: Body,
    *,
    scope: str | None = None,
    sort: str = "",
) -> None:
    """Insert a document, or replace the one that is there, however often it changes meanwhile."""
    while True:
        known = await documents.get(collection, document_id)
        try:
            if known is None:
                await documents.insert(collection, document_id, body, scope=scope, sort=sort)
            else:
                await documents.replace(
                    collection, document_id, known.rev, body, scope=scope, sort=sort
                )
        except (Duplicate, StaleRevision, NotFound):
            continue
        return
