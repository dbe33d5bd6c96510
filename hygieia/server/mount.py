"""Putting declared routes into the application: who calls, what is asked, what is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.errors import NotSignedIn, TooManyAttempts
from hygieia.server.api import (
    Call,
    Repeats,
    Role,
    Route,
    bind,
    finish,
    read_if_match,
    respond,
)
from hygieia.server.callers import (
    Caller,
    authenticate,
    refuse_foreign_origin,
    require_own_page,
    token_of,
)
from hygieia.server.idempotency import Asked, Finished, require_key
from hygieia.server.middleware import SERVICES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from aiohttp import web
    from pydantic import BaseModel

    from hygieia.server.services import Services


def mount(app: web.Application, routes: Iterable[Route]) -> None:
    """Add every route's handler to the application."""
    for route in routes:
        handler = _handler(route)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, handler)  # RFC 9110 §9.1


def _handler(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        key = _key_of(route, request)
        try:
            caller = await _admit(route, request, services)
        except NotSignedIn:
            if key is None or route.says.repeats is not Repeats.KEPT_FOR_TOKEN:
                raise
            return await _answer_ended_session(route, request, key)
        call = Call(request, services, caller, read_if_match(route, request))
        arguments = await bind(route, call)

        async def work() -> Finished:
            return finish(route, await route.handler(call, **arguments))

        if key is None:
            return respond(await work())
        asked = _asked(route, call, arguments, key)
        if route.says.look is not None:
            try:
                await route.says.look(call, **arguments)
            except TooManyAttempts:
                # A repetition is none: what it counts may be the first request's own attempt.
                if not await services.idempotency.is_known(asked):
                    raise
        return _replayed(*await services.idempotency.once(asked, work))

    return handle


def _key_of(route: Route, request: web.Request) -> str | None:
    """The ``Idempotency-Key``, where it makes a difference. Raises ``InvalidInput``."""
    key = request.headers.get("Idempotency-Key")
    if key is None or not route.unsafe:
        return None
    require_key(key)
    return key if route.keeps_answers else None


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


async def _answer_ended_session(route: Route, request: web.Request, key: str) -> web.Response:
    """The answer kept for a request that ended its own session. Raises ``NotSignedIn``."""
    services = request.app[SERVICES]
    call = Call(request, services, None, read_if_match(route, request))
    arguments = await bind(route, call)
    kept = await services.idempotency.find(_asked(route, call, arguments, key))
    if kept is None:
        raise NotSignedIn("This needs a session.")
    return _replayed(kept, is_old=True)


def _asked(route: Route, call: Call, arguments: dict[str, BaseModel], key: str) -> Asked:
    """Who may repeat this request, and all that makes it this one."""
    parts = [f"{name} {model.model_dump_json()}" for name, model in arguments.items()]
    text = "\n".join([route.operation, *parts, f"if-match {call.if_match}"])
    if route.says.role is Role.PUBLIC:
        # Nobody is known to be asking: whoever sends the very same request is taken for the same.
        return Asked(f"anyone {text}", key, text)
    if route.says.repeats is Repeats.KEPT_FOR_TOKEN:
        return Asked(f"token {token_of(call.request)}", key, text)
    return Asked(f"account {call.caller.account_id}", key, text)


def _replayed(answer: Finished, is_old: bool) -> web.Response:
    response = respond(answer)
    if is_old:
        response.headers["Idempotent-Replayed"] = "true"
    return response
