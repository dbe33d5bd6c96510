"""A device that is signed in: who, where, and the open key (docs/spec/09-accounts.md)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from hygieia.client import answers
from hygieia.client.state import Profile, ProfileStore, StateKey
from hygieia.errors import (
    CredentialsError,
    IntegrityError,
    NotSignedIn,
    SealedKeyRefused,
    UsageError,
)
from hygieia.openpgp.kdf import KdfParams, Stretched, stretch
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.sealing import SealedKey, unseal_key

if TYPE_CHECKING:
    # aiohttp takes 0.2 s to import, and stretching the password runs meanwhile: see the CLI.
    from collections.abc import Callable

    from hygieia.client.transport import Transport  # noqa: TC004  (see above)


SESSION_CONTEXT: Final = "session 1"


@dataclass(frozen=True, slots=True)
class Unlocked:
    """An account's secrets on this device while a command runs."""

    key: UnlockedKey
    state_key: StateKey
    seal_passphrase: str = field(repr=False)

    def token_of(self, profile: Profile) -> str:
        """The session's token, opened; raises NotSignedIn when the device has none."""
        token = saved_session(profile, self.state_key).get("token")
        if not isinstance(token, str):
            raise NotSignedIn("Nobody is signed in here.")
        return token


@dataclass(slots=True)
class Session:
    """A signed-in device. ``transport`` carries the token; ``unlocked`` is the open key."""

    store: ProfileStore
    profile: Profile
    transport: Transport
    unlocked: Unlocked

    @property
    def key(self) -> UnlockedKey:
        """The account's own key, open."""
        return self.unlocked.key

    def remember(self, profile: Profile) -> None:
        """Save a changed profile; a newer index seen meanwhile is not forgotten over it."""
        self.profile = self.store.save_keeping_floor(profile)


def signed_in_profile(store: ProfileStore) -> Profile:
    """The profile of a signed-in device.

    Raises:
        NotSignedIn: nobody is.
    """
    profile = store.load()
    if profile is None or not profile.signed_in:
        raise NotSignedIn("Nobody is signed in here.")
    return profile


async def unlock(profile: Profile, password: Callable[[], str]) -> Unlocked:
    """Open the account's key from what this device has pinned; the server is not asked.

    Args:
        profile: the pinned seal.
        password: asked for only when the system's keyring does not hold the passphrase.

    Raises:
        CredentialsError: the password is wrong.
        IntegrityError: the pinned seal was changed on this device.
    """
    if profile.keyring:
        kept = await asyncio.to_thread(_passphrase_kept, profile.account)
        if kept is not None:
            return await asyncio.to_thread(_open, profile, Stretched(kept, ""))
    params = KdfParams(**profile.kdf)
    params.check()
    stretched = await asyncio.to_thread(stretch, password(), profile.email, profile.account, params)
    return await asyncio.to_thread(_open, profile, stretched)


def state_key_of(profile: Profile, stretched: Stretched) -> StateKey:
    """The device's state key; raises CredentialsError when the password is not this account's."""
    state_key = StateKey(stretched.seal_passphrase)
    if profile.sealed is not None:
        saved_session(profile, state_key)
    return state_key


def saved_session(profile: Profile, state_key: StateKey) -> dict[str, Any]:
    """Open the sealed session of this device: ``token``, ``session``, ``device``."""
    if profile.sealed is None:
        raise NotSignedIn("Nobody is signed in here.")
    return state_key.open(SESSION_CONTEXT, profile.sealed)


def _passphrase_kept(account: str) -> str | None:
    from hygieia.client import keyrings  # noqa: PLC0415  (keyring takes 0.3 s to import)

    return keyrings.find(account)


def _open(profile: Profile, stretched: Stretched) -> Unlocked:
    """Tell a wrong password from a changed seal: this device's own sealed state answers first."""
    state_key = state_key_of(profile, stretched)
    try:
        key = unseal_key(
            sealed_key_of(profile),
            stretched,
            email=profile.email,
            account=profile.account,
            current_certificate=profile.certificate,
        )
    except SealedKeyRefused:
        if profile.sealed is not None:
            raise
        raise CredentialsError("The password is wrong.") from None
    if key.key_id != profile.key_id:
        raise IntegrityError("The saved profile does not belong together; sign in anew.")
    return Unlocked(key, state_key, stretched.seal_passphrase)


def sealed_key_of(profile: Profile) -> SealedKey:
    """The seal this device has pinned."""
    return SealedKey(
        certificate=profile.seal_certificate,
        armored=profile.sealed_key,
        mac=profile.seal_mac,
        params=KdfParams(**profile.kdf),
    )


def seal_session(
    profile: Profile, state_key: StateKey, *, token: str | None, session: str | None, device: str
) -> Profile:
    """The profile with a session's token (None: signed out) and this device's own token."""
    kept = {"token": token, "session": session, "device": device}
    sealed = state_key.seal(SESSION_CONTEXT, kept)
    return replace(profile, sealed=sealed, signed_in=token is not None)


def new_profile(
    server: str, email: str, name: str, account: str, key: UnlockedKey, sealed: SealedKey
) -> Profile:
    """What a device remembers of an account whose key it has just opened or made."""
    return Profile(
        server=server,
        email=email,
        name=name,
        account=account,
        kdf=kdf_json(sealed.params),
        certificate=key.certificate.armored,
        seal_certificate=sealed.certificate,
        sealed_key=sealed.armored,
        seal_mac=sealed.mac,
        key_id=key.key_id,
        fingerprint=key.certificate.fingerprint,
        ipns_name="",
    )


def start_session(
    store: ProfileStore,
    transport: Transport,
    profile: Profile,
    key: UnlockedKey,
    stretched: Stretched,
    answer: dict[str, Any],
) -> Session:
    """Remember the session that the server has just started, and go on in it."""
    state_key = StateKey(stretched.seal_passphrase)
    token, device = answers.text(answer, "token"), answers.text(answer, "device")
    started = answers.text(answers.part(answer, "session"), "id")
    profile = seal_session(profile, state_key, token=token, session=started, device=device)
    transport.token = token
    session = Session(
        store, profile, transport, Unlocked(key, state_key, stretched.seal_passphrase)
    )
    session.remember(profile)
    return session


def kdf_json(params: KdfParams) -> dict[str, int]:
    """Stretching parameters as JSON has them."""
    return {"m": params.m, "t": params.t, "p": params.p}


def refuse_other_account(store: ProfileStore, email: str) -> None:
    """One profile is one account: what it has pinned must not be lost to another one's.

    Raises:
        UsageError: the profile belongs to another account, signed in or not.
    """
    profile = store.load()
    if profile is not None and profile.email != email:
        raise UsageError(
            "This profile belongs to another account.",
            hint="Add --profile NAME to keep both, or forget it here: hygieia logout --forget",
        )
