"""One HTTP connection to the vault's server: JSON calls, problems turned into our errors.

The server is not trusted (docs/threat-model.md): its words are cut and cleaned before anyone prints
them, its answers are bounded in size, and redirects are never followed with a token in hand.
"""

from __future__ import annotations

import asyncio
import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import aiohttp

from hygieia import __version__, errors
from hygieia.errors import (
    BlockMissing,
    Failed,
    HygieiaError,
    TooManyAttempts,
    Unavailable,
    Unreachable,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from types import TracebackType

    Piece = bytes | memoryview

MAX_ANSWER_BYTES: Final = 16 << 20
_MAX_MESSAGE_CHARACTERS: Final = 300
_ATTEMPTS: Final = 4
_FIRST_WAIT_SECONDS: Final = 0.25
_LONGEST_WAIT_SECONDS: Final = 30.0
_LONGEST_RETRY_AFTER_SECONDS: Final = 86_400
_CONNECT_SECONDS: Final = 10
_SILENCE_SECONDS: Final = 60
_RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its status, its JSON (None when there is no body), its ETag."""

    status: int
    document: dict[str, Any]
    etag: str | None


def _codes(kind: type[HygieiaError]) -> dict[str, type[HygieiaError]]:
    found = {kind.code: kind}
    for child in kind.__subclasses__():
        if child.__module__ == HygieiaError.__module__:
            found |= _codes(child)
    return found


ERRORS_BY_CODE: Final = _codes(HygieiaError) | {"failed": Failed}


class Transport:
    """Calls to one server. Use as an async context manager."""

    def __init__(self, server: str, *, token: str | None = None) -> None:
        self.server = checked_server(server)
        self.token = token
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # auto_decompress off: we ask for no compression, so none is a bomb (CL-07's mirror).
            auto_decompress=False,
            headers={"User-Agent": f"hygieia/{__version__}", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS
            ),
            connector=aiohttp.TCPConnector(limit=8),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session, for a gateway reader that shares its connections."""
        if self._session is None:
            raise UsageError("The transport is not open: use it with `async with`.")
        return self._session

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        if_match: int | None = None,
        repeatable: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Send one JSON request.

        Args:
            method: the HTTP method.
            path: below ``/api/v1``, with a leading slash.
            body: the JSON body.
            query: query parameters.
            if_match: the ``rev`` this change is based on.
            repeatable: whether to try again after a lost connection; default: GET, PUT and DELETE,
                and whatever bears an idempotency key.
            idempotency_key: lets the server recognise a repetition.

        Raises:
            HygieiaError: the error the problem document names, or Unreachable.
        """
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        if repeatable is None:
            repeatable = method in {"GET", "PUT", "DELETE"} or idempotency_key is not None
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        return await self.send(method, path, data, headers, query=query, repeatable=repeatable)

    async def send(
        self,
        method: str,
        path: str,
        data: bytes | Callable[[], AsyncIterator[Piece]] | None,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str | int] | None = None,
        repeatable: bool = False,
    ) -> Answer:
        """Send a request with a raw body: bytes, or a function that streams it afresh each try."""
        wait = _FIRST_WAIT_SECONDS
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS or not repeatable
            try:
                return await self._once(method, path, data, headers, query)
            except (Unavailable, TooManyAttempts) as error:
                if last or error.retry_after_seconds > _LONGEST_WAIT_SECONDS:
                    raise
                wait = max(wait, float(error.retry_after_seconds))
            except Unreachable:
                if last:
                    raise
            await asyncio.sleep(wait)
            wait = min(wait * 3, _LONGEST_WAIT_SECONDS)
        raise Unreachable(f"The server {self.server} does not answer.")

    async def _once(
        self,
        method: str,
        path: str,
        data: bytes | Callable[[], AsyncIterator[Piece]] | None,
        headers: Mapping[str, str],
        query: Mapping[str, str | int] | None,
    ) -> Answer:
        if self.token is not None:
            headers = {**headers, "Authorization": f"Bearer {self.token}"}
        try:
            async with self.session.request(
                method,
                f"{self.server}/api/v1{path}",
                data=data() if callable(data) else data,
                headers=headers,
                params=query,
                allow_redirects=False,
            ) as response:
                raw = await _read_bounded(response)
                return _answer(response, raw)
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise Unreachable(
                f"The server {self.server} cannot be reached.",
                hint="Is it running? Check the address, then try again. ls, info, get and cat need no server "
                "where a gateway has the vault: --gateway URL",
            ) from None


def checked_server(server: str) -> str:
    """The server's origin without a trailing slash.

    Raises:
        UsageError: it is not an http or https address.
    """
    refused = UsageError(
        "The server's address is not understood.",
        hint="Give it as http://localhost:8460 or https://vault.example.org.",
    )
    try:
        parts = urlsplit(server)
        port = parts.port
    except ValueError:
        raise refused from None
    named = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    if not named or parts.query or parts.fragment or parts.username is not None:
        raise refused
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    pieces: list[bytes] = []
    total = 0
    async for piece in response.content.iter_any():
        total += len(piece)
        if total > MAX_ANSWER_BYTES:
            raise Failed("The server's answer is larger than any answer may be; it was not read.")
        pieces.append(piece)
    return b"".join(pieces)


def _answer(response: aiohttp.ClientResponse, raw: bytes) -> Answer:
    document = _json_object(raw)
    if 200 <= response.status < 300:
        if document is None and raw:
            raise Failed("The server answered with something that is not JSON.")
        return Answer(response.status, document or {}, response.headers.get("ETag"))
    raise _error_of(response, document or {})


def _json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _error_of(response: aiohttp.ClientResponse, problem: dict[str, Any]) -> HygieiaError:
    """Turn a problem document (RFC 9457) into the error its code names."""
    message = plain_words(problem.get("detail") or problem.get("title"))
    message = message or f"The server answered {response.status}."
    default = _kind_of_status(response.status)
    return named_error(problem, message, default, retry_after_seconds=_retry_after(response))


def named_error(
    problem: dict[str, Any],
    message: str,
    default: type[HygieiaError],
    *,
    retry_after_seconds: int = 5,
) -> HygieiaError:
    """The error whose code a problem names, with the hint that we have for it, not the server's."""
    kind = ERRORS_BY_CODE.get(str(problem.get("code")), default)
    if issubclass(kind, TooManyAttempts | Unavailable):
        hint = f"Try again in {retry_after_seconds} s."
        return kind(message, retry_after_seconds=retry_after_seconds, hint=hint)
    missing = problem.get("missing")
    if issubclass(kind, BlockMissing) and isinstance(missing, list):
        return kind(message, missing=[str(cid)[:128] for cid in missing[:4096]])
    return kind(message)


def _kind_of_status(status: int) -> type[HygieiaError]:
    by_status: dict[int, type[HygieiaError]] = {
        401: errors.NotSignedIn,
        403: errors.Forbidden,
        404: errors.NotFound,
        409: errors.Conflict,
        412: errors.StaleRevision,
        429: TooManyAttempts,
        507: errors.StorageFull,
    }
    if status in by_status:
        return by_status[status]
    return Unavailable if status in _RETRIED_STATUSES else Failed


def _retry_after(response: aiohttp.ClientResponse) -> int:
    value = response.headers.get("Retry-After", "")[:9]
    return min(int(value), _LONGEST_RETRY_AFTER_SECONDS) if _is_number(value) else 1


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit()


def plain_words(text: object) -> str:
    """A stranger's text made safe to print: one line, no control characters, not too long."""
    if not isinstance(text, str):
        return ""
    kept = "".join(" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in text)
    return " ".join(kept.split())[:_MAX_MESSAGE_CHARACTERS]
