"""Whole lists, page by page."""

from __future__ import annotations

from typing import Any

from hygieia.documents.port import Document, DocumentStore
from tests.factories.servers import Member


async def every_report(member: Member) -> dict[str, Any]:
    """All reports that a server lists, by their ids."""
    reports: dict[str, Any] = {}
    after = ""
    while True:
        reply = await member.call("GET", f"/api/v1/reports?limit=50{after}")
        assert reply.status == 200, reply.body
        reports |= {item["id"]: item for item in reply.json["items"]}
        if reply.json["next"] is None:
            return reports
        after = f"&after={reply.json['next']}"


async def every_document(documents: DocumentStore, collection: str) -> list[Document]:
    """All documents of a collection."""
    found: list[Document] = []
    after: str | None = None
    while True:
        page = await documents.scan(collection, after=after, limit=500)
        found += page.items
        after = page.next
        if after is None:
            return found
