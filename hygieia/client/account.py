"""Changes to a signed-in account: password, recovery code, sessions, the end of it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from hygieia.client import answers, keyrings
from hygieia.client.passwords import check_new_password
from hygieia.client.session import (
    Session,
    Unlocked,
    kdf_json,
    saved_session,
    seal_session,
)
from hygieia.client.sign_up import Recovery, make_recovery, seal_anew
from hygieia.client.state import Profile, StateKey
from hygieia.client.to_do import ToDo
from hygieia.errors import (
    CredentialsError,
    InvalidInput,
    NotFound,
    NotSignedIn,
    StaleRevision,
    Unavailable,
    Unreachable,
    UsageError,
)
from hygieia.openpgp.kdf import DEFAULT_KDF, KdfParams, Stretched, normalise_email, stretch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hygieia.openpgp.sealing import SealedKey

_LEAST_PREFIX: Final = 6
_SEALED: Final = frozenset({"sealed_key", "seal_mac", "recovery_key", "recovery_mac"})


async def change_password(session: Session, *, current: str, new: str) -> None:
    """Seal the same key under a new password; every other session ends.

    The caller renews the index's session key next (docs/spec/13).

    Raises:
        CredentialsError: the current password is wrong.
        InvalidInput: the new one is not acceptable.
    """
    profile = session.profile
    new = check_new_password(new, email=profile.email, name=profile.name)
    old = await _stretch_pinned(profile, current)
    stretched = await asyncio.to_thread(stretch, new, profile.email, profile.account, DEFAULT_KDF)
    sealed = await asyncio.to_thread(
        seal_anew, session.key, stretched, profile.email, profile.account
    )
    rev = await _account_rev(session)
    body = {
        "current_login_secret": old.login_secret,
        "login_secret": stretched.login_secret,
        **_seal_json(sealed),
    }
    kept = saved_session(profile, session.unlocked.state_key)
    to_do = ToDo(session).read()
    await _store_sealed(session, "/account/seal", body, rev)
    _adopt(session, sealed, stretched, kept)
    ToDo(session).add(**to_do)
    if session.profile.keyring:
        await keep_unlocked(session)


async def renew_recovery(session: Session, *, password: str) -> Recovery:
    """Make a new recovery code and store what it seals; the old code opens no new kit."""
    stretched = await _stretch_pinned(session.profile, password)
    recovery = await asyncio.to_thread(make_recovery, session.key)
    rev = await _account_rev(session)
    body = {"current_login_secret": stretched.login_secret, **recovery.to_json()}
    await _store_sealed(session, "/account/recovery", body, rev)
    return recovery


async def delete_account(session: Session, *, confirm: str, password: str) -> None:
    """Delete the account with everything in it, and forget it on this device."""
    if normalise_email(confirm) != session.profile.email:
        raise UsageError("The address typed is not this account's; nothing was deleted.")
    stretched = await _stretch_pinned(session.profile, password)
    body = {"confirm": session.profile.email, "login_secret": stretched.login_secret}
    with _naming_another_password():
        await session.transport.call("POST", "/account/delete", body=body)
    await asyncio.to_thread(keyrings.forget, session.profile.account)
    session.store.forget()


async def sign_out(session: Session) -> bool:
    """End this device's session; what the device has pinned stays for the next sign-in.

    Returns:
        Whether the server was told. If it cannot be reached the token is forgotten here all the
        same, and its session ends by itself.
    """
    told = True
    try:
        await session.transport.call("DELETE", "/sessions/current")
    except NotSignedIn:
        pass  # It had ended already.
    except (Unreachable, Unavailable):
        told = False
    await _forget_token(session)
    return told


async def _forget_token(session: Session) -> None:
    await asyncio.to_thread(keyrings.forget, session.profile.account)
    state_key = session.unlocked.state_key
    device = saved_session(session.profile, state_key)["device"]
    profile = replace(session.profile, keyring=False)
    # The device's token stays, sealed: strangers' guesses must not lock out a device she has used.
    session.remember(seal_session(profile, state_key, token=None, session=None, device=device))


async def list_sessions(session: Session) -> list[dict[str, Any]]:
    """The account's sessions, as the server tells them."""
    return answers.parts((await session.transport.call("GET", "/sessions")).document, "items")


