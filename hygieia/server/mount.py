"""Putting declared routes into the application: who calls, what is asked, what is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hygieia.server.api import (
    JSON_MEDIA_TYPE,
    Call,
    Role,
    Route,
    bind,
    read_if_match,
    respond,
)
from hygieia.server.callers import (
    Caller,
    authenticate,
    refuse_foreign_origin,
    require_own_page,
)
from hygieia.server.idempotency import KeptAnswer
from hygieia.server.middleware import SERVICES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pydantic import BaseModel

    from hygieia.server.services import Services


def mount(app: web.Application, routes: Iterable[Route]) -> None:
    """Add every route's handler to the application."""
    for route in routes:
        app.router.add_route(route.method, route.path, _handler(route))


def _handler(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        caller = await _admit(route, request, services)
        call = Call(request, services, caller, read_if_match(route, request))
        arguments = await bind(route, call)
        key = request.headers.get("Idempotency-Key")
        if route.says.repeatable and key is not None:
            return await _once(route, call, arguments, key)
        return respond(route, await route.handler(call, **arguments))

    return handle


async def _admit(route: Route, request: web.Request, services: Services) -> Caller | None:
    """Check the request's origin and find out who calls."""
    if route.unsafe:
        refuse_foreign_origin(request, services.origins)
    if route.says.role is Role.PUBLIC:
        return None
    caller = await authenticate(request, services.identity.sessions)
    if route.unsafe and caller.by_cookie:
        require_own_page(request, services.origins)
    return caller


async def _once(
    route: Route, call: Call, arguments: dict[str, BaseModel], key: str
) -> web.Response:
    async def work() -> KeptAnswer:
        response = respond(route, await route.handler(call, **arguments))
        body = response.body
        text = bytes(body).decode() if isinstance(body, bytes | bytearray) else ""
        return KeptAnswer(response.status, text, response.headers.get("ETag"))

    asked = "\n".join(f"{name} {model.model_dump_json()}" for name, model in arguments.items())
    owner = f"{call.caller.account_id} {route.operation}"
    answer, is_old = await call.services.idempotency.once(
        owner, key, f"{asked}\nif-match {call.if_match}", work
    )
    response = web.Response(
        status=answer.status, body=answer.text.encode(), content_type=JSON_MEDIA_TYPE
    )
    if answer.etag is not None:
        response.headers["ETag"] = answer.etag
    if is_old:
        response.headers["Idempotent-Replayed"] = "true"
    return response
