"""The vault index and its IPNS record (FORMATS §7)."""

from __future__ import annotations

from hygieia.errors import (
    NotFound,
    QuotaExceeded,
    RecordRefused,
    StaleRevision,
    Unavailable,
)
from hygieia.server.api import Call, IfMatch, Routes
from hygieia.server.routes.reports import SHAPE_PROBLEMS
from hygieia.server.schemas.index import IndexIn, IndexOut, KitRootIn

routes = Routes("index")


@routes.add("GET", "/api/v1/index", IndexOut)
async def read_index(call: Call) -> IndexOut:
    """Read the current index root, its sequence and its IPNS record."""
    raise Unavailable("Not yet.")


@routes.add(
    "PUT",
    "/api/v1/index",
    IndexOut,
    if_match=IfMatch.REQUIRED,
    repeatable=True,
    problems=(*SHAPE_PROBLEMS, NotFound, StaleRevision, RecordRefused, QuotaExceeded),
)
async def change_index(call: Call, body: IndexIn) -> IndexOut:
    """Move the index to a new root, with the IPNS record that names it.

    The first time ``If-Match`` is ``"0"``. The record's value must be the root and its sequence
    higher than the current one. Completeness is proven by the difference from the current root.
    """
    raise Unavailable("Not yet.")


@routes.add("PUT", "/api/v1/index/kit", IndexOut, problems=(NotFound,))
async def set_kit_root(call: Call, body: KitRootIn) -> IndexOut:
    """Tell which root the recovery kit just written names: it stays pinned until the next kit.

    It must be the current root or the one before.
    """
    raise Unavailable("Not yet.")
