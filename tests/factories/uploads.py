"""Uploads on a server's stores, without the server."""

from __future__ import annotations

from datetime import timedelta

from hygieia.domain.stores import Stores
from hygieia.domain.uploads import Uploads


def uploads_of(stores: Stores) -> Uploads:
    """Of any account, open for an hour."""
    return Uploads(
        stores.documents,
        stores.blocks,
        stores.facts,
        stores.quotas,
        stores.jobs,
        lease=timedelta(hours=1),
    )
