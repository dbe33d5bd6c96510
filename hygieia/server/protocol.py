"""aiohttp's protocol for one connection, answering what is no HTTP in our own words.

Its own answer to a request it cannot parse quotes the bytes that were sent and names its version;
no middleware sees it (threat CL-10).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from hygieia.errors import Failed
from hygieia.server.problems import RequestRefused, problem_response

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

KEEPALIVE_SECONDS: Final = 30.0
READ_BUFFER_BYTES: Final = 256 << 10

GUARDS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
"""Headers of every answer."""


class Connection(web.RequestHandler):
    """One connection of a client."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The last answer on a connection whose bytes are no request, or whose handler broke.

        Raises ``ConnectionError`` when an answer has begun already.
        """
        del exc, message  # they may hold what was sent
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun already.")
        error = (
            RequestRefused("usage", "This is no HTTP request that can be read.")
            if status < 500
            else Failed("The server failed at this.")
        )
        request_id = secrets.token_hex(8)
        response = problem_response(error, request_id)
        response.headers.update(GUARDS)
        response.headers.update(
            {"Server": "hygieia", "X-Request-Id": request_id, "Cache-Control": "no-store"}
        )
        response.force_close()
        return response


class _NoAccessLog(AbstractAccessLogger):
    """Nothing: what is logged of a request is chosen in ``middleware``."""

    @property
    def enabled(self) -> bool:
        return False

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Log nothing."""


def connection(server: web.Server, loop: asyncio.AbstractEventLoop) -> Connection:
    """The protocol for a new connection, with the options this server runs by."""
    return Connection(
        server,
        loop=loop,
        access_log_class=_NoAccessLog,
        auto_decompress=False,
        keepalive_timeout=KEEPALIVE_SECONDS,
        read_bufsize=READ_BUFFER_BYTES,
    )
