"""Opens what a subcommand works with: profile, transport, unlocked session."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from hygieia.cli.invocation import DEFAULT_SERVER
from hygieia.client.session import Session, saved_session, signed_in_profile, unlock
from hygieia.client.state import ProfileStore, home_folder
from hygieia.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from hygieia.cli.invocation import Invocation
    from hygieia.client.transport import Transport

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; an interruption or SIGTERM cancels it cleanly first."""

    async def cancellable() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        return await task

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def profile_store(invocation: Invocation) -> ProfileStore:
    """The folder of the profile that was asked for."""
    return ProfileStore(home_folder(os.environ), invocation.profile)


def device_label() -> str:
    """What this device calls itself in the list of sessions."""
    return f"{socket.gethostname()[:60]} (command line, {sys.platform})"


@contextlib.asynccontextmanager
async def connected(invocation: Invocation) -> AsyncIterator[Transport]:
    """A transport without a session, to the server asked for or last used."""
    from hygieia.client.transport import Transport

    profile = profile_store(invocation).load()
    server = invocation.server or (profile.server if profile else DEFAULT_SERVER)
    _warn_plain(invocation, server)
    async with Transport(server) as transport:
        yield transport


@contextlib.asynccontextmanager
async def signed_in(invocation: Invocation) -> AsyncIterator[Session]:
    """The profile's session, its key unlocked by keyring, password file or prompt.

    Raises:
        NotSignedIn: nobody is signed in under this profile.
        CredentialsError: the password is wrong.
    """
    store = profile_store(invocation)
    profile = signed_in_profile(store)
    unlocking = asyncio.create_task(
        unlock(profile, lambda: invocation.password(f"Password of {profile.email}"))
    )
    # The password is asked for and its stretching goes on in a thread, while aiohttp is imported.
    await asyncio.sleep(0)
    from hygieia.client.transport import Transport, checked_server

    unlocked = await unlocking
    if invocation.server is not None and checked_server(invocation.server) != profile.server:
        raise UsageError(
            f"This profile is signed in at {profile.server}.",
            hint="Leave --server out, or add --profile NAME for another server.",
        )
    token = saved_session(profile, unlocked.state_key)["token"]
    async with Transport(profile.server, token=token) as transport:
        yield Session(store, profile, transport, unlocked)


def _warn_plain(invocation: Invocation, server: str) -> None:
    from urllib.parse import urlsplit

    from hygieia.client.transport import checked_server

    parts = urlsplit(checked_server(server))
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        invocation.warn(
            "this server is reached without TLS: whoever is on the way can take over the "
            "session. Use an https address."
        )
