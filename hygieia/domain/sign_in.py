"""Signing in, and proving the password again (docs/spec/09-accounts.md §2, threats WB-06, WB-07).

An email without an account and a wrong password take the same steps: the same calls on the store,
the same Argon2, the same refusal.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hygieia.domain.access import key_id_of
from hygieia.domain.account import COLLECTION, Account, read_account
from hygieia.domain.activity import FOR_A_STRANGER, Activity, Event, Happening
from hygieia.domain.attempts import Attempts, Bucket, InFlight, network_of
from hygieia.domain.seals import check_login_secret
from hygieia.domain.sessions import Session
from hygieia.errors import CredentialsError, HygieiaError
from hygieia.openpgp.parameters import KdfParams, normalise_email

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from hygieia.documents.port import DocumentStore
    from hygieia.domain.devices import Devices
    from hygieia.domain.login_hashing import LoginHasher
    from hygieia.domain.rates import Rates
    from hygieia.domain.sessions import Sessions, SignedIn
    from hygieia.domain.strangers import Strangers

AT_ONCE: Final = 64
AT_ONCE_EACH: Final = 16
AT_ONCE_KNOWN: Final = 32
AT_ONCE_EACH_KNOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a client stretches the password with: account id (for the salt) and cost."""

    account: str
    kdf: KdfParams


@dataclass(frozen=True, slots=True)
class Started:
    """A session just begun. ``token`` and ``device`` are never to be had again."""

    account: Account
    session: Session
    token: str = field(repr=False)
    device: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sign-in comes from: the device's token and label, the network address."""

    address: str
    device: str | None = field(default=None, repr=False)
    label: str = ""


class SignIn:
    """Answers for stretching parameters, begins sessions, checks passwords."""

    def __init__(  # noqa: PLR0913  (the parts of signing in, each by its name)
        self,
        documents: DocumentStore,
        *,
        sessions: Sessions,
        devices: Devices,
        attempts: Attempts,
        hasher: LoginHasher,
        strangers: Strangers,
        rates: Rates,
        activity: Activity,
    ) -> None:
        self._documents = documents
        self._sessions = sessions
        self._devices = devices
        self._attempts = attempts
        self._hasher = hasher
        self._strangers = strangers
        self._rates = rates
        self._activity = activity
        # Apart, so that a flood of strangers leaves room for the devices of owners.
        self._unknown = InFlight(AT_ONCE, AT_ONCE_EACH)
        self._known = InFlight(AT_ONCE_KNOWN, AT_ONCE_EACH_KNOWN)

    async def parameters(self, email: str, origin: Origin) -> Parameters:
        """What to stretch the password of this email with, whether or not it has an account.

        Raises:
            InvalidInput: this is no email address.
            TooManyAttempts: asked too often from this network.
        """
        normal = normalise_email(email)
        account = await find_open(self._documents, normal)
        device = await self._devices.recognise(origin.device, account.id if account else None)
        self._rates.take(normal, origin.address, device)
        made_up = Parameters(self._strangers.account_id(normal), await self._strangers.kdf(normal))
        return made_up if account is None else Parameters(account.id, account.kdf)

    async def look(self, email: str, origin: Origin) -> None:
        """Raises TooManyAttempts where ``start`` would now; it counts and writes nothing."""
        normal = normalise_email(email)
        account = await find_open(self._documents, normal)
        device = await self._devices.recognise(origin.device, account.id if account else None)
        await self._attempts.look(*self._buckets(device, normal, origin))

    async def start(self, email: str, login_secret: str, origin: Origin) -> Started:
        """Begins a session.

        Raises:
            CredentialsError: there is no such account or the password is wrong, untold which.
            TooManyAttempts: for this email or from this address; a device that was signed in on
                before has an allowance of its own.
            Unavailable: more people are signing in than the machine can serve.
            InvalidInput: the email or the secret has not the form of one.
        """
        normal = normalise_email(email)
        check_login_secret(login_secret)
        account = await find_open(self._documents, normal)
        account_id, kept = (account.id, account.login_hash) if account else (None, None)
        device = await self._devices.recognise(origin.device, account_id)
        with self._enter(device, origin):
            async with self._attempts.attempt(*self._buckets(device, normal, origin)):
                matches = await self._hasher.verify(kept, login_secret)
                if account is None or not matches:
                    await self._tell_wrong(account, normal, origin)
                    raise CredentialsError("The email or the password is wrong.")
        return await self.begin(account, origin)

    async def begin(self, account: Account, origin: Origin, *, alone: bool = False) -> Started:
        """Begins a session for someone who has proven who she is; ``alone`` ends all others."""
        if alone:
            await self._sessions.end_all(account.id)
        started = await self._sessions.start(account, label=origin.label, address=origin.address)
        device = await self._devices.remember(account.id, origin.device)
        return Started(account, started.session, started.token, device)

    async def prove(self, signed_in: SignedIn, login_secret: str) -> None:
        """Checks the password of someone signed in, before a change that needs it.

        Raises:
            CredentialsError: the password is wrong.
            TooManyAttempts: it was, too often.
        """
        check_login_secret(login_secret)
        account, session = signed_in.account, signed_in.session
        with self._known.enter(account.id):
            async with self._attempts.attempt(self._attempts.of_account(account.id)):
                if not await self._hasher.verify(account.login_hash, login_secret):
                    told = Happening(
                        Event.WRONG_PASSWORD,
                        by=await key_id_of(account),
                        address=session.address,
                        device=session.label,
                    )
                    with contextlib.suppress(HygieiaError):
                        await self._activity.append_once(account.id, told, key=session.id)
                    raise CredentialsError("The password is wrong.")

    async def _tell_wrong(self, account: Account | None, email: str, origin: Origin) -> None:
        """Have the owner find the wrong password in her activity, once an hour a network.

        The steps are the same for an email without an account (WB-06). The address is left out:
        who only tried, perhaps by a slip, does not stand in the database (LT-02). A store that
        cannot be written to must not make the attempt uncounted, hence no error.
        """
        known = account is not None
        trail = account.id if account is not None else self._strangers.account_id(email)
        told = Happening(Event.WRONG_PASSWORD)
        with contextlib.suppress(HygieiaError):
            await self._activity.append_once(
                trail,
                told,
                key=network_of(origin.address),
                keep=None if known else FOR_A_STRANGER,
            )

    def _enter(self, device: str | None, origin: Origin) -> AbstractContextManager[None]:
        if device is None:
            return self._unknown.enter(network_of(origin.address))
        return self._known.enter(device)

    def _buckets(self, device: str | None, email: str, origin: Origin) -> tuple[Bucket, ...]:
        if device is None:
            return self._attempts.of_email(email), self._attempts.of_address(origin.address)
        return (self._attempts.of_device(device),)


async def find_open(documents: DocumentStore, email: str) -> Account | None:
    """The account of a normalised email, if it is open to be signed in to."""
    document = await documents.find(COLLECTION, email)
    if document is None:
        return None
    account = read_account(document)
    return account if account.is_open else None
