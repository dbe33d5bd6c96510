"""Finding a person by email, for those who are signed in (docs/spec/15-people.md §1).

The answer is a hint: whoever asks pins the certificate and compares the safety number. Look-ups
are counted, so that an account cannot be used to list who else has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygieia.domain.account import COLLECTION, AccountState, read_account
from hygieia.errors import NotFound
from hygieia.openpgp.parameters import normalise_email

if TYPE_CHECKING:
    from hygieia.documents.port import Document, DocumentStore
    from hygieia.domain.account import Account
    from hygieia.domain.attempts import Attempts


@dataclass(frozen=True, slots=True)
class Person:
    """What the server says of somebody with an account."""

    email: str
    name: str
    certificate: str


class Directory:
    """The people who have an account on this server."""

    def __init__(self, documents: DocumentStore, attempts: Attempts) -> None:
        self._documents = documents
        self._attempts = attempts

    async def find(self, asker: str, email: str) -> Person:
        """The person with this email, asked for by the account ``asker``.

        Raises ``InvalidInput`` for what is no email, ``NotFound``, and ``TooManyAttempts`` once
        the account has looked up too many.
        """
        normal = normalise_email(email)
        await self._attempts.count(self._attempts.of_look_ups(asker))
        person = _person(await self._documents.find(COLLECTION, normal))
        if person is None:
            raise NotFound(
                "Nobody with this email has a vault here.",
                hint="Ask them to sign up, or check the spelling.",
            )
        return person

    async def account_of(self, email: str, *, asker: str | None = None) -> Account | None:
        """The open account with this email, for the server's own use.

        Counted as ``find`` for the account ``asker``; without one where the answer does not tell
        whether there is such a person. Raises ``InvalidInput`` for what is no email,
        ``TooManyAttempts``.
        """
        normal = normalise_email(email)
        if asker is not None:
            await self._attempts.count(self._attempts.of_look_ups(asker))
        document = await self._documents.find(COLLECTION, normal)
        account = None if document is None else read_account(document)
        return account if account is not None and account.is_open else None

    async def of_account(self, account_id: str) -> Person | None:
        """The person behind an account that shared something; None once it is gone."""
        return _person(await self._documents.get(COLLECTION, account_id))


def _person(document: Document | None) -> Person | None:
    if document is None:
        return None
    account = read_account(document)
    if account.state is not AccountState.OPEN:
        return None
    return Person(account.email, account.name, account.certificate)
