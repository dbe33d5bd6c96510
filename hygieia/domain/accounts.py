"""Accounts after sign-up: reading, a new password, a new code, deletion, the host's reset."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hygieia.domain.account import (
    COLLECTION,
    Account,
    AccountState,
    read_account,
    read_open_account,
)
from hygieia.domain.activity import Activity, Event, Happening
from hygieia.domain.sessions import token_hash
from hygieia.errors import Conflict, HygieiaError, InvalidInput, NotFound, StaleRevision
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.parameters import normalise_email

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hygieia.documents.port import Document, DocumentStore
    from hygieia.domain.devices import Devices
    from hygieia.domain.login_hashing import LoginHasher
    from hygieia.domain.seals import RecoverySeal, Seal
    from hygieia.domain.sessions import Sessions, SignedIn
    from hygieia.domain.sign_in import SignIn

    ForAccount = Callable[[str], Awaitable[None]]
    TurnAt = Callable[[str], Awaitable[bool]]

RECLAIM_LIFETIME: Final = timedelta(days=14)
_DELETING: Final = "deleting"


class Accounts:
    """What the owner of an account, and the host, may do with it."""

    def __init__(
        self,
        documents: DocumentStore,
        clock: Callable[[], datetime],
        *,
        sessions: Sessions,
        devices: Devices,
        sign_in: SignIn,
        hasher: LoginHasher,
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._sessions = sessions
        self._devices = devices
        self._sign_in = sign_in
        self._hasher = hasher

    async def get(self, account_id: str) -> Account:
        """Returns an open account. Raises NotFound."""
        return read_open_account(await self._documents.get(COLLECTION, account_id))

    async def exists(self, account_id: str) -> bool:
        """Whether there is an account of this id that is not being deleted."""
        document = await self._documents.get(COLLECTION, account_id)
        return document is not None and read_account(document).state is not AccountState.DELETING

    async def change_seal(
        self, signed_in: SignedIn, rev: int, current_login_secret: str, seal: Seal
    ) -> Account:
        """Stores the key sealed under a new password and ends the account's other sessions.

        Raises:
            StaleRevision: ``rev`` is not the account's.
            CredentialsError, TooManyAttempts: the current password is wrong, or was too often.
            InvalidInput, CertificateRefused: a part is not what it should be, or of another key.
        """
        account = _at(signed_in, rev)
        await self._sign_in.prove(signed_in, current_login_secret)
        certificate = await asyncio.to_thread(merged, account, seal, self._clock())
        login_hash = await self._hasher.hash(seal.login_secret)
        changed = await self._store(account.with_seal(seal, certificate, login_hash), rev)
        await self._sessions.carry_over(changed, signed_in.session.id)
        return changed

    async def change_recovery(
        self, signed_in: SignedIn, rev: int, current_login_secret: str, recovery: RecoverySeal
    ) -> Account:
        """Stores what a new recovery code seals. Raises as :meth:`change_seal` does."""
        account = _at(signed_in, rev)
        await asyncio.to_thread(recovery.check)
        await self._sign_in.prove(signed_in, current_login_secret)
        return await self._store(account.with_recovery(recovery), rev)

    async def delete(self, signed_in: SignedIn, confirm: str, login_secret: str) -> None:
        """Closes the account for good, at once; :meth:`finish_deletions` removes what it had.

        Raises:
            InvalidInput: ``confirm`` is not the account's email.
            CredentialsError, TooManyAttempts: the password is wrong, or was too often.
            Conflict: the account was changed at the same time.
        """
        account = signed_in.account
        if normalise_email(confirm) != account.email:
            raise InvalidInput("To delete the account, type its email address.")
        await self._sign_in.prove(signed_in, login_secret)
        gone = replace(account.emptied(AccountState.DELETING), email="", name="")
        try:
            await self._documents.replace(
                COLLECTION, account.id, account.rev, gone.body(), scope=_DELETING, unique=None
            )
        except StaleRevision:
            # Perhaps by a new password, which was not the one proven.
            raise Conflict("The account was changed meanwhile. Delete it again.") from None

    async def finish_deletions(
        self, remove_belongings: TurnAt, may_go_on: Callable[[], bool] = lambda: True
    ) -> int:
        """Removes what deleted accounts had, then themselves. Returns how many.

        ``remove_belongings`` is called with an account id and removes some of its reports, index
        and uploads; it says whether that was all, and is called again until then, as long as it
        ``may_go_on``. Call it after :meth:`delete` and from time to time.
        """
        finished = 0
        while True:
            page = await self._documents.page(COLLECTION, _DELETING, limit=10)
            for document in page.items:
                if not may_go_on():
                    return finished
                if await remove_belongings(document.id):
                    await self._sign_out_everywhere(document.id)
                    await self._documents.delete(COLLECTION, document.id)
                    finished += 1
            if not page.items:
                return finished

    async def vacate(self, email: str, forget_index: ForAccount) -> str:
        """The host's help after a lost key: frees the sign-in, keeps account id and reports.

        Returns the code that a new sign-up with this email shows within two weeks; anybody who
        has it can take the account over, but read nothing in it. ``forget_index`` is called with
        the account id: the new key starts an index of its own (docs/spec/09).

        Raises:
            NotFound: no account has this email.
        """
        document = await self._documents.find(COLLECTION, normalise_email(email))
        if document is None:
            raise NotFound("No account has this email.")
        account = read_account(document)
        code = f"r-{account.id}-{secrets.token_urlsafe(16)}"
        until = (self._clock() + RECLAIM_LIFETIME).replace(microsecond=0)
        vacant = replace(
            account.emptied(AccountState.VACANT), reclaim=token_hash(code), reclaim_until=until
        )
        await self._store(vacant, account.rev)
        await self._sign_out_everywhere(account.id)
        await forget_index(account.id)
        freed = Happening(Event.ACCOUNT_FREED)
        with contextlib.suppress(HygieiaError):  # the code is what must not get lost
            await Activity(self._documents, self._clock).append(account.id, freed)
        return code

    async def list(self, *, after: str | None, limit: int) -> tuple[list[Account], str | None]:
        """Accounts by id, for the host, and the cursor of those that follow."""
        page = await self._documents.scan(COLLECTION, after=after, limit=limit)
        return [read_account(document) for document in page.items], page.next

    async def _store(self, account: Account, rev: int) -> Account:
        document: Document = await self._documents.replace(
            COLLECTION, account.id, rev, account.body()
        )
        return read_account(document)

    async def _sign_out_everywhere(self, account_id: str) -> None:
        await self._sessions.end_all(account_id)
        await self._devices.forget_all(account_id)


def _at(signed_in: SignedIn, rev: int) -> Account:
    """The account as read with the session, which must be what the change starts from."""
    if signed_in.account.rev != rev:
        raise StaleRevision("The account was changed meanwhile.")
    return signed_in.account


def merged(account: Account, seal: Seal, now: datetime) -> str:
    """The account's certificate with what the submitted one adds. Blocks about a millisecond.

    Raises:
        CertificateRefused: the submitted certificate is of another key, or unusable.
        InvalidInput: a part of the seal is not what it should be.
    """
    submitted = seal.check(account.email, now)
    return Certificate.parse(account.certificate, now=now).merge(submitted, now=now).armored
