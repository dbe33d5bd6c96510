"""The vault index and its IPNS record (docs/spec/13)."""

from __future__ import annotations

import base64
import binascii

from hygieia.domain.index import Index, NewIndex
from hygieia.errors import (
    InvalidInput,
    NotFound,
    QuotaExceeded,
    RecordRefused,
    StaleRevision,
)
from hygieia.ipld.cid import CID
from hygieia.server.api import Call, IfMatch, Routes
from hygieia.server.routes.reports import SHAPE_PROBLEMS
from hygieia.server.schemas.index import IndexIn, IndexOut, KitRootIn

routes = Routes("index")


@routes.add("GET", "/api/v1/index", IndexOut)
async def read_index(call: Call) -> IndexOut:
    """Read the current index root, its sequence and its IPNS record."""
    return _index_out(await call.services.indexes.get(call.caller.account_id))


@routes.add(
    "PUT",
    "/api/v1/index",
    IndexOut,
    if_match=IfMatch.REQUIRED,
    problems=(*SHAPE_PROBLEMS, NotFound, StaleRevision, RecordRefused, QuotaExceeded),
)
async def change_index(call: Call, body: IndexIn) -> IndexOut:
    """Move the index to a new root, with the IPNS record that names it.

    The first time ``If-Match`` is ``"0"``. The record's value must be the root and its sequence
    higher than the current one. Completeness is proven by the difference from the current root.
    """
    services = call.services
    account = call.caller.account
    upload = await services.uploads.get(account.id, body.upload)
    new = NewIndex(
        ipns_name=account.ipns_name,
        root=CID.parse(body.root),
        sequence=body.sequence,
        record_text=body.record,
        record=_record_bytes(body.record),
    )
    return _index_out(await services.indexes.commit(upload, call.rev, new))


@routes.add("PUT", "/api/v1/index/kit", IndexOut, problems=(NotFound,))
async def set_kit_root(call: Call, body: KitRootIn) -> IndexOut:
    """Tell which root the recovery kit just written names: it stays pinned until the next kit.

    It must be the current root or the one before.
    """
    root = CID.parse(body.root)
    index = await call.services.indexes.set_kit_root(call.caller.account_id, root)
    call.services.lifecycle.sweep_wanted.set()
    return _index_out(index)


def _index_out(index: Index) -> IndexOut:
    return IndexOut(
        root=index.root,
        rev=index.rev,
        sequence=index.sequence,
        record=index.record,
        kit_root=index.kit_root,
    )


def _record_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise InvalidInput("The record is not base64.") from None
