"""One account's place on this machine: it signs up, in and out, and opens the vault."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hygieia.client import account
from hygieia.client.sdk import Vault
from hygieia.client.session import Session, signed_in_profile, unlock
from hygieia.client.sign_in import sign_in
from hygieia.client.state import ProfileStore
from hygieia.client.transport import Transport
from hygieia.client.vault import create_account

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hygieia.vault.kit import Kit


@dataclass(frozen=True, slots=True)
class Device:
    """One account's place on this machine: a folder of client state and a profile's name."""

    home: Path
    profile: str = "default"

    @property
    def store(self) -> ProfileStore:
        """The profile's folder."""
        return ProfileStore(self.home, self.profile)

    async def sign_up(
        self, server: str, *, email: str, name: str, password: str, invite: str | None = None
    ) -> tuple[Kit, str]:
        """Make keys, an account and the first index; the recovery kit and its code.

        Write ``kit.to_bytes()`` to a file and the code on paper, apart from each other: nobody
        can make them again.

        Raises:
            InvalidInput: email, name or password are not acceptable.
            Duplicate: the email has an account already.
            Forbidden: the server takes no registration, or no such invitation.
        """
        async with Transport(server) as transport:
            made = await create_account(
                self.store, transport, email=email, name=name, password=password, invite=invite
            )
            return made.kit, made.code

    async def sign_in(self, server: str, *, email: str, password: str, label: str = "") -> None:
        """Sign this device in. Raises as ``hygieia.client.sign_in.sign_in`` does."""
        async with Transport(server) as transport:
            await sign_in(self.store, transport, email=email, password=password, label=label)

    async def sign_out(self, password: str) -> bool:
        """End this device's session; whether the server could be told."""
        async with self._session(password) as session:
            return await account.sign_out(session)

    @contextlib.asynccontextmanager
    async def open(self, password: str, *, gateways: Sequence[str] = ()) -> AsyncIterator[Vault]:
        """Open the vault of whoever is signed in.

        Args:
            password: the account's.
            gateways: index and blocks come from these only; the server may be gone.

        Raises:
            NotSignedIn: nobody is signed in here.
            CredentialsError: the password is wrong.
            Rollback, Fork: the server offers an older or another index than was seen before.
        """
        async with self._session(password) as session, Vault.of(session, gateways) as vault:
            yield vault

    @contextlib.asynccontextmanager
    async def _session(self, password: str) -> AsyncIterator[Session]:
        profile = signed_in_profile(self.store)
        unlocked = await unlock(profile, lambda: password)
        async with Transport(profile.server, token=unlocked.token_of(profile)) as transport:
            yield Session(self.store, profile, transport, unlocked)
