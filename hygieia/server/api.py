"""Routes that say all of themselves: role, body, query, limits, answers and problems.

A route is declared once, at its handler, and three readers use the declaration: this module binds
and validates requests by it, ``openapi`` describes it, the tests walk it. A handler is a function
``async def name(call, [path], [query], [body]) -> Model | Answer | None``; the annotations of its
arguments are the schemas that a request must satisfy before the handler runs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias, TypedDict, Unpack, get_type_hints

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from hygieia.errors import HygieiaError, InvalidInput, NotSignedIn
from hygieia.limits import MAX_JSON_BODY_BYTES
from hygieia.server.callers import COOKIE_NAME, Caller
from hygieia.server.idempotency import Finished
from hygieia.server.problems import RequestRefused, from_validation_error
from hygieia.server.services import Services

JSON_MEDIA_TYPE: Final = "application/json"
PARSE_IN_THREAD_BYTES: Final = 32 * 1024
_ETAG = re.compile(r'"([0-9]{1,16})"')


Handler: TypeAlias = Callable[..., Awaitable["Answer | BaseModel | None"]]
Look: TypeAlias = Callable[..., Awaitable[None]]


class Model(BaseModel):
    """A schema of the API: unknown fields are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Parameters(BaseModel):
    """A schema of path or query parameters, which arrive as text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Role(Enum):
    """Who may call a route."""

    PUBLIC = "public"
    ACCOUNT = "account"


class IfMatch(Enum):
    """Whether a route takes the ``rev`` that the caller last saw."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Repeats(Enum):
    """What a repetition of an unsafe request under its ``Idempotency-Key`` does.

    ``KEPT``: it is given the first answer, for a day. ``KEPT_FOR_TOKEN``: also where the first has
    ended the session whose token it bears. ``HARMLESS``: it is done again, which asks or stores
    what is there already; the key is taken and makes no difference.
    """

    KEPT = "kept"
    KEPT_FOR_TOKEN = "kept for token"  # noqa: S105  (a word of ours, no password)
    HARMLESS = "harmless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a route says of itself.

    ``max_body_bytes`` bounds what is read before anything is parsed. ``body_media_type`` marks a
    body that the handler reads itself (a CAR). ``repeats`` matters to unsafe methods only.
    ``look`` takes what the handler takes, and refuses who may not try now, counting and writing
    nothing: who is over a limit claims no ``Idempotency-Key``.
    """

    role: Role = Role.ACCOUNT
    status: int = 200
    other_statuses: Mapping[int, str] = field(default_factory=dict)
    if_match: IfMatch = IfMatch.NONE
    max_body_bytes: int = MAX_JSON_BODY_BYTES
    body_media_type: str | None = None
    repeats: Repeats = Repeats.KEPT
    look: Look | None = None
    problems: tuple[type[HygieiaError], ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its declaration, the handler and the schemas of what it takes and gives."""

    method: str
    path: str
    tag: str
    handler: Handler
    answer: type[BaseModel] | None
    says: Declaration
    models: Mapping[str, type[BaseModel]]

    @property
    def operation(self) -> str:
        """The operation's name in the OpenAPI document: the handler's."""
        return self.handler.__name__

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().split("\n", 1)[0]

    @property
    def description(self) -> str:
        """The rest of the handler's docstring, a paragraph a line."""
        rest = (self.handler.__doc__ or "").strip().partition("\n")[2]
        paragraphs = re.split(r"\n\s*\n", rest.strip())
        return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)

    @property
    def unsafe(self) -> bool:
        """Whether the method changes something (RFC 9110 §9.2.1)."""
        return self.method not in {"GET", "HEAD", "OPTIONS"}

    @property
    def keeps_answers(self) -> bool:
        """Whether a repetition under an ``Idempotency-Key`` is given the first answer."""
        return self.unsafe and self.says.repeats is not Repeats.HARMLESS


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given besides its validated arguments."""

    request: web.Request
    services: Services
    signed_in: Caller | None
    if_match: int | None

    @property
    def caller(self) -> Caller:
        """The session that calls. Raises ``NotSignedIn`` where a public route has none."""
        if self.signed_in is None:
            raise NotSignedIn("This needs a session.")
        return self.signed_in

    @property
    def rev(self) -> int:
        """The ``rev`` of a route that requires ``If-Match``."""
        if self.if_match is None:
            raise RequestRefused("precondition-required", "Say in If-Match which rev you read.")
        return self.if_match


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is more than its model: another status, headers, a cookie ("" ends it)."""

    model: BaseModel | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookie: str | None = None


class _Says(TypedDict, total=False):
    """The arguments of ``Routes.add``: those of ``Declaration``."""

    role: Role
    status: int
    other_statuses: Mapping[int, str]
    if_match: IfMatch
    max_body_bytes: int
    body_media_type: str | None
    repeats: Repeats
    look: Look | None
    problems: tuple[type[HygieiaError], ...]


