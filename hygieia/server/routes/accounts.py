"""Accounts: sign-up, the sealed key, the recovery seal, reset, deletion."""

from __future__ import annotations

from hygieia.domain.activity import Event
from hygieia.domain.registration import NewAccount
from hygieia.domain.reset import ResetProof
from hygieia.domain.seals import RecoverySeal, Seal
from hygieia.errors import (
    CertificateRefused,
    Conflict,
    CredentialsError,
    Duplicate,
    Forbidden,
    NoteRefused,
    StaleRevision,
    TooManyAttempts,
)
from hygieia.openpgp.times import format_time
from hygieia.server.account_answers import (
    account_out,
    kdf_out,
    kdf_params,
    origin_of,
    signed_in_answer,
)
from hygieia.server.activity import record, record_started
from hygieia.server.api import Answer, Call, IfMatch, Repeats, Role, Routes
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


async def _look_at_sign_ups(call: Call, body: SignUp) -> None:
    await call.services.identity.registration.look(origin_of(call))


async def _look_at_resets(call: Call, body: ResetIn) -> None:
    await call.services.identity.reset.look(origin_of(call))


@routes.add(
    "POST",
    "/api/v1/accounts",
    SignedIn,
    role=Role.PUBLIC,
    status=201,
    look=_look_at_sign_ups,
    problems=(Forbidden, Duplicate, CertificateRefused, TooManyAttempts),
)
async def sign_up(call: Call, body: SignUp) -> Answer:
    """Open an account and start its first session."""
    new = NewAccount(
        account=body.account,
        email=body.email,
        name=body.name,
        seal=Seal(
            kdf=kdf_params(body.kdf),
            certificate=body.certificate,
            sealed_key=body.sealed_key,
            mac=body.seal_mac,
            login_secret=body.login_secret,
        ),
        recovery=RecoverySeal(body.recovery_key, body.recovery_mac, body.revocation),
        ipns_name=body.ipns_name,
        invite=body.invite,
    )
    origin = origin_of(call, label=body.label)
    started = await call.services.identity.registration.sign_up(new, origin)
    await record_started(call, Event.SIGNED_UP, started)
    return await signed_in_answer(call, started, cookie=body.cookie)


@routes.add(
    "POST",
    "/api/v1/sign-in/parameters",
    ParametersOut,
    role=Role.PUBLIC,
    repeats=Repeats.HARMLESS,
    problems=(TooManyAttempts,),
)
async def sign_in_parameters(call: Call, body: ParametersIn) -> ParametersOut:
    """Tell the stretching parameters of an email.

    An unknown email gets an account id too, always the same one, and parameters that some account
    has: the answer does not tell who has an account.
    """
    origin = origin_of(call, device=body.device)
    parameters = await call.services.identity.sign_in.parameters(body.email, origin)
    return ParametersOut(account=parameters.account, kdf=kdf_out(parameters.kdf))


@routes.add("GET", "/api/v1/account", AccountOut)
async def read_account(call: Call) -> AccountOut:
    """Read one's own account."""
    return await account_out(call, call.caller.account)


@routes.add(
    "PUT",
    "/api/v1/account/seal",
    AccountOut,
    if_match=IfMatch.REQUIRED,
    problems=(CredentialsError, StaleRevision, TooManyAttempts),
)
async def change_seal(call: Call, body: SealIn) -> AccountOut:
    """Change the password: the same key sealed again. Ends all other sessions."""
    seal = Seal(
        kdf=kdf_params(body.kdf),
        certificate=body.seal_certificate,
        sealed_key=body.sealed_key,
        mac=body.seal_mac,
        login_secret=body.login_secret,
    )
    changed = await call.services.identity.accounts.change_seal(
        call.caller.signed_in, call.rev, body.current_login_secret, seal
    )
    await record(call, Event.PASSWORD_CHANGED)
    return await account_out(call, changed)


@routes.add(
    "PUT",
    "/api/v1/account/recovery",
    AccountOut,
    if_match=IfMatch.REQUIRED,
    problems=(CredentialsError, StaleRevision, TooManyAttempts),
)
async def change_recovery(call: Call, body: RecoveryIn) -> AccountOut:
    """Store what a new recovery code seals."""
    changed = await call.services.identity.accounts.change_recovery(
        call.caller.signed_in,
        call.rev,
        body.current_login_secret,
        RecoverySeal(body.recovery_key, body.recovery_mac, body.revocation),
    )
    await record(call, Event.KIT_CHANGED)
    return await account_out(call, changed)


@routes.add(
    "POST",
    "/api/v1/account/reset/start",
    ResetStarted,
    role=Role.PUBLIC,
    repeats=Repeats.HARMLESS,
    problems=(TooManyAttempts,),
)
async def start_reset(call: Call, body: ResetStart) -> ResetStarted:
    """Begin the reset of a forgotten password: gives a nonce for the account's key to sign.

    An unknown email gets one too.
    """
    origin = origin_of(call, device=body.device)
    started = await call.services.identity.reset.start(body.email, origin)
    return ResetStarted(
        account=started.account, nonce=started.nonce, expires=format_time(started.expires)
    )


@routes.add(
    "POST",
    "/api/v1/account/reset",
    SignedIn,
    role=Role.PUBLIC,
    status=201,
    look=_look_at_resets,
    problems=(CredentialsError, Conflict, NoteRefused, TooManyAttempts),
)
async def reset_password(call: Call, body: ResetIn) -> Answer:
    """Set a new password by the account's own key. Ends all sessions and starts one."""
    seal = Seal(
        kdf=kdf_params(body.kdf),
        certificate=body.seal_certificate,
        sealed_key=body.sealed_key,
        mac=body.seal_mac,
        login_secret=body.login_secret,
    )
    proof = ResetProof(body.note, body.signature, body.nonce)
    origin = origin_of(call, label=body.label)
    started = await call.services.identity.reset.finish(body.email, proof, seal, origin)
    await record_started(call, Event.PASSWORD_RESET, started)
    return await signed_in_answer(call, started, cookie=body.cookie)


@routes.add(
    "POST",
    "/api/v1/account/delete",
    None,
    repeats=Repeats.KEPT_FOR_TOKEN,
    problems=(CredentialsError, Conflict, TooManyAttempts),
)
async def delete_account(call: Call, body: DeleteAccountIn) -> Answer:
    """Delete the account, its reports and its index. Nothing brings them back."""
    await call.services.identity.accounts.delete(
        call.caller.signed_in, body.confirm, body.login_secret
    )
    call.services.lifecycle.sweep_wanted.set()
    return Answer(None, cookie="")
