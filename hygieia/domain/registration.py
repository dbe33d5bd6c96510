"""Signing up (docs/spec/09-accounts.md §1)."""

from __future__ import annotations

import asyncio
import hmac
import re
import unicodedata
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from hygieia.domain.account import COLLECTION, Account, AccountState, read_account
from hygieia.domain.attempts import Attempts, InFlight, network_of
from hygieia.domain.seals import RecoverySeal, Seal
from hygieia.domain.sessions import token_hash
from hygieia.errors import Duplicate, Forbidden, HygieiaError, InvalidInput, StaleRevision
from hygieia.ipld import ipns
from hygieia.limits import MAX_NAME_BYTES
from hygieia.openpgp.parameters import check_account_id, normalise_email

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hygieia.documents.port import DocumentStore
    from hygieia.domain.invitations import Invitations
    from hygieia.domain.login_hashing import LoginHasher
    from hygieia.domain.sign_in import Origin, SignIn, Started

Mode = Literal["open", "invite", "closed"]
_NOT_IN_NAMES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_RECLAIM_CODE: Final = re.compile(r"r-([0-9a-f]{32})-[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a client signs up with. Everything secret in it was sealed on the client."""

    account: str
    email: str
    name: str
    seal: Seal
    recovery: RecoverySeal
    ipns_name: str
    invite: str | None = field(default=None, repr=False)

    def checked(self, now: datetime) -> NewAccount:
        """Itself with the email normalised, every part checked. Blocks about a millisecond.

        Raises:
            InvalidInput: a part is not what it should be.
            CertificateRefused: the certificate is none that anybody could use.
        """
        check_account_id(self.account)
        email = normalise_email(self.email)
        _check_name(self.name)
        self.seal.check(email, now)
        self.recovery.check()
        ipns.public_key_of(self.ipns_name)
        return replace(self, email=email)


def _check_name(name: str) -> None:
    if any(unicodedata.category(character) in _NOT_IN_NAMES for character in name):
        raise InvalidInput("The name has control characters.")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidInput("The name is too long.")


class Registration:
    """Lets people sign up: anybody, the invited, or nobody."""

    def __init__(
        self,
        documents: DocumentStore,
        clock: Callable[[], datetime],
        *,
        mode: Mode,
        invitations: Invitations,
        sign_in: SignIn,
        attempts: Attempts,
        hasher: LoginHasher,
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._mode = mode
        self._invitations = invitations
        self._sign_in = sign_in
        self._attempts = attempts
        self._hasher = hasher
        self._gate = InFlight()

    async def look(self, origin: Origin) -> None:
        """Raises TooManyAttempts where ``sign_up`` would now; it counts and writes nothing."""
        await self._attempts.look(self._attempts.of_sign_ups(origin.address))

    async def sign_up(self, new: NewAccount, origin: Origin) -> Started:
        """Opens an account and begins its first session.

        Raises:
            Forbidden: registration is closed, or the invitation is missing or not valid.
            Duplicate: the email or the account id has an account.
            InvalidInput, CertificateRefused: a part is not what it should be.
            TooManyAttempts: from this address.
        """
        with self._gate.enter(network_of(origin.address)):
            await self._attempts.count(self._attempts.of_sign_ups(origin.address))
            checked = await asyncio.to_thread(new.checked, self._clock())
            account = await self._admit(checked)
        return await self._sign_in.begin(account, origin)

    async def _admit(self, new: NewAccount) -> Account:
        if new.invite is not None and _RECLAIM_CODE.fullmatch(new.invite):
            return await self._reclaim(new, new.invite)
        if self._mode == "closed":
            raise Forbidden("This server takes no new accounts.")
        if self._mode == "open":
            return await self._insert(new)
        if new.invite is None:
            raise Forbidden("Signing up here needs an invitation.", hint="Ask the host for one.")
        await self._invitations.hold(new.invite, new.account)
        try:
            account = await self._insert(new)
        except HygieiaError:
            await self._invitations.give_back(new.invite)
            raise
        await self._invitations.use_up(new.invite)
        return account

    async def _insert(self, new: NewAccount) -> Account:
        account = await self._opened(new, None)
        try:
            document = await self._documents.insert(
                COLLECTION, account.id, account.body(), unique=account.email
            )
        except Duplicate:
            raise Duplicate("This email has an account already.") from None
        return read_account(document)

    async def _reclaim(self, new: NewAccount, code: str) -> Account:
        """Signs up anew for an account whose key was lost; its id and reports stay."""
        document = await self._documents.find(COLLECTION, new.email)
        vacant = None if document is None else read_account(document)
        if vacant is None or vacant.id != new.account or not self._fits(vacant, code):
            raise Forbidden("This code is not valid, or used already.")
        account = await self._opened(new, vacant)
        try:
            document = await self._documents.replace(
                COLLECTION, account.id, vacant.rev, account.body()
            )
        except StaleRevision:
            raise Forbidden("This code is not valid, or used already.") from None
        return read_account(document)

    def _fits(self, vacant: Account, code: str) -> bool:
        if vacant.state is not AccountState.VACANT or vacant.reclaim is None:
            return False
        if vacant.reclaim_until is None or vacant.reclaim_until <= self._clock():
            return False
        return hmac.compare_digest(vacant.reclaim, token_hash(code))

    async def _opened(self, new: NewAccount, before: Account | None) -> Account:
        return Account(
            id=new.account,
            rev=1 if before is None else before.rev,
            state=AccountState.OPEN,
            email=new.email,
            name=new.name,
            created=self._clock().replace(microsecond=0) if before is None else before.created,
            epoch=1 if before is None else before.epoch + 1,
            kdf=new.seal.kdf,
            certificate=new.seal.certificate,
            seal_certificate=new.seal.certificate,
            sealed_key=new.seal.sealed_key,
            seal_mac=new.seal.mac,
            login_hash=await self._hasher.hash(new.seal.login_secret),
            recovery_key=new.recovery.key,
            recovery_mac=new.recovery.mac,
            revocation=new.recovery.revocation,
            ipns_name=new.ipns_name,
            quota_bytes=None if before is None else before.quota_bytes,
        )
