"""Headers that gateway answers share, and its errors as plain text.

Content is inert whatever it is (threat CL-09): a download of ``application/octet-stream`` that no
browser may sniff, run or show. Anyone may read it from any origin: it is ciphertext, no cookie is
looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from hygieia.errors import (
    BlockMissing,
    BlockRefused,
    DagRefused,
    HygieiaError,
    InvalidInput,
    LimitExceeded,
    NotFound,
    RecordRefused,
    Unavailable,
)
from hygieia.server.gateway.asked import NotAcceptable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hygieia.ipld.cid import CID

CORS: Final[Mapping[str, str]] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Content-Type, Range, User-Agent, X-Requested-With, Accept, Cache-Control, If-None-Match,"
        " If-Range"
    ),
    "Access-Control-Expose-Headers": (
        "Accept-Ranges, Content-Length, Content-Range, Etag, X-Chunked-Output, X-Ipfs-Path,"
        " X-Ipfs-Roots, X-Stream-Output"
    ),
    "Access-Control-Max-Age": "86400",
}
INERT: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
IMMUTABLE: Final = "public, max-age=29030400, immutable"
RETRY_AFTER_SECONDS: Final = 5

_STATUS: Final[Sequence[tuple[type[HygieiaError], int]]] = (
    (NotAcceptable, 406),
    (BlockMissing, 404),
    (NotFound, 404),
    (InvalidInput, 400),
    (LimitExceeded, 413),
    (DagRefused, 422),
    (RecordRefused, 404),
    (BlockRefused, 500),
    (Unavailable, 503),
)


def content_headers(path: str, roots: Sequence[CID], cached: str = IMMUTABLE) -> dict[str, str]:
    """Headers of an answer that carries content at ``path`` (percent-encoded)."""
    return {
        **CORS,
        **INERT,
        "Cache-Control": cached,
        "Vary": "Accept",
        "X-Ipfs-Path": path,
        "X-Ipfs-Roots": ",".join(str(root) for root in roots[:8]),
    }


def refusal(error: HygieiaError) -> web.Response:
    """The answer to a request that cannot be served: one line of text."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    return plain(status, str(error))


def plain(status: int, text: str, extra: Mapping[str, str] | None = None) -> web.Response:
    """One line of text that is never cached."""
    headers = {**CORS, **INERT, "Cache-Control": "no-store", **(extra or {})}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return web.Response(status=status, text=f"{text}\n", headers=headers)


def not_modified(headers: Mapping[str, str]) -> web.Response:
    """304: what the client has is still it."""
    return web.Response(status=304, headers=headers)


def cut_off(request: web.Request) -> None:
    """End a streamed answer so that the client notices: an error came after the headers."""
    if request.transport is not None:
        request.transport.abort()
