"""Accounts and sessions put together, for the server, the admin command and tests alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hygieia.domain.accounts import Accounts
from hygieia.domain.activity import Activity
from hygieia.domain.attempts import Attempts, Limit
from hygieia.domain.devices import Devices
from hygieia.domain.directory import Directory
from hygieia.domain.invitations import Invitations
from hygieia.domain.login_hashing import LoginHasher
from hygieia.domain.rates import Rate, Rates
from hygieia.domain.registration import Mode, Registration
from hygieia.domain.reset import PasswordReset
from hygieia.domain.sessions import Sessions
from hygieia.domain.sign_in import SignIn
from hygieia.domain.strangers import Strangers
from hygieia.limits import SESSION_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hygieia.documents.port import DocumentStore
    from hygieia.domain.server_secrets import ServerSecrets

ACCOUNT_LIMIT: Final = Limit(10, timedelta(minutes=15))
ADDRESS_LIMIT: Final = Limit(100, timedelta(minutes=15))
QUESTIONS_AN_ATTEMPT: Final = 3
"""Parameters are asked for before each sign-in, and by a client that is tried out or started anew."""


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """What the host chooses.

    ``origins``: the addresses by which people reach this server, from its settings and never from
    a request; a reset names one of them.
    """

    origins: tuple[str, ...]
    registration: Mode = "open"
    session_lifetime: timedelta = timedelta(days=SESSION_DAYS)
    account_limit: Limit = ACCOUNT_LIMIT
    address_limit: Limit = ADDRESS_LIMIT


@dataclass(frozen=True, slots=True)
class Identity:
    """The services around accounts. ``close`` ends the hasher's threads."""

    accounts: Accounts
    sessions: Sessions
    sign_in: SignIn
    registration: Registration
    invitations: Invitations
    reset: PasswordReset
    directory: Directory
    hasher: LoginHasher

    def close(self) -> None:
        """Ends the threads that hash. Blocks for the few milliseconds of a hash."""
        self.hasher.close()


def build_identity(
    documents: DocumentStore,
    server_secrets: ServerSecrets,
    clock: Callable[[], datetime],
    policy: IdentityPolicy,
) -> Identity:
    """Puts the services together over one document store."""
    hasher, invitations = LoginHasher(), Invitations(documents, clock)
    sessions = Sessions(documents, clock, lifetime=policy.session_lifetime)
    devices = Devices(documents, clock)
    attempts = _attempts(documents, server_secrets, clock, policy)
    sign_in = SignIn(
        documents,
        sessions=sessions,
        devices=devices,
        attempts=attempts,
        hasher=hasher,
        strangers=Strangers(documents, server_secrets),
        rates=_rates(policy, QUESTIONS_AN_ATTEMPT),
        activity=Activity(documents, clock),
    )
    registration = Registration(
        documents,
        clock,
        mode=policy.registration,
        invitations=invitations,
        sign_in=sign_in,
        attempts=attempts,
        hasher=hasher,
    )
    reset = PasswordReset(
        documents,
        server_secrets,
        clock,
        origins=policy.origins,
        sign_in=sign_in,
        devices=devices,
        attempts=attempts,
        rates=_rates(policy, 1),
        hasher=hasher,
    )
    accounts = Accounts(
        documents, clock, sessions=sessions, devices=devices, sign_in=sign_in, hasher=hasher
    )
    directory = Directory(documents, attempts)
    return Identity(
        accounts, sessions, sign_in, registration, invitations, reset, directory, hasher
    )


def _attempts(
    documents: DocumentStore,
    server_secrets: ServerSecrets,
    clock: Callable[[], datetime],
    policy: IdentityPolicy,
) -> Attempts:
    account, address = policy.account_limit, policy.address_limit
    return Attempts(documents, server_secrets, clock, account=account, address=address)


def _rates(policy: IdentityPolicy, times: int) -> Rates:
    """How often may be asked: as often as may be failed, or some times that."""
    account, address = policy.account_limit, policy.address_limit
    return Rates(
        Rate(times * account.failures, account.window),
        Rate(times * address.failures, address.window),
    )
