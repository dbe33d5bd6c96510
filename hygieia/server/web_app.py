"""The web app's built bundle, served as package data (``hygieia/web_dist``, made by ``vite build``).

Every file is read once, at the start. Names under ``assets/`` hold a digest of their content, so
browsers keep them for good; the page that names them is asked for anew. The page may speak to this
server alone. The engine's worker, which shows nothing, may also reach gateways: a worker's policy
is that of its own script. Those beside it reach what their one task needs, which is mostly nothing.
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
_TRUSTED: Final = "require-trusted-types-for 'script'; trusted-types"
_NOTHING: Final = "default-src 'none'; connect-src 'none'"
_ENGINE_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    f"{_TRUSTED} hygieia-worker; connect-src {{}}"
)
_COURIER_POLICY: Final = f"default-src 'none'; connect-src 'self'; {_TRUSTED} 'none'"
_DIGEST_POLICY: Final = f"{_NOTHING}; script-src 'self' 'wasm-unsafe-eval'; {_TRUSTED} 'none'"
_HASH_POLICY: Final = f"{_NOTHING}; {_TRUSTED} 'none'"
# pdf.js decodes strangers' files: it compiles its own decoders, and reaches nothing.
_PDF_POLICY: Final = _DIGEST_POLICY
# A person may name any gateway: https ones, and those of her own machine.
_GATEWAYS_OF_ONES_OWN: Final = ("'self'", "https:", "http://localhost:*", "http://127.0.0.1:*")
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_ASK_ANEW: Final = "no-cache"
_ENGINE_PREFIX: Final = "assets/worker-main-"
# Workers that show nothing and hold no key, by the start of their names.
_HAND_POLICIES: Final = {
    "assets/worker-courier-": _COURIER_POLICY,
    "assets/worker-digest-": _DIGEST_POLICY,
    "assets/worker-hash-": _HASH_POLICY,
    "assets/pdf.worker": _PDF_POLICY,
}
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
    if suffix in {".html", ".js", ".mjs"}:
        headers["Content-Security-Policy"] = _policy(name, gateways)
    return headers


def _policy(name: str, gateways: Sequence[str]) -> str:
    if name.startswith(_ENGINE_PREFIX):
        return _ENGINE_POLICY.format(_reachable(gateways))
    hands = (policy for start, policy in _HAND_POLICIES.items() if name.startswith(start))
    return next(hands, _PAGE_POLICY)


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
