"""The id of a request: in its log line, its answer's header and its problem."""

from __future__ import annotations

import re
import secrets
from typing import Final

from aiohttp import web

REQUEST_ID: Final = web.RequestKey("request_id", str)
_FROM_CLIENT: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id_for(request: web.Request) -> str:
    """The client's own id where it is one, so that both sides' logs can be joined; else a new one."""
    given = request.headers.get("X-Request-Id", "")
    return given if _FROM_CLIENT.fullmatch(given) else secrets.token_hex(8)
