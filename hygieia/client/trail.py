"""Reads the server's activity trail, line by line, and checks each (docs/spec/18-activity.md §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hygieia.client import answers
from hygieia.errors import ActivityAltered, HygieiaError, LimitExceeded, NotFound
from hygieia.vault.activity import Trail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hygieia.client.transport import Transport
    from hygieia.vault.activity import ActivityEntry

PAGE_ITEMS: Final = 200
PAGES_A_CHANGE: Final = 20
"""How much of the trail a change of the index verifies at most: the rest waits for the next."""

_MOST_PAGES: Final = 10_000


async def newer_head(transport: Transport, account: str, anchor: str | None) -> str | None:
    """The hash of the last entry that follows from ``anchor``; None if none does, or none is told.

    Raises ``ActivityAltered`` when the trail does not go on from the anchor. A server that does
    not answer, or keeps no trail, is no reason: the anchor stays.
    """
    trail = Trail(account, anchor)
    try:
        async for _ in read_on(transport, trail, most_pages=PAGES_A_CHANGE):
            pass
    except ActivityAltered:
        raise
    except HygieiaError:
        return None
    return None if trail.last is None else trail.head


async def read_on(
    transport: Transport, trail: Trail, *, most_pages: int | None = None
) -> AsyncIterator[ActivityEntry]:
    """Every entry behind the trail's anchor, oldest first, each checked by ``trail``.

    ``most_pages``: stop quietly after so many. Raises ``ActivityAltered``, and ``LimitExceeded``
    for a trail that does not end.
    """
    query: dict[str, str | int] = {"limit": PAGE_ITEMS}
    if trail.anchor is not None:
        query["since"] = trail.anchor
    for _ in range(_MOST_PAGES if most_pages is None else most_pages):
        try:
            page = (await transport.call("GET", "/activity", query=query)).document
        except NotFound:
            if trail.anchor is None:
                raise
            raise ActivityAltered(
                "The server's activity trail has lost entries that this vault has signed."
            ) from None
        for item in answers.parts(page, "items"):
            yield trail.take(answers.text(item, "entry"))
        after = answers.text_or_none(page, "next")
        if after is None:
            return
        query = {"limit": PAGE_ITEMS, "after": after}
    if most_pages is None:
        raise LimitExceeded("The server's activity trail does not end.")


async def newest(transport: Transport, trail: Trail, limit: int) -> list[ActivityEntry]:
    """The last ``limit`` entries (at most 1,000), newest first, checked one against the other."""
    query: dict[str, str | int] = {"limit": limit, "newest_first": "true"}
    page = (await transport.call("GET", "/activity", query=query)).document
    lines = [answers.text(item, "entry") for item in answers.parts(page, "items")][:limit]
    return trail.take_last(lines[::-1])[::-1]
