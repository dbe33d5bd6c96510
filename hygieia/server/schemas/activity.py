"""The activity trail."""

from __future__ import annotations

from pydantic import Field

from hygieia.server.api import Model
from hygieia.server.schemas.fields import CidText, PageQuery


class ActivityQuery(PageQuery):
    """A piece of the trail; ``since`` begins it behind an entry."""

    since: CidText | None = Field(
        default=None, description="Hash of an entry: list what follows it. Not with `after`."
    )
    newest_first: bool = False


class ActivityOut(Model):
    """One entry: its line, which is never serialised again, and the hash of that (18.1)."""

    hash: str
    entry: str


class ActivitiesOut(Model):
    """Entries in the order asked for."""

    items: list[ActivityOut]
    next: str | None
