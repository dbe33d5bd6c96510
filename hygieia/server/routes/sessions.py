"""Sessions: sign-in, sign-out, the list of devices."""

from __future__ import annotations

from hygieia.domain.activity import Event
from hygieia.errors import CredentialsError, NotFound, TooManyAttempts
from hygieia.openpgp.times import format_time
from hygieia.server.account_answers import origin_of, signed_in_answer
from hygieia.server.activity import record, record_started
from hygieia.server.api import Answer, Call, Repeats, Role, Routes
from hygieia.server.schemas.accounts import (
    SessionOut,
    SessionPath,
    SessionsOut,
    SignedIn,
    SignIn,
)

routes = Routes("sessions")


async def _look(call: Call, body: SignIn) -> None:
    await call.services.identity.sign_in.look(body.email, origin_of(call, device=body.device))


@routes.add(
    "POST",
    "/api/v1/sessions",
    SignedIn,
    role=Role.PUBLIC,
    status=201,
    look=_look,
    problems=(CredentialsError, TooManyAttempts),
)
async def sign_in(call: Call, body: SignIn) -> Answer:
    """Start a session.

    An unknown email and a wrong password are answered alike. With ``cookie`` the token goes into
    the cookie ``__Host-hygieia`` and is null in the answer.
    """
    origin = origin_of(call, device=body.device, label=body.label)
    started = await call.services.identity.sign_in.start(body.email, body.login_secret, origin)
    await record_started(call, Event.SIGNED_IN, started)
    return await signed_in_answer(call, started, cookie=body.cookie)


@routes.add("GET", "/api/v1/sessions", SessionsOut)
async def list_sessions(call: Call) -> SessionsOut:
    """List the account's live sessions."""
    caller = call.caller
    sessions = await call.services.identity.sessions.list(caller.account)
    items = [
        SessionOut(
            id=session.id,
            created=format_time(session.created),
            last_used=format_time(session.last_used),
            expires=format_time(session.expires),
            label=session.label,
            address=session.address,
            current=session.id == caller.session.id,
        )
        for session in sessions
    ]
    return SessionsOut(items=items)


@routes.add("DELETE", "/api/v1/sessions/current", None, repeats=Repeats.KEPT_FOR_TOKEN)
async def sign_out(call: Call) -> Answer:
    """End this session."""
    caller = call.caller
    await call.services.identity.sessions.end(caller.account_id, caller.session.id)
    await record(call, Event.SIGNED_OUT)
    return Answer(None, cookie="")


@routes.add(
    "DELETE",
    "/api/v1/sessions/{session}",
    None,
    repeats=Repeats.KEPT_FOR_TOKEN,
    problems=(NotFound,),
)
async def end_session(call: Call, path: SessionPath) -> None:
    """End one session."""
    caller = call.caller
    await call.services.identity.sessions.end(caller.account_id, path.session)
    own = path.session == caller.session.id
    await record(call, Event.SIGNED_OUT if own else Event.SESSION_ENDED)


@routes.add("DELETE", "/api/v1/sessions", None)
async def end_other_sessions(call: Call) -> None:
    """End all sessions but this one."""
    caller = call.caller
    await call.services.identity.sessions.end_all(caller.account_id, but=caller.session.id)
    await record(call, Event.SESSION_ENDED)
