"""The web app's built bundle, served as package data (``hygieia/web_dist``, made by ``vite build``).

Every file is read once, at the start. Names under ``assets/`` hold a digest of their content, so
browsers keep them for good; the page that names them is asked for anew. The page may speak to this
server alone. The engine's worker, which shows nothing, may also reach gateways: a worker's policy
is that of its own script.
"""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from hygieia.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.resources.abc import Traversable

BUNDLE_FOLDER: Final = "web_dist"
PAGE: Final = "index.html"

_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
    "trusted-types svelte-trusted-html hygieia-pdf hygieia-worker"
)
_WORKER_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src {}"
)
# pdf.js decodes strangers' files: it compiles its own decoders, and reaches nothing.
_PDF_POLICY: Final = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"
# A person may name any gateway: https ones, and those of her own machine.
_GATEWAYS_OF_ONES_OWN: Final = ("'self'", "https:", "http://localhost:*", "http://127.0.0.1:*")
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_ASK_ANEW: Final = "no-cache"
_WORKER_PREFIX: Final = "assets/worker-"
_PDF_PREFIX: Final = "assets/pdf.worker"
_MEDIA_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
}
# What is not the app's: an unknown address there stays unknown.
_APP_PATH: Final = r"/{path:(?!api/|ipfs/|ipns/|assets/|metrics|healthz|readyz).*}"


@dataclass(frozen=True, slots=True)
class BundledFile:
    """One file of the bundle: its octets, the same compressed if that was built, its headers."""

    body: bytes
    compressed: bytes | None
    headers: dict[str, str]


def load_bundle(gateways: Sequence[str] = ()) -> dict[str, BundledFile]:
    """The built bundle by path, without a leading slash; empty when none was built.

    ``gateways`` are the addresses that this server names to its clients.
    """
    folder = files("hygieia").joinpath(BUNDLE_FOLDER)
    if not folder.joinpath(PAGE).is_file():
        return {}
    octets = {name: item.read_bytes() for name, item in _walk(folder)}
    return {
        name: BundledFile(body, octets.get(f"{name}.gz"), _headers(name, gateways))
        for name, body in octets.items()
        if not name.endswith(".gz")
    }


def web_app_routes(bundle: dict[str, BundledFile]) -> list[web.RouteDef]:
    """A route for each file, and the page for every address inside the app. Add them last."""

    async def page(request: web.Request) -> web.Response:
        # A program that asks for an unknown address hears that there is nothing.
        if "text/html" not in request.headers.get("Accept", ""):
            raise NotFound("There is nothing at this address.")
        return _answer(request, bundle[PAGE])

    async def home(request: web.Request) -> web.Response:
        return _answer(request, bundle[PAGE])

    async def file(request: web.Request) -> web.Response:
        return _answer(request, bundle[request.path.removeprefix("/")])

    routes = [web.get(f"/{name}", file) for name in bundle if name != PAGE]
    return [web.get("/", home), *routes, web.get(_APP_PATH, page)]


def _answer(request: web.Request, found: BundledFile) -> web.Response:
    headers = {**found.headers, "Vary": "Accept-Encoding"}
    encodings = request.headers.get("Accept-Encoding", "")
    if found.compressed is not None and "gzip" in encodings:
        return web.Response(body=found.compressed, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=found.body, headers=headers)


def _headers(name: str, gateways: Sequence[str]) -> dict[str, str]:
    suffix = f".{name.rpartition('.')[2]}"
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {
        "Content-Type": _MEDIA_TYPES.get(suffix, guessed),
        "Cache-Control": _FOR_GOOD if name.startswith("assets/") else _ASK_ANEW,
    }
    if name.startswith(_WORKER_PREFIX):
        headers["Content-Security-Policy"] = _WORKER_POLICY.format(_reachable(gateways))
    elif name.startswith(_PDF_PREFIX):
        headers["Content-Security-Policy"] = _PDF_POLICY
    elif suffix in {".html", ".js", ".mjs"}:
        headers["Content-Security-Policy"] = _PAGE_POLICY
    return headers


def _reachable(gateways: Sequence[str]) -> str:
    origins = (urlsplit(url) for url in gateways)
    named = (f"{origin.scheme}://{origin.netloc}" for origin in origins)
    return " ".join(dict.fromkeys((*_GATEWAYS_OF_ONES_OWN, *named)))


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        else:
            yield prefix + item.name, item
