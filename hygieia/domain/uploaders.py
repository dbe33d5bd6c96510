"""Who may store reports for an account: a plain permission by key (docs/spec/17-delegations.md §5).

It only opens the door to the owner's room. Whether what came in is hers to keep, the owner's
client judges by the delegation in her own index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from hygieia.errors import Conflict, Duplicate, LimitExceeded, NotFound, StaleRevision
from hygieia.openpgp.times import format_time

if TYPE_CHECKING:
    from datetime import datetime

    from hygieia.documents.port import DocumentStore

COLLECTION: Final = "uploaders"
MAX_UPLOADERS: Final = 256
_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Uploader:
    """A key that may store for an account until a time."""

    key: str
    expires: str


class Uploaders:
    """The permissions that accounts gave."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def allow(self, account: str, key: str, expires: datetime) -> Uploader:
        """Let ``key`` store for ``account`` until ``expires``; a second call moves the time.

        Raises ``LimitExceeded`` for one more than 256 of them, ``Conflict``.
        """
        others = [each.key for each in await self.all_of(account) if each.key != key]
        if len(others) >= MAX_UPLOADERS:
            raise LimitExceeded(
                f"At most {MAX_UPLOADERS} people may store for one account.",
                hint="End what somebody no longer needs first: hygieia undelegate",
            )
        body = {"account": account, "key": key, "expires": format_time(expires)}
        for _ in range(_TRIES):
            document = await self._documents.get(COLLECTION, _id(account, key))
            try:
                if document is None:
                    await self._documents.insert(
                        COLLECTION, _id(account, key), dict(body), scope=account, expires=expires
                    )
                else:
                    await self._documents.replace(
                        COLLECTION, document.id, document.rev, dict(body), expires=expires
                    )
            except (Duplicate, StaleRevision, NotFound):
                continue
            return Uploader(key, body["expires"])
        raise Conflict("This permission is being changed by too many requests at once.")

    async def may(self, account: str, key: str) -> bool:
        """Whether ``key`` may store for ``account`` now."""
        return await self._documents.get(COLLECTION, _id(account, key)) is not None

    async def all_of(self, account: str) -> list[Uploader]:
        """Everybody who may."""
        page = await self._documents.page(COLLECTION, account, limit=MAX_UPLOADERS)
        return [
            Uploader(cast("str", item.body["key"]), cast("str", item.body["expires"]))
            for item in page.items
        ]

    async def forbid(self, account: str, key: str) -> None:
        """Take the permission back. Raises ``NotFound``."""
        if not await self._documents.delete(COLLECTION, _id(account, key)):
            raise NotFound("This key may not store for you.")

    async def drop_account(self, account: str) -> None:
        """Forget the permissions that an account gave: it is going."""
        for uploader in await self.all_of(account):
            await self._documents.delete(COLLECTION, _id(account, uploader.key))


def _id(account: str, key: str) -> str:
    return f"{account}.{key[:64]}"
