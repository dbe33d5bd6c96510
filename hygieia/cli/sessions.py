"""Opens what a subcommand works with: profile, transport, session, vault."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from hygieia.client.session import Session, signed_in_profile, unlock
from hygieia.client.state import ProfileStore
from hygieia.config import DEFAULT_SERVER
from hygieia.errors import EnvelopeRefused, HygieiaError, KeyMismatch, UsageError
from hygieia.memory import keep_what_is_loaded
from hygieia.scheduling import work_behind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.client.sdk import Vault
    from hygieia.client.transport import Transport
    from hygieia.vault.report_entry import ReportEntry

T = TypeVar("T")

_MOST_NAMED = 3
_MOST_ASKED = 1000


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; an interruption or SIGTERM cancels it cleanly first."""

    async def cancellable() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        work_behind(loop)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        return await task

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def profile_store(invocation: Invocation) -> ProfileStore:
    """The folder of the profile that was asked for."""
    return ProfileStore(invocation.settings.home, invocation.settings.profile)


def device_label() -> str:
    """What this device calls itself in the list of sessions."""
    return f"{socket.gethostname()[:60]} (command line, {sys.platform})"


@contextlib.asynccontextmanager
async def connected(invocation: Invocation) -> AsyncIterator[Transport]:
    """A transport without a session, to the server asked for or last used."""
    from hygieia.client.transport import Transport

    profile = profile_store(invocation).load()
    server = invocation.settings.server or (profile.server if profile else DEFAULT_SERVER)
    warn_of_plain_http(invocation, server)
    async with Transport(server) as transport:
        yield transport


@contextlib.asynccontextmanager
async def signed_in(
    invocation: Invocation, *, meanwhile: Callable[[], None] = lambda: None
) -> AsyncIterator[Session]:
    """The profile's session, its key unlocked by keyring, password file or prompt.

    ``meanwhile`` imports what the command needs beside the connection.

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

    meanwhile()
    unlocked = await unlocking
    named = invocation.settings.server
    if named is not None and checked_server(named) != profile.server:
        raise UsageError(
            f"This profile is signed in at {profile.server}.",
            hint="Leave --server and HYGIEIA_SERVER out, or add --profile NAME for another server.",
        )
    async with Transport(profile.server, token=unlocked.token_of(profile)) as transport:
        yield Session(store, profile, transport, unlocked)


@contextlib.asynccontextmanager
async def opened_vault(
    invocation: Invocation, gateways: Sequence[str] = ()
) -> AsyncIterator[Vault]:
    """The open vault of whoever is signed in; with gateways, blocks come from these only."""
    async with signed_in(invocation, meanwhile=_import_vault) as session:
        from hygieia.client.sdk import Vault

        keep_what_is_loaded()
        async with Vault.of(session, gateways) as vault:
            for warning in vault.index.warnings:
                invocation.warn(warning)
            _say_left_out(invocation, vault)
            yield vault
            if vault.index.trail_error is not None:
                invocation.warn(f"{vault.index.trail_error} See: hygieia log --verify")


def _import_vault() -> None:
    import hygieia.client.sdk  # noqa: F401  (imported for whoever asks next)


async def states_of(vault: Vault, entries: Sequence[ReportEntry]) -> dict[str, str]:
    """Whether the server has the blocks of the first 1,000 reports, by id.

    No more, so that a long list stays quick; nothing is known without the server.
    """
    from hygieia.cli.reports import MISSING, STORED

    asked = entries[:_MOST_ASKED]
    if vault.index.rev is None or not asked:
        return {}
    try:
        missing = await vault.missing_here(asked)
    except HygieiaError:
        # The list is right without it: a full or busy server is no reason to show nothing.
        return {}
    return {entry.id: MISSING if entry.id in missing else STORED for entry in asked}


def _say_left_out(invocation: Invocation, vault: Vault) -> None:
    """Tell of reports that the server names and that do not belong here (threats MS-13, MS-18)."""
    from hygieia.cli.left_out import warn_of_not_given, warn_of_taken_off

    warn_of_taken_off(vault, invocation.warn)
    warn_of_not_given(vault, invocation.warn)
    # What no key here opens is what a lost key left behind, and no attack: it is counted once.
    locked = [each for each in vault.index.refused if each.error.code == EnvelopeRefused.code]
    given_back = [each for each in vault.index.refused if each.error.code == KeyMismatch.code]
    others = [each for each in vault.index.refused if each not in (*locked, *given_back)]
    for refused in others[:_MOST_NAMED]:
        invocation.warn(
            f"the server offers a report {refused.report[:8]} that was left out: {refused.error}"
        )
    if len(others) > _MOST_NAMED:
        invocation.warn(f"and {len(others) - _MOST_NAMED} more such reports.")
    if given_back:
        invocation.message(
            f"Reports in this account of a key that this vault does not know: {len(given_back)}. If "
            "that was an earlier key of yours, say so and they are yours again: hygieia give-back"
        )
    if locked:
        invocation.message(
            f"Reports in this account that your key does not open: {len(locked)}. If you lost an "
            "earlier key, those you shared with can give them back: hygieia give-back"
        )


def warn_of_plain_http(invocation: Invocation, server: str) -> None:
    """Say so when the way to the server is open to anyone on it."""
    from urllib.parse import urlsplit

    from hygieia.client.transport import checked_server
    from hygieia.config import is_loopback

    parts = urlsplit(checked_server(server))
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        invocation.warn(
            "this server is reached without TLS: whoever is on the way can take over the "
            "session. Use an https address."
        )
