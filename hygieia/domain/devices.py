"""Devices that an account's owner has signed in on (docs/spec/09-accounts.md §5).

A device token opens nothing. It says that whoever holds it has signed in before, so that its
attempts are counted apart from strangers': they cannot lock the owner out of a device she uses.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hygieia.domain.sessions import token_hash
from hygieia.errors import NotFound, StaleRevision
from hygieia.openpgp.times import format_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.documents.port import DocumentStore

COLLECTION: Final = "devices"
LIFETIME: Final = timedelta(days=365)
MAX_DEVICES: Final = 64
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_NO_TOKEN: Final = "0" * 43


class Devices:
    """Remembers an account's devices for a year after their last sign-in."""

    def __init__(self, documents: DocumentStore, clock: Callable[[], datetime]) -> None:
        self._documents = documents
        self._clock = clock

    async def recognise(self, token: str | None, account_id: str | None) -> str | None:
        """The device's id if the token is of one of this account's devices.

        The store is asked the same whether or not there is a token or an account.
        """
        given = token if token is not None and _TOKEN.fullmatch(token) else _NO_TOKEN
        document = await self._documents.get(COLLECTION, token_hash(given))
        if document is None or account_id is None or document.scope != account_id:
            return None
        return document.id

    async def remember(self, account_id: str, token: str | None) -> str:
        """Notes a sign-in: keeps the account's device of this token, else makes a new one.

        Returns the token to keep on the device.
        """
        now = self._clock()
        device_id = await self.recognise(token, account_id)
        if token is not None and device_id is not None and await self._renew(device_id, now):
            return token
        fresh = secrets.token_urlsafe(32)
        await self._documents.insert(
            COLLECTION,
            token_hash(fresh),
            {"created": format_time(now)},
            scope=account_id,
            sort=format_time(now),
            expires=now + LIFETIME,
        )
        await self._forget_beyond_the_most(account_id)
        return fresh

    async def forget_all(self, account_id: str) -> None:
        """Forgets the account's devices."""
        while True:
            page = await self._documents.page(COLLECTION, account_id, limit=MAX_DEVICES)
            for document in page.items:
                await self._documents.delete(COLLECTION, document.id)
            if page.next is None:
                return

    async def _renew(self, device_id: str, now: datetime) -> bool:
        document = await self._documents.get(COLLECTION, device_id)
        if document is None:
            return False
        try:
            await self._documents.replace(
                COLLECTION,
                device_id,
                document.rev,
                document.body,
                sort=format_time(now),
                expires=now + LIFETIME,
            )
        except StaleRevision:
            return True  # another sign-in of the same device has just renewed it
        except NotFound:
            return False
        return True

    async def _forget_beyond_the_most(self, account_id: str) -> None:
        page = await self._documents.page(
            COLLECTION, account_id, limit=MAX_DEVICES + 1, newest_first=True
        )
        for document in page.items[MAX_DEVICES:]:
            await self._documents.delete(COLLECTION, document.id)
