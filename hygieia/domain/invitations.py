"""Invitations: codes that let one person sign up (docs/spec/09-accounts.md §1)."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hygieia.domain.sessions import token_hash
from hygieia.errors import Forbidden, NotFound, StaleRevision
from hygieia.openpgp.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.documents.port import Document, DocumentStore

COLLECTION: Final = "invitations"
LIFETIME: Final = timedelta(days=14)
_HELD: Final = timedelta(minutes=10)


class Invitations:
    """Makes invitations and sees that each is used once."""

    def __init__(self, documents: DocumentStore, clock: Callable[[], datetime]) -> None:
        self._documents = documents
        self._clock = clock

    async def make(self) -> str:
        """Returns a new code, good for one sign-up within two weeks."""
        now = self._clock()
        code = f"i-{secrets.token_urlsafe(16)}"
        await self._documents.insert(
            COLLECTION,
            token_hash(code),
            {"created": format_time(now), "held_by": None, "held_until": None},
            expires=now + LIFETIME,
        )
        return code

    async def hold(self, code: str, account_id: str) -> None:
        """Holds a code for a sign-up under way, so that no other can use it.

        A sign-up that dies half-way leaves it held for ten minutes.

        Raises:
            Forbidden: there is no such code, or someone else is using it.
        """
        document = await self._get(code)
        until = (self._clock() + _HELD).replace(microsecond=0)
        holder, held_until = document.body["held_by"], document.body["held_until"]
        if holder not in (None, account_id) and parse_time(held_until) > self._clock():
            raise _refusal()
        body = document.body | {"held_by": account_id, "held_until": format_time(until)}
        try:
            await self._documents.replace(COLLECTION, document.id, document.rev, body)
        except (StaleRevision, NotFound):
            raise _refusal() from None

    async def give_back(self, code: str) -> None:
        """Frees a code whose sign-up failed."""
        try:
            document = await self._get(code)
            body = document.body | {"held_by": None, "held_until": None}
            await self._documents.replace(COLLECTION, document.id, document.rev, body)
        except (Forbidden, StaleRevision, NotFound):
            return  # used up or taken by someone else meanwhile

    async def use_up(self, code: str) -> None:
        """Ends a code whose sign-up succeeded."""
        await self._documents.delete(COLLECTION, token_hash(code))

    async def _get(self, code: str) -> Document:
        document = await self._documents.get(COLLECTION, token_hash(code))
        if document is None:
            raise _refusal()
        return document


def _refusal() -> Forbidden:
    return Forbidden(
        "This invitation is not valid, or used already.", hint="Ask the host for another one."
    )
