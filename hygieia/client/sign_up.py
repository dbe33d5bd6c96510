"""Sign-up: keys made on this machine, an account for them (docs/spec/09-accounts.md)."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.client.passwords import check_new_password
from hygieia.client.session import (
    Session,
    kdf_json,
    new_profile,
    refuse_other_account,
    start_session,
)
from hygieia.ipld.ipns import name_of
from hygieia.openpgp.kdf import DEFAULT_KDF, Stretched, normalise_email, stretch
from hygieia.openpgp.keys import UnlockedKey, check_name, generate_key
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.sealing import (
    RecoverySeal,
    SealedKey,
    seal_for_recovery,
    seal_key,
    seal_revocation,
)

if TYPE_CHECKING:
    from hygieia.client.state import ProfileStore
    from hygieia.client.transport import Transport


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery code made: the code for paper, the rest for server and kit."""

    code: str = field(repr=False)
    seal: RecoverySeal = field(repr=False)
    revocation: str = field(repr=False)

    def to_json(self) -> dict[str, str]:
        """The parts that the server keeps too."""
        return {
            "recovery_key": self.seal.armored,
            "recovery_mac": self.seal.mac,
            "revocation": self.revocation,
        }


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new account: its session, its recovery code, and the key that will name its index."""

    session: Session
    recovery: Recovery = field(repr=False)
    ipns_key: Ed25519PrivateKey = field(repr=False)


async def sign_up(
    store: ProfileStore,
    transport: Transport,
    *,
    email: str,
    name: str,
    password: str,
    invite: str | None = None,
    label: str = "",
) -> SignedUp:
    """Make keys on this machine and an account for them.

    The first vault index is the caller's next step: until it is stored, the key that names the
    vault lives on this device alone.

    Raises:
        InvalidInput: email, name or password are not acceptable.
        Duplicate: the email has an account already.
        Forbidden: the server takes no registration, or no such invitation.
    """
    email, name = normalise_email(email), check_name(name)
    password = check_new_password(password, email=email, name=name)
    refuse_other_account(store, email)
    account = _account_id(invite)
    made = await asyncio.to_thread(_make_keys, email, name, account, password)
    ipns_name = name_of(made.ipns_key.public_key().public_bytes_raw())
    body = {
        "account": account,
        "email": email,
        "name": name,
        "certificate": made.key.certificate.armored,
        "sealed_key": made.sealed.armored,
        "seal_mac": made.sealed.mac,
        "kdf": kdf_json(made.sealed.params),
        "login_secret": made.stretched.login_secret,
        "ipns_name": ipns_name,
        "label": label,
        **made.recovery.to_json(),
    }
    if invite is not None:
        body["invite"] = invite
    answer = (await transport.call("POST", "/accounts", body=body)).document
    profile = new_profile(transport.server, email, name, account, made.key, made.sealed)
    profile = replace(profile, ipns_name=ipns_name)
    session = start_session(store, transport, profile, made.key, made.stretched, answer)
    return SignedUp(session, made.recovery, made.ipns_key)


def _account_id(invite: str | None) -> str:
    """A new id, or, after the operator's reset, the one whose reports are still there.

    A reset's code is ``r-ACCOUNT-RANDOM`` (docs/spec/09-accounts.md).
    """
    kind, _, rest = (invite or "").partition("-")
    return rest.partition("-")[0] if kind == "r" else secrets.token_hex(16)


def make_recovery(key: UnlockedKey) -> Recovery:
    """A new recovery code, with the key and a revocation sealed under it. Takes a moment."""
    code = make_code()
    return Recovery(code, seal_for_recovery(key, code), seal_revocation(key, code))


@dataclass(frozen=True, slots=True)
class _Made:
    key: UnlockedKey
    stretched: Stretched
    sealed: SealedKey
    recovery: Recovery
    ipns_key: Ed25519PrivateKey


def _make_keys(email: str, name: str, account: str, password: str) -> _Made:
    stretched = stretch(password, email, account, DEFAULT_KDF)
    key = generate_key(name, email)
    sealed = seal_anew(key, stretched, email, account)
    return _Made(key, stretched, sealed, make_recovery(key), Ed25519PrivateKey.generate())


def seal_anew(key: UnlockedKey, stretched: Stretched, email: str, account: str) -> SealedKey:
    """Seal a key with the parameters that are current."""
    return seal_key(key, stretched, email=email, account=account, params=DEFAULT_KDF)
