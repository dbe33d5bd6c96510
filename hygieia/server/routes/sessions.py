"""Sessions: sign-in, sign-out, the list of devices."""

from __future__ import annotations

from hygieia.errors import CredentialsError, NotFound, TooManyAttempts, Unavailable
from hygieia.server.api import Answer, Call, Role, Routes
from hygieia.server.schemas.accounts import SessionPath, SessionsOut, SignedIn, SignIn

routes = Routes("sessions")


@routes.add(
    "POST",
    "/api/v1/sessions",
    SignedIn,
    role=Role.PUBLIC,
    status=201,
    problems=(CredentialsError, TooManyAttempts),
)
async def sign_in(call: Call, body: SignIn) -> Answer:
    """Start a session.

    An unknown email and a wrong password are answered alike. With ``cookie`` the token goes into
    the cookie ``__Host-hygieia`` and is null in the answer.
    """
    raise Unavailable("Not yet.")


@routes.add("GET", "/api/v1/sessions", SessionsOut)
async def list_sessions(call: Call) -> SessionsOut:
    """List the account's live sessions."""
    raise Unavailable("Not yet.")


@routes.add("DELETE", "/api/v1/sessions/current", None)
async def sign_out(call: Call) -> Answer:
    """End this session."""
    raise Unavailable("Not yet.")


@routes.add("DELETE", "/api/v1/sessions/{session}", None, problems=(NotFound,))
async def end_session(call: Call, path: SessionPath) -> None:
    """End one session."""
    raise Unavailable("Not yet.")


@routes.add("DELETE", "/api/v1/sessions", None)
async def end_other_sessions(call: Call) -> None:
    """End all sessions but this one."""
    raise Unavailable("Not yet.")
