"""Everything beside the API and the gateway: home page, documents, health, metrics."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from aiohttp import web

from hygieia import __version__
from hygieia.errors import Forbidden, HygieiaError, NotFound, Unavailable
from hygieia.ipld.cid import CID, RAW
from hygieia.server.api_page import api_page
from hygieia.server.callers import client_address, is_loopback_address
from hygieia.server.middleware import SERVICES
from hygieia.server.openapi import openapi_document
from hygieia.server.routes import ALL_ROUTES
from hygieia.server.services import public_url
from hygieia.server.web_app import load_bundle, web_app_routes

if TYPE_CHECKING:
    from hygieia.config import Settings

READY_SECONDS: Final = 2.0
PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
_FOR_A_WHILE: Final = "public, max-age=300"


def openapi_text() -> str:
    """The OpenAPI document as it is served and committed (docs/api/openapi.json)."""
    return json.dumps(openapi_document(ALL_ROUTES), indent=2, ensure_ascii=False) + "\n"


def site_routes(settings: Settings) -> list[web.RouteDef]:
    """The routes, their pages made once; the web app's come last, for they take what is left."""
    document = openapi_text()
    reference = api_page(json.loads(document))
    style = _page("plain.css").template
    return [
        web.get("/api/docs", _constant(reference, "text/html", PAGE_POLICY)),
        web.get("/api/openapi.json", _constant(document, "application/json")),
        web.get("/assets/plain.css", _constant(style, "text/css")),
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics),
        *_app_routes(settings),
    ]


def _app_routes(settings: Settings) -> list[web.RouteDef]:
    """The web app, or, where none was built, a plain page that says what this is."""
    bundle = load_bundle(settings.gateways)
    if bundle:
        return web_app_routes(bundle)
    page = _page("home.html").substitute(url=public_url(settings), version=__version__)
    return [web.get("/", _constant(page, "text/html", PAGE_POLICY))]


async def healthz(_request: web.Request) -> web.Response:
    """The process is alive."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """The server takes requests: it is not shutting down, and both stores answer."""
    services = request.app[SERVICES]
    if services.lifecycle.draining:
        raise Unavailable("The server is shutting down.")
    try:
        async with asyncio.timeout(READY_SECONDS):
            await services.stores.documents.ping()
            await services.stores.blocks.size(CID.of(RAW, b""))
    except TimeoutError:
        raise Unavailable("A store does not answer in time.") from None
    except HygieiaError:
        raise Unavailable("A store does not answer.") from None
    return web.Response(text="ready\n")


async def metrics(request: web.Request) -> web.Response:
    """Prometheus' text, for whom HYGIEIA_METRICS allows."""
    services = request.app[SERVICES]
    allowed = services.settings.metrics
    if allowed == "off":
        raise NotFound("There is nothing at this address.")
    if allowed == "loopback" and not is_loopback_address(
        client_address(request, services.settings)
    ):
        raise Forbidden("Metrics are for this machine only.")
    text = await asyncio.to_thread(services.metrics.text)
    return web.Response(
        body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


def _page(name: str) -> Template:
    return Template(files("hygieia.server.pages").joinpath(name).read_text(encoding="utf-8"))


def _constant(text: str, media_type: str, policy: str | None = None) -> web.Handler:  # type: ignore[name-defined]  # aiohttp.web names it without exporting it
    body = text.encode()
    headers = {"Cache-Control": _FOR_A_WHILE, "Content-Type": f"{media_type}; charset=utf-8"}
    if media_type == "application/json":
        headers["Content-Type"] = media_type
    if policy is not None:
        headers["Content-Security-Policy"] = policy

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    return answer