async def end_sessions(session: Session, names: Sequence[str]) -> list[dict[str, Any]]:
    """End sessions, each named by its id or the beginning of one; those that are left.

    To end the one in use is to sign out.

    Raises:
        NotFound: there is no such session; none was ended.
        InvalidInput: a beginning that is too short or another session's too.
    """
    items = await list_sessions(session)
    wanted = {item["id"]: item for item in (_session_named(items, name) for name in names)}
    for item in sorted(wanted.values(), key=lambda item: bool(item["current"])):
        if item["current"]:
            await sign_out(session)
        else:
            with contextlib.suppress(NotFound):
                await session.transport.call("DELETE", f"/sessions/{item['id']}")
    return [item for item in items if item["id"] not in wanted]


def _session_named(items: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    if len(name) < _LEAST_PREFIX:
        raise InvalidInput(f"A session is named by {_LEAST_PREFIX} or more characters of its id.")
    found = [item for item in items if str(item["id"]).startswith(name)]
    if not found:
        raise NotFound("The account has no such session.", hint="See: hygieia sessions")
    if len(found) > 1:
        raise InvalidInput("More than one session begins so: give more of its id.")
    return found[0]


async def keep_unlocked(session: Session) -> bool:
    """Keep the key open in the system's keyring; whether there is one."""
    profile = session.profile
    kept = await asyncio.to_thread(keyrings.keep, profile.account, session.unlocked.seal_passphrase)
    if kept != profile.keyring:
        session.remember(replace(profile, keyring=kept))
    return kept


async def _account_rev(session: Session) -> int:
    return answers.number((await session.transport.call("GET", "/account")).document, "rev")


async def _stretch_pinned(profile: Profile, password: str) -> Stretched:
    """Stretch the current password again; raises CredentialsError when it is another one."""
    params = KdfParams(**profile.kdf)
    stretched = await asyncio.to_thread(stretch, password, profile.email, profile.account, params)
    saved_session(profile, StateKey(stretched.seal_passphrase))
    return stretched


async def _store_sealed(session: Session, path: str, body: Mapping[str, Any], rev: int) -> None:
    try:
        with _naming_another_password():
            await session.transport.call("PUT", path, body=body, if_match=rev)
    except StaleRevision:
        # It may be our own change that won, whose answer was lost on the way.
        account = (await session.transport.call("GET", "/account")).document
        if any(account.get(name) != body[name] for name in _SEALED & body.keys()):
            raise


@contextlib.contextmanager
def _naming_another_password() -> Iterator[None]:
    """Say where to go on when the server refuses the password that opens this device's key.

    It has a new one then: of another device, or of a change whose answer never came here.
    """
    try:
        yield
    except CredentialsError as error:
        if type(error) is not CredentialsError:
            raise
        raise CredentialsError(
            "The account has another password by now than this device.",
            hint="Was it changed elsewhere, or here just before the connection broke off? Then sign "
            "in with the new one: hygieia login EMAIL",
        ) from error


def _adopt(session: Session, sealed: SealedKey, stretched: Stretched, kept: dict[str, Any]) -> None:
    """Pin the new seal on this device, with the session that stays."""
    state_key = StateKey(stretched.seal_passphrase)
    profile = replace(
        session.profile,
        kdf=kdf_json(sealed.params),
        seal_certificate=sealed.certificate,
        sealed_key=sealed.armored,
        seal_mac=sealed.mac,
    )
    session.remember(seal_session(profile, state_key, **kept))
    session.unlocked = Unlocked(session.key, state_key, stretched.seal_passphrase)


def _seal_json(sealed: SealedKey) -> dict[str, Any]:
    return {
        "kdf": kdf_json(sealed.params),
        "seal_certificate": sealed.certificate,
        "sealed_key": sealed.armored,
        "seal_mac": sealed.mac,
    }