class Routes:
    """The declared routes of one noun."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.declared: list[Route] = []

    def add(
        self, method: str, path: str, answer: type[BaseModel] | None, **says: Unpack[_Says]
    ) -> Callable[[Handler], Handler]:
        """Declare the decorated handler as a route that answers with ``answer`` (None: nothing)."""

        def declare(handler: Handler) -> Handler:
            hints = get_type_hints(handler)
            models: dict[str, type[BaseModel]] = {
                name: hints[name] for name in ("path", "query", "body") if name in hints
            }
            declaration = Declaration(**says)
            self.declared.append(
                Route(method, path, self.tag, handler, answer, declaration, models)
            )
            return handler

        return declare


async def bind(route: Route, call: Call) -> dict[str, BaseModel]:
    """Validate what the request brings against the route's schemas.

    Raises:
        FieldsRefused: a field breaks its schema.
        RequestRefused: wrong media type, too large, no ``If-Match`` where one is required.
    """
    request = call.request
    bound: dict[str, BaseModel] = {}
    try:
        if "path" in route.models:
            bound["path"] = route.models["path"].model_validate(dict(request.match_info))
        if "query" in route.models:
            bound["query"] = route.models["query"].model_validate(_query_of(request))
        elif request.query:
            raise RequestRefused("usage", "This address takes no query.")
        if "body" in route.models:
            _require_media_type(request, JSON_MEDIA_TYPE)
            data = await read_body(request, route.says.max_body_bytes)
            bound["body"] = await _parse(route.models["body"], data)
    except ValidationError as error:
        raise from_validation_error(error) from None
    if "body" not in route.models:
        await _refuse_stray_body(route, request)
    return bound


def read_if_match(route: Route, request: web.Request) -> int | None:
    """The ``rev`` in ``If-Match``; None where the route does not ask for it or it is absent.

    Raises:
        RequestRefused: 428 where the route requires one.
        InvalidInput: it is not one strong ETag of ours.
    """
    if route.says.if_match is IfMatch.NONE:
        return None
    text = request.headers.get("If-Match")
    if text is None:
        if route.says.if_match is IfMatch.REQUIRED:
            raise RequestRefused(
                "precondition-required", "Say in If-Match which rev this change is based on."
            )
        return None
    match = _ETAG.fullmatch(text.strip())
    if match is None:
        raise InvalidInput('If-Match must be one ETag as the server gave it, such as "3".')
    return int(match[1])


async def read_body(request: web.Request, max_bytes: int) -> bytes:
    """The whole body, or ``RequestRefused`` (413) as soon as it is known to be over ``max_bytes``."""
    if request.content_length is not None and request.content_length > max_bytes:
        raise RequestRefused("too-large", f"The body may have {max_bytes} bytes at most.")
    pieces: list[bytes] = []
    total = 0
    async for piece in request.content.iter_any():
        total += len(piece)
        if total > max_bytes:
            raise RequestRefused("too-large", f"The body may have {max_bytes} bytes at most.")
        pieces.append(piece)
    return b"".join(pieces)


async def _parse(model: type[BaseModel], data: bytes) -> BaseModel:
    if len(data) > PARSE_IN_THREAD_BYTES:
        return await asyncio.to_thread(model.model_validate_json, data)
    return model.model_validate_json(data)


async def _refuse_stray_body(route: Route, request: web.Request) -> None:
    if route.says.body_media_type is not None:
        _require_media_type(request, route.says.body_media_type)
    elif await request.content.read(1):
        raise RequestRefused("usage", "This address takes no body.")


def _require_media_type(request: web.Request, media_type: str) -> None:
    if request.content_type != media_type:
        raise RequestRefused("unsupported-media-type", f"The body must be {media_type}.")


def _query_of(request: web.Request) -> dict[str, object]:
    query: dict[str, object] = {}
    for name in request.query:
        values = request.query.getall(name)
        query[name] = values[0] if len(values) == 1 else values
    return query


def finish(route: Route, result: Answer | BaseModel | None) -> Finished:
    """A handler's result as it is answered. A ``rev`` in it becomes the ETag."""
    answer = result if isinstance(result, Answer) else Answer(result)
    headers = dict(answer.headers)
    if answer.model is None:
        return Finished(answer.status or 204, "", headers, answer.cookie)
    rev = getattr(answer.model, "rev", None)
    if isinstance(rev, int):
        headers["ETag"] = f'"{rev}"'
    text = answer.model.model_dump_json()
    return Finished(answer.status or route.says.status, text, headers, answer.cookie)


def respond(finished: Finished) -> web.Response:
    """A finished answer as a response."""
    response = web.Response(status=finished.status)
    if finished.text:
        response = web.Response(
            status=finished.status, body=finished.text.encode(), content_type=JSON_MEDIA_TYPE
        )
    response.headers.update(finished.headers)
    if finished.cookie is not None:
        _set_cookie(response, finished.cookie)
    return response


def _set_cookie(response: web.Response, token: str) -> None:
    """Set the session's cookie, or with an empty token end it (docs/spec/09-accounts.md §3)."""
    response.set_cookie(
        COOKIE_NAME,
        token,
        max_age=None if token else 0,
        path="/",
        secure=True,
        httponly=True,
        samesite="Strict",
    )
