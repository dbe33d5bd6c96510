"""The activity trail, for its owner."""

from __future__ import annotations

from hygieia.errors import NotFound
from hygieia.server.api import Call, Routes
from hygieia.server.schemas.activity import ActivitiesOut, ActivityOut, ActivityQuery

routes = Routes("activity")


@routes.add("GET", "/api/v1/activity", ActivitiesOut, problems=(NotFound,))
async def list_activity(call: Call, query: ActivityQuery) -> ActivitiesOut:
    """List who did what in this account, from where: a chain of hashes, oldest first.

    Every entry is one line of JSON that holds the hash of the line before, so that the client can
    check that nothing was changed or left out. ``since`` is not found where the trail has no such
    entry.
    """
    page = await call.services.stores.activity.page(
        call.caller.account_id,
        after=query.after,
        since=query.since,
        limit=query.limit,
        newest_first=query.newest_first,
    )
    items = [ActivityOut(hash=item.hash, entry=item.line) for item in page.items]
    return ActivitiesOut(items=items, next=page.next)
