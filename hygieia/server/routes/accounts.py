"""Accounts: sign-up, the sealed key, the recovery seal, reset, deletion."""

from __future__ import annotations

from hygieia.errors import (
    CertificateRefused,
    CredentialsError,
    Duplicate,
    Forbidden,
    NoteRefused,
    StaleRevision,
    TooManyAttempts,
    Unavailable,
)
from hygieia.server.api import Answer, Call, IfMatch, Role, Routes
from hygieia.server.schemas.accounts import (
    AccountOut,
    DeleteAccountIn,
    ParametersIn,
    ParametersOut,
    RecoveryIn,
    ResetIn,
    ResetStart,
    ResetStarted,
    SealIn,
    SignedIn,
    SignUp,
)

routes = Routes("accounts")


@routes.add(
    "POST",
    "/api/v1/accounts",
    SignedIn,
    role=Role.PUBLIC,
    status=201,
    problems=(Forbidden, Duplicate, CertificateRefused, TooManyAttempts),
)
async def sign_up(call: Call, body: SignUp) -> Answer:
    """Open an account and start its first session."""
    raise Unavailable("Not yet.")


@routes.add(
    "POST",
    "/api/v1/sign-in/parameters",
    ParametersOut,
    role=Role.PUBLIC,
    problems=(TooManyAttempts,),
)
async def sign_in_parameters(call: Call, body: ParametersIn) -> ParametersOut:
    """Tell the stretching parameters of an email.

    An unknown email gets parameters too, always the same ones: the answer does not tell who has an
    account.
    """
    raise Unavailable("Not yet.")


@routes.add("GET", "/api/v1/account", AccountOut)
async def read_account(call: Call) -> AccountOut:
    """Read one's own account."""
    raise Unavailable("Not yet.")


@routes.add(
    "PUT",
    "/api/v1/account/seal",
    AccountOut,
    if_match=IfMatch.REQUIRED,
    problems=(CredentialsError, StaleRevision, TooManyAttempts),
)
async def change_seal(call: Call, body: SealIn) -> AccountOut:
    """Change the password: the same key sealed again. Ends all other sessions."""
    raise Unavailable("Not yet.")


@routes.add(
    "PUT",
    "/api/v1/account/recovery",
    AccountOut,
    if_match=IfMatch.REQUIRED,
    problems=(CredentialsError, StaleRevision, TooManyAttempts),
)
async def change_recovery(call: Call, body: RecoveryIn) -> AccountOut:
    """Store what a new recovery code seals."""
    raise Unavailable("Not yet.")


@routes.add(
    "POST",
    "/api/v1/account/reset/start",
    ResetStarted,
    role=Role.PUBLIC,
    problems=(TooManyAttempts,),
)
async def start_reset(call: Call, body: ResetStart) -> ResetStarted:
    """Begin the reset of a forgotten password: gives a nonce for the account's key to sign.

    An unknown email gets one too.
    """
    raise Unavailable("Not yet.")


@routes.add(
    "POST",
    "/api/v1/account/reset",
    SignedIn,
    role=Role.PUBLIC,
    status=201,
    problems=(CredentialsError, NoteRefused, TooManyAttempts),
)
async def reset_password(call: Call, body: ResetIn) -> Answer:
    """Set a new password by the account's own key. Ends all sessions and starts one."""
    raise Unavailable("Not yet.")


@routes.add(
    "POST",
    "/api/v1/account/delete",
    None,
    problems=(CredentialsError, TooManyAttempts),
)
async def delete_account(call: Call, body: DeleteAccountIn) -> None:
    """Delete the account, its reports and its index. Nothing brings them back."""
    raise Unavailable("Not yet.")
