"""Reset of a forgotten password (docs/spec/09-accounts.md §4).

The client opens its kit with the recovery code and signs, with the account's own key, a note that
names this server, a nonce of ours, and the seal and login secret to come. The nonce carries its
own end and a MAC by the server's secret, so asking for one writes nothing; using one is noted
until it would have ended.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from hygieia.domain.account import COLLECTION as ACCOUNTS
from hygieia.domain.account import read_account
from hygieia.domain.accounts import merged
from hygieia.domain.attempts import Attempts, InFlight, network_of
from hygieia.domain.sign_in import find_open
from hygieia.domain.strangers import Strangers
from hygieia.errors import (
    Conflict,
    CredentialsError,
    Duplicate,
    IntegrityError,
    InvalidInput,
    StaleRevision,
)
from hygieia.limits import CLOCK_SKEW_SECONDS, RESET_NONCE_SECONDS
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.notes import Note, Verdict, read_note, verify_note
from hygieia.openpgp.parameters import normalise_email

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from hygieia.documents.port import DocumentStore
    from hygieia.domain.account import Account
    from hygieia.domain.devices import Devices
    from hygieia.domain.login_hashing import LoginHasher
    from hygieia.domain.rates import Rates
    from hygieia.domain.seals import Seal
    from hygieia.domain.server_secrets import ServerSecrets
    from hygieia.domain.sign_in import Origin, SignIn, Started

CONTEXT: Final = "hygieia reset 1"
COLLECTION: Final = "used-nonces"
_LIFETIME: Final = timedelta(seconds=RESET_NONCE_SECONDS)
_SKEW: Final = timedelta(seconds=CLOCK_SKEW_SECONDS)
_RANDOM_BYTES: Final = 16
_MAC_BYTES: Final = 16
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ResetStarted:
    """The nonce to sign, until when, and the account id to name."""

    account: str
    nonce: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class ResetProof:
    """The signed note in its two parts, and the nonce it answers."""

    note: str
    signature: str
    nonce: str


class PasswordReset:
    """Gives nonces and exchanges a note signed by the account's key for a new seal."""

    def __init__(  # noqa: PLR0913  (every part it rests on, each named, put together in one place)
        self,
        documents: DocumentStore,
        server_secrets: ServerSecrets,
        clock: Callable[[], datetime],
        *,
        origins: Collection[str],
        sign_in: SignIn,
        devices: Devices,
        attempts: Attempts,
        rates: Rates,
        hasher: LoginHasher,
    ) -> None:
        self._documents = documents
        self._secrets = server_secrets
        self._clock = clock
        self._origins = frozenset(map(origin_of, origins))
        self._sign_in = sign_in
        self._strangers = Strangers(documents, server_secrets)
        self._devices = devices
        self._attempts = attempts
        self._rates = rates
        self._hasher = hasher
        self._gate = InFlight()

    async def start(self, email: str, origin: Origin) -> ResetStarted:
        """Gives a nonce for this email, whether or not it has an account.

        Raises:
            InvalidInput: this is no email address.
            TooManyAttempts: asked too often from this network.
        """
        normal = normalise_email(email)
        account = await find_open(self._documents, normal)
        device = await self._devices.recognise(origin.device, account.id if account else None)
        self._rates.take(normal, origin.address, device)
        account_id = self._strangers.account_id(normal) if account is None else account.id
        expires = (self._clock() + _LIFETIME).replace(microsecond=0)
        return ResetStarted(account_id, self._make_nonce(account_id, expires), expires)

    async def look(self, origin: Origin) -> None:
        """Raises TooManyAttempts where ``finish`` would now; it counts and writes nothing."""
        await self._attempts.look(self._attempts.of_address(origin.address))

    async def finish(self, email: str, proof: ResetProof, seal: Seal, origin: Origin) -> Started:
        """Stores the new seal, ends all sessions and begins one.

        Raises:
            CredentialsError: no such account, not signed by its key, or not for this server,
                nonce, seal and secret; untold which.
            NoteRefused: the note is malformed.
            InvalidInput, CertificateRefused: a part of the seal is not what it should be.
            TooManyAttempts: from this address.
            Conflict: the account was changed at the same time.
        """
        normal = normalise_email(email)
        # Whoever asks may send a quarter of a megabyte: that is not read on the event loop.
        note = await asyncio.to_thread(read_note, proof.note, proof.signature, CONTEXT)
        account = await find_open(self._documents, normal)
        account_id = self._strangers.account_id(normal) if account is None else account.id
        with self._gate.enter(network_of(origin.address)):
            async with self._attempts.attempt(self._attempts.of_address(origin.address)):
                fits = self._fits(note, proof.nonce, account_id, seal)
                certificate = await asyncio.to_thread(self._verified, note, account, seal, normal)
                if not fits or certificate is None or account is None:
                    raise _refusal()
                # Hashed first: a server too busy for that leaves the nonce good for another try.
                login_hash = await self._hasher.hash(seal.login_secret)
                await self._use_up(proof.nonce)
        changed = account.with_seal(seal, certificate, login_hash)
        try:
            document = await self._documents.replace(
                ACCOUNTS, account.id, account.rev, changed.body()
            )
        except StaleRevision:
            raise Conflict("The account was changed meanwhile. Begin the reset again.") from None
        return await self._sign_in.begin(read_account(document), origin, alone=True)

    def _fits(self, note: Note, nonce: str, account_id: str, seal: Seal) -> bool:
        """Whether the note says what the request says, to this server, now."""
        body = note.body
        kdf = {"m": seal.kdf.m, "t": seal.kdf.t, "p": seal.kdf.p}
        login = hashlib.sha256(seal.login_secret.encode()).hexdigest()
        return (
            body.get("origin") in self._origins
            and body.get("account") == account_id
            and body.get("nonce") == nonce
            and body.get("seal_mac") == seal.mac
            and body.get("kdf") == kdf
            and body.get("login") == login
            and note.created >= self._clock() - _LIFETIME - _SKEW
            and self._is_live(nonce, account_id)
        )

    def _verified(self, note: Note, account: Account | None, seal: Seal, email: str) -> str | None:
        """The account's new certificate if its key signed the note. Same work without account."""
        now = self._clock()
        submitted = seal.check(email, now)
        if account is None:
            verify_note(note, submitted, now=now)
            return None
        pinned = Certificate.parse(account.certificate, now=now)
        if verify_note(note, pinned, now=now) is not Verdict.VALID:
            return None
        try:
            return merged(account, seal, now)
        except IntegrityError:
            return None

    def _make_nonce(self, account_id: str, expires: datetime) -> str:
        stated = int(expires.timestamp()).to_bytes(8, "big") + secrets.token_bytes(_RANDOM_BYTES)
        return _encode(stated + self._mac(stated, account_id))

    def _is_live(self, nonce: str, account_id: str) -> bool:
        octets = _decode(nonce)
        stated, mac = octets[:-_MAC_BYTES], octets[-_MAC_BYTES:]
        if len(stated) != 8 + _RANDOM_BYTES or _encode(octets) != nonce:
            return False
        if not hmac.compare_digest(mac, self._mac(stated, account_id)):
            return False
        return self._clock() < _end_of(stated)

    def _mac(self, stated: bytes, account_id: str) -> bytes:
        return self._secrets.digest("reset nonce", f"{account_id} {stated.hex()}")[:_MAC_BYTES]

    async def _use_up(self, nonce: str) -> None:
        digest = hashlib.sha256(nonce.encode()).hexdigest()
        expires = _end_of(_decode(nonce)) + _SKEW
        try:
            await self._documents.insert(COLLECTION, digest, {}, expires=expires)
        except Duplicate:
            raise _refusal() from None


def origin_of(url: str) -> str:
    """``scheme://host[:port]`` of an address: lower case, without the scheme's own port.

    Raises InvalidInput.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if host is None or parts.scheme not in _DEFAULT_PORTS:
        raise InvalidInput("This is not the address of a server.")
    shown = f"[{host}]" if ":" in host else host
    if port is None or port == _DEFAULT_PORTS[parts.scheme]:
        return f"{parts.scheme}://{shown}"
    return f"{parts.scheme}://{shown}:{port}"


def _end_of(stated: bytes) -> datetime:
    return datetime.fromtimestamp(int.from_bytes(stated[:8], "big"), UTC)


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _decode(nonce: str) -> bytes:
    try:
        return base64.b64decode(nonce + "=" * (-len(nonce) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _refusal() -> CredentialsError:
    return CredentialsError(
        "The reset was refused.", hint="Start again with the current kit and its recovery code."
    )
