"""Uploads: which blocks are missing, CAR batches (FORMATS §9)."""

from __future__ import annotations

from hygieia.errors import (
    BlockRefused,
    LimitExceeded,
    NotFound,
    QuotaExceeded,
    StorageFull,
    TooManyAttempts,
    Unavailable,
)
from hygieia.limits import CAR_BATCH_BYTES, CAR_BATCH_FRAMING_BYTES
from hygieia.server.api import Call, Routes
from hygieia.server.schemas.fields import Nothing
from hygieia.server.schemas.reports import (
    MissingIn,
    MissingOut,
    StoredOut,
    UploadOut,
    UploadPath,
)

CAR_MEDIA_TYPE = "application/vnd.ipld.car"

routes = Routes("uploads")


@routes.add(
    "POST",
    "/api/v1/uploads",
    UploadOut,
    status=201,
    repeatable=True,
    problems=(TooManyAttempts, StorageFull),
)
async def start_upload(call: Call, body: Nothing) -> UploadOut:
    """Start an upload, under which blocks are kept until they are committed or 24 hours pass."""
    raise Unavailable("Not yet.")


@routes.add(
    "POST", "/api/v1/uploads/{upload}/missing", MissingOut, problems=(NotFound, StorageFull)
)
async def ask_missing(call: Call, path: UploadPath, body: MissingIn) -> MissingOut:
    """Tell which of these blocks the server does not have. It keeps the others for this upload."""
    raise Unavailable("Not yet.")


@routes.add(
    "POST",
    "/api/v1/uploads/{upload}/blocks",
    StoredOut,
    body_media_type=CAR_MEDIA_TYPE,
    max_body_bytes=CAR_BATCH_BYTES + CAR_BATCH_FRAMING_BYTES,
    problems=(NotFound, BlockRefused, LimitExceeded, QuotaExceeded, StorageFull),
)
async def put_blocks(call: Call, path: UploadPath) -> StoredOut:
    """Store the blocks of a CARv1 batch without roots.

    Batches may come in any order, in parallel and again. All blocks of a batch are stored, or none.
    """
    raise Unavailable("Not yet.")


@routes.add("DELETE", "/api/v1/uploads/{upload}", None, problems=(NotFound,))
async def end_upload(call: Call, path: UploadPath) -> None:
    """End an upload. Blocks of it that no report needs are swept."""
    raise Unavailable("Not yet.")
