"""What every request passes through: id, checks, one log line, errors as problems, headers."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from hygieia.errors import Failed, HygieiaError
from hygieia.server.callers import (
    client_address,
    forwarded_scheme,
    is_loopback_address,
    is_trusted_proxy,
    peer_address,
)
from hygieia.server.connections import PATIENCE
from hygieia.server.logs import get_log, places_of
from hygieia.server.problems import (
    RequestRefused,
    code_of,
    from_http_exception,
    problem_response,
    status_of,
)
from hygieia.server.protocol import GUARDS
from hygieia.server.request_ids import REQUEST_ID, request_id_for
from hygieia.server.services import Services, public_url

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SERVICES: Final = web.AppKey("services", Services)
_GATEWAY: Final = re.compile(r"/ip[fn]s/")
_CLIENT_GONE_STATUS: Final = 499

API_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, time it, count it, log one line."""
    services = request.app[SERVICES]
    request[REQUEST_ID] = request_id_for(request)
    patience = request.app[PATIENCE]
    patience.header_done(request)
    started = time.perf_counter()
    status = 500
    services.metrics.in_flight.inc()
    try:
        response = await handler(request)
        status = response.status
    except (ConnectionError, asyncio.CancelledError):
        status = _CLIENT_GONE_STATUS
        raise
    else:
        return response
    finally:
        patience.answered(request)
        services.metrics.in_flight.dec()
        _note(services, request, status, time.perf_counter() - started)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a handler raises into a problem document."""
    request_id = request[REQUEST_ID]
    try:
        _refuse_encoding(request)
        _refuse_plain_http(request)
        return await handler(request)
    except HygieiaError as error:
        if status_of(code_of(error)) >= 500:
            get_log().warning("failed", request_id=request_id, code=code_of(error))
        return problem_response(error, request_id)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problem_response(from_http_exception(error), request_id)
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 - the last place where anything may be caught
        get_log().error(
            "unexpected", request_id=request_id, error=type(error).__name__, at=places_of(error)
        )
        return problem_response(
            Failed("The server failed at this. It has been logged."), request_id
        )


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer, errors and streams too, where a handler has not set its own."""
    headers = response.headers
    headers["Server"] = "hygieia"
    if REQUEST_ID in request:
        headers["X-Request-Id"] = request[REQUEST_ID]
    for name, value in GUARDS.items():
        headers.setdefault(name, value)
    if not _GATEWAY.match(request.path):
        headers.setdefault("Content-Security-Policy", API_POLICY)
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Cache-Control", "no-store")
    if request.app[PATIENCE].draining:
        response.force_close()
    settings = request.app[SERVICES].settings
    came_by = forwarded_scheme(request, settings) or public_url(settings)
    if settings.tls or came_by.startswith("https"):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def _refuse_encoding(request: web.Request) -> None:
    """Bodies come as they are: unpacking one is a way to be made to work (threat CL-07)."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise RequestRefused(
            "unsupported-media-type", "Bodies are taken without Content-Encoding only."
        )


def _refuse_plain_http(request: web.Request) -> None:
    """Past the start-up check: someone reached us, or the proxy in front of us, without TLS.

    Raises ``RequestRefused``, or a redirection to the public address for what a browser shows.
    """
    settings = request.app[SERVICES].settings
    if settings.tls or settings.plain_http == "anywhere":
        return
    peer = peer_address(request)
    if not is_trusted_proxy(peer, settings):
        plain = not is_loopback_address(peer)
    else:
        plain = forwarded_scheme(request, settings) == "http" and not is_loopback_address(
            client_address(request, settings)
        )
    if not plain:
        return
    public = public_url(settings)
    is_page = request.method in {"GET", "HEAD"} and not request.path.startswith("/api/v1/")
    if is_page and public.startswith("https://") and is_trusted_proxy(peer, settings):
        raise web.HTTPPermanentRedirect(public + request.raw_path)
    raise RequestRefused("forbidden", "Plain HTTP is spoken on this machine only.")


def _note(services: Services, request: web.Request, status: int, seconds: float) -> None:
    resource = request.match_info.route.resource
    route = "none" if resource is None else resource.canonical
    method = request.method if request.method in _METHODS else "other"
    services.metrics.requests.labels(method, route, str(status)).inc()
    services.metrics.seconds.labels(method, route).observe(seconds)
    get_log().info(
        "request",
        request_id=request[REQUEST_ID],
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
    )


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
