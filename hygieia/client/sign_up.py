"""Sign-up: keys made on this machine, an account for them (docs/spec/09-accounts.md)."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from hygieia.client.passwords import check_new_password
from hygieia.client.session import (
    Session,
    kdf_json,
    new_profile,
    refuse_other_account,
    start_session,
)
from hygieia.client.state import StateKey
from hygieia.errors import HygieiaError, Unavailable, Unreachable
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
from hygieia.vault.ipns import IpnsKey

if TYPE_CHECKING:
    from hygieia.client.state import ProfileStore
    from hygieia.client.transport import Transport

_FIRST_INDEX: Final = "first index 1"


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
    """A new account: its session and its recovery code."""

    session: Session
    recovery: Recovery = field(repr=False)


@dataclass(frozen=True, slots=True)
class FirstIndex:
    """What an account's first index will hold: the key that names it, the recovery parts."""

    ipns_key: IpnsKey = field(repr=False)
    recovery_parts: dict[str, str] = field(repr=False)

    @classmethod
    def kept_by(cls, session: Session) -> FirstIndex | None:
        """What this device keeps for it since the sign-up; None once the index is stored."""
        sealed = session.profile.sealed_first_index
        if sealed is None:
            return None
        kept = session.unlocked.state_key.open(_FIRST_INDEX, sealed)
        return cls(IpnsKey(bytes.fromhex(kept["ipns_key"])), kept["recovery"])


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
    vault lives on this device alone. It is kept there before the server is asked, so that nothing
    is lost with an answer: who signs in on this device next has it.

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
    body = {"account": account, "email": email, "name": name, "label": label, **made.for_server()}
    if invite is not None:
        body["invite"] = invite
    profile = replace(
        new_profile(transport.server, email, name, account, made.key, made.sealed),
        ipns_name=made.ipns_key.name,
        sealed_first_index=_sealed_first_index(made),
    )
    before = store.load()
    store.save(profile)
    try:
        answer = (await transport.call("POST", "/accounts", body=body)).document
    except (Unreachable, Unavailable):
        raise  # It may have been made all the same.
    except HygieiaError:
        store.put_back(before)
        raise
    session = start_session(store, transport, profile, made.key, made.stretched, answer)
    return SignedUp(session, made.recovery)


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


def _sealed_first_index(made: _Made) -> str:
    kept = {
        "ipns_key": made.ipns_key.secret.hex(),
        "recovery": made.recovery.to_json(),
    }
    return StateKey(made.stretched.seal_passphrase).seal(_FIRST_INDEX, kept)


@dataclass(frozen=True, slots=True)
class _Made:
    key: UnlockedKey
    stretched: Stretched
    sealed: SealedKey
    recovery: Recovery
    ipns_key: IpnsKey

    def for_server(self) -> dict[str, Any]:
        """What the account is made of at the server: nothing of it opens anything."""
        return {
            "certificate": self.key.certificate.armored,
            "sealed_key": self.sealed.armored,
            "seal_mac": self.sealed.mac,
            "kdf": kdf_json(self.sealed.params),
            "login_secret": self.stretched.login_secret,
            "ipns_name": self.ipns_key.name,
            **self.recovery.to_json(),
        }


def _make_keys(email: str, name: str, account: str, password: str) -> _Made:
    stretched = stretch(password, email, account, DEFAULT_KDF)
    key = generate_key(name, email)
    sealed = seal_anew(key, stretched, email, account)
    return _Made(key, stretched, sealed, make_recovery(key), IpnsKey.make())


def seal_anew(key: UnlockedKey, stretched: Stretched, email: str, account: str) -> SealedKey:
    """Seal a key with the parameters that are current."""
    return seal_key(key, stretched, email=email, account=account, params=DEFAULT_KDF)
