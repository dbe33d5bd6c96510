"""Uploads: which blocks are missing, CAR batches (docs/spec/10)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from hygieia.errors import (
    BlockRefused,
    InvalidInput,
    LimitExceeded,
    NotFound,
    QuotaExceeded,
    StorageFull,
    TooManyAttempts,
)
from hygieia.ipld.cid import CID
from hygieia.limits import MAX_ASKED_CIDS
from hygieia.openpgp.times import format_time
from hygieia.server.api import Call, Repeats, Routes
from hygieia.server.car_batches import PUT_BLOCKS_MAX_BYTES
from hygieia.server.schemas.fields import Nothing
from hygieia.server.schemas.reports import (
    AbsentOut,
    AbsentQuery,
    MissingIn,
    MissingOut,
    StoredOut,
    UploadOut,
    UploadPath,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

CAR_MEDIA_TYPE: Final = "application/vnd.ipld.car"

routes = Routes("uploads")


@routes.add(
    "POST",
    "/api/v1/uploads",
    UploadOut,
    status=201,
    problems=(TooManyAttempts, StorageFull),
)
async def start_upload(call: Call, body: Nothing) -> UploadOut:
    """Start an upload, under which blocks are kept until they are committed or 24 hours pass."""
    upload = await call.services.uploads.start(call.caller.account_id)
    return UploadOut(upload=upload.id, expires=format_time(upload.expires))


@routes.add(
    "POST",
    "/api/v1/uploads/{upload}/missing",
    MissingOut,
    repeats=Repeats.HARMLESS,
    problems=(NotFound, StorageFull),
)
async def ask_missing(call: Call, path: UploadPath, body: MissingIn) -> MissingOut:
    """Tell which of these blocks the server does not have. It keeps the others for this upload."""
    upload = await call.services.uploads.get(call.caller.account_id, path.upload)
    # 4,096 CIDs are tens of milliseconds of parsing: not on the event loop.
    cids = await asyncio.to_thread(_parse, body.cids)
    missing = await call.services.uploads.missing(upload, cids)
    return await asyncio.to_thread(_missing_out, missing)


@routes.add(
    "POST",
    "/api/v1/uploads/{upload}/blocks",
    StoredOut,
    repeats=Repeats.HARMLESS,
    body_media_type=CAR_MEDIA_TYPE,
    max_body_bytes=PUT_BLOCKS_MAX_BYTES,
    problems=(
        NotFound,
        BlockRefused,
        LimitExceeded,
        QuotaExceeded,
        StorageFull,
        TooManyAttempts,
    ),
)
async def put_blocks(call: Call, path: UploadPath) -> StoredOut:
    """Store the blocks of a CARv1 batch without roots.

    Batches may come in any order, up to 8 at a time, and again. All blocks of one are stored, or none.
    """
    services = call.services
    upload = await services.uploads.get(call.caller.account_id, path.upload)
    with services.batches.enter(call.caller.account_id):
        async with services.batch_reader.read(call.request) as blocks:
            stored = await services.uploads.put(upload, blocks)
    services.metrics.stored_bytes.inc(stored.new_bytes)
    return StoredOut(stored_blocks=stored.blocks, stored_bytes=stored.new_bytes)


@routes.add("DELETE", "/api/v1/uploads/{upload}", None, problems=(NotFound,))
async def end_upload(call: Call, path: UploadPath) -> None:
    """End an upload. Blocks of it that no report needs are swept."""
    await call.services.uploads.end(call.caller.account_id, path.upload)


@routes.add("GET", "/api/v1/blocks/missing", AbsentOut)
async def find_missing(call: Call, query: AbsentQuery) -> AbsentOut:
    """Tell which of these blocks the server does not have. Nothing is kept for anybody by asking."""
    texts = query.cids.split(",")
    if len(texts) > MAX_ASKED_CIDS:
        raise InvalidInput(f"At most {MAX_ASKED_CIDS} blocks are asked for at once.")
    missing = await call.services.stores.blocks.missing(_parse(texts))
    return AbsentOut(missing=[str(cid) for cid in missing])


def _parse(texts: Sequence[str]) -> list[CID]:
    return [CID.parse(text) for text in texts]


def _missing_out(cids: Sequence[CID]) -> MissingOut:
    return MissingOut(missing=[str(cid) for cid in cids])
