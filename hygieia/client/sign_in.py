"""Sign-in, believing the server only as far as password and pins confirm it.

It learns the login secret only after its stretching parameters were found acceptable, and nothing
it sends is believed about "your" key that the key in hand does not confirm (docs/spec/02, 03;
threats MS-01 to MS-07).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from hygieia.client import answers
from hygieia.client.refusals import Refusals
from hygieia.client.session import (
    Session,
    new_profile,
    refuse_other_account,
    saved_session,
    start_session,
)
from hygieia.client.state import Profile, ProfileStore, StateKey
from hygieia.errors import (
    CredentialsError,
    IntegrityError,
    InvalidInput,
    KdfRefused,
    KeyMismatch,
    Rollback,
    SealedKeyRefused,
    TooManyAttempts,
    Unavailable,
    Unreachable,
)
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.kdf import KdfParams, Stretched, normalise_email, stretch
from hygieia.openpgp.parameters import check_account_id
from hygieia.openpgp.sealing import SealedKey, unseal_key

if TYPE_CHECKING:
    from hygieia.client.transport import Transport
    from hygieia.openpgp.keys import UnlockedKey

_PARAMETERS: Final = "/sign-in/parameters"


async def sign_in(
    store: ProfileStore, transport: Transport, *, email: str, password: str, label: str = ""
) -> Session:
    """Sign this device in and check that what the server sends is this person's own key.

    Raises:
        CredentialsError: email or password are wrong: which one is not told.
        KdfRefused: the server asks for other stretching than it may.
        SealedKeyRefused, KeyMismatch: the server answered with another sealed key or certificate.
        TooManyAttempts: wait as long as it says. What others ask holds up no device that has
            been signed in on at this server.
    """
    email = normalise_email(email)
    refuse_other_account(store, email)
    refusals = Refusals(store)
    refusals.check()
    pinned = store.load()
    document, limit = await _ask(transport, email, pinned)
    account, params = _parameters(document, pinned)
    stretched = await asyncio.to_thread(stretch, password, email, account, params)
    body: dict[str, Any] = {
        "email": email,
        "login_secret": stretched.login_secret,
        "label": label,
    }
    device = _device_token(pinned, transport.server, stretched)
    if device is not None:
        body["device"] = device
    answer = await _begin(transport, body, limit)
    try:
        session = await _accept(store, transport, email, account, stretched, answer, pinned)
    except (SealedKeyRefused, KeyMismatch):
        refusals.add()
        raise
    refusals.clear()
    return session


async def _ask(
    transport: Transport, email: str, pinned: Profile | None
) -> tuple[dict[str, Any], TooManyAttempts | None]:
    """How to stretch: the server's answer, or what is pinned where a limit keeps it back.

    Until the password is stretched, nothing can show the server that it knows this device. So this
    question counts for the network, where others can use up what there is.
    """
    known = pinned if pinned is not None and pinned.server == transport.server else None
    body = {"email": email}
    try:
        if known is not None:
            # Not repeated: a limit that others use up again and again is not to be waited for.
            with contextlib.suppress(Unavailable, Unreachable):
                return (await transport.call("POST", _PARAMETERS, body=body)).document, None
        answer = await transport.call("POST", _PARAMETERS, body=body, repeatable=True)
    except TooManyAttempts as limit:
        if known is None:
            raise
        return {"account": known.account, "kdf": known.kdf}, limit
    return answer.document, None


async def _begin(
    transport: Transport, body: dict[str, Any], limit: TooManyAttempts | None
) -> dict[str, Any]:
    """Begin a session; ``limit`` is why the server could not say how to stretch."""
    try:
        return (await transport.call("POST", "/sessions", body=body)).document
    except CredentialsError as error:
        if limit is not None:
            error.hint = (
                "Was the password changed on another device? Then try again in "
                f"{limit.retry_after_seconds} s: too many are asking the server just now."
            )
        raise


def _parameters(document: dict[str, Any], pinned: Profile | None) -> tuple[str, KdfParams]:
    """Refuse what only a lying server would answer (MS-01 to MS-03)."""
    kdf = document.get("kdf")
    if not isinstance(kdf, dict) or set(kdf) != {"m", "t", "p"}:
        raise KdfRefused("The server's parameters for password stretching are not understood.")
    params = KdfParams(**kdf)
    params.check()
    account = _account_of(document)
    if pinned is not None and account != pinned.account:
        raise KdfRefused(
            "The server answers with another account than this device knows.",
            hint="At another server with an account of its own, add --profile NAME. If the "
            "operator has reset the account, forget it here first: hygieia logout --forget",
        )
    return account, params


def _account_of(document: dict[str, Any]) -> str:
    try:
        return check_account_id(str(document.get("account")))
    except InvalidInput:
        raise KdfRefused("The server names no account to stretch the password for.") from None


async def _accept(
    store: ProfileStore,
    transport: Transport,
    email: str,
    account: str,
    stretched: Stretched,
    answer: dict[str, Any],
    pinned: Profile | None,
) -> Session:
    """Believe a sign-in's answer only as far as the password and the pins confirm it."""
    document = answers.part(answer, "account")
    if document.get("email") != email or document.get("account") != account:
        raise KeyMismatch("The server answered with another account.")
    sealed = _sealed_of(document)
    certificate = answers.text(document, "certificate")
    key = await asyncio.to_thread(_unseal, sealed, stretched, email, account, certificate)
    if pinned is not None:
        key = _agree_with_pins(key, document, pinned)
    profile = replace(
        new_profile(transport.server, email, answers.text(document, "name"), account, key, sealed),
        # Believed until the index opens: its naming key, signed by the key in hand, is the proof.
        ipns_name=answers.text(document, "ipns_name"),
        index_floor=pinned.index_floor if pinned is not None else None,
        sealed_first_index=pinned.sealed_first_index if pinned is not None else None,
    )
    return start_session(store, transport, profile, key, stretched, answer)


def _unseal(
    sealed: SealedKey, stretched: Stretched, email: str, account: str, certificate: str
) -> UnlockedKey:
    return unseal_key(
        sealed, stretched, email=email, account=account, current_certificate=certificate
    )


def _agree_with_pins(key: UnlockedKey, document: dict[str, Any], pinned: Profile) -> UnlockedKey:
    if key.key_id != pinned.key_id:
        raise KeyMismatch("The server answered with another key than this device knows.")
    if document.get("ipns_name") != pinned.ipns_name:
        raise Rollback("The server names another vault index than this device knows.")
    # What the device has seen of its own certificate stays: a revocation above all.
    return key.with_certificate(key.certificate.merge(Certificate.parse(pinned.certificate)))


def _sealed_of(document: dict[str, Any]) -> SealedKey:
    try:
        return SealedKey(
            certificate=document["seal_certificate"],
            armored=document["sealed_key"],
            mac=document["seal_mac"],
            params=KdfParams(**document["kdf"]),
        )
    except (KeyError, TypeError):
        raise IntegrityError("The server's account is not understood.") from None


def _device_token(pinned: Profile | None, server: str, stretched: Stretched) -> str | None:
    """This device's token, which only the right password brings to light, for its own server."""
    if pinned is None or pinned.sealed is None or pinned.server != server:
        return None
    try:
        kept = saved_session(pinned, StateKey(stretched.seal_passphrase))
    except CredentialsError:
        return None
    device = kept.get("device")
    return device if isinstance(device, str) else None
