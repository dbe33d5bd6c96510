"""``Idempotency-Key``: a request repeated under its key gets the first answer again.

A key belongs to an account and an operation. Only answers that changed something are kept, for a
day; a refusal is not, so what was refused can be tried again under the same key.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from hygieia.domain.claims import ATTEMPT_SECONDS
from hygieia.errors import Conflict, Duplicate, InvalidInput, NotFound, StaleRevision
from hygieia.openpgp.times import now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hygieia.documents.port import Body, DocumentStore

COLLECTION: Final = "idempotency"
KEPT_FOR: Final = timedelta(days=1)
UNDER_WAY_FOR: Final = timedelta(seconds=2 * ATTEMPT_SECONDS)
MAX_KEPT_CHARACTERS: Final = 500_000
_KEY: Final = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a repetition is answered with."""

    status: int
    text: str
    etag: str | None


class Idempotency:
    """Remembers answers by key."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def once(
        self, owner: str, key: str, request: str, work: Callable[[], Awaitable[KeptAnswer]]
    ) -> tuple[KeptAnswer, bool]:
        """Do ``work`` unless it was done under this key; returns the answer, and if it is old.

        ``request`` is all that makes two requests the same one.

        Raises:
            Conflict: the key stands for another request, or for one that is still under way.
            InvalidInput: the key is not 1 to 128 printable characters.
        """
        if not _KEY.fullmatch(key):
            raise InvalidInput("An Idempotency-Key is 1 to 128 printable characters.")
        name = hashlib.sha256(f"{owner}\0{key}".encode()).hexdigest()
        digest = hashlib.sha256(request.encode()).hexdigest()
        try:
            claim = await self._documents.insert(
                COLLECTION, name, {"request": digest}, expires=now() + UNDER_WAY_FOR
            )
        except Duplicate:
            return await self._kept(name, digest), True
        try:
            answer = await work()
        except BaseException:
            await self._documents.delete(COLLECTION, name)
            raise
        await self._keep(name, claim.rev, digest, answer)
        return answer, False

    async def _keep(self, name: str, rev: int, digest: str, answer: KeptAnswer) -> None:
        if len(answer.text) > MAX_KEPT_CHARACTERS:
            await self._documents.delete(COLLECTION, name)
            return
        body: Body = {
            "request": digest,
            "status": answer.status,
            "text": answer.text,
            "etag": answer.etag,
        }
        try:
            await self._documents.replace(COLLECTION, name, rev, body, expires=now() + KEPT_FOR)
        except (StaleRevision, NotFound):
            return  # it took so long that the key was free again

    async def _kept(self, name: str, digest: str) -> KeptAnswer:
        document = await self._documents.get(COLLECTION, name)
        if document is None or "status" not in document.body:
            raise Conflict("A request with this Idempotency-Key is still under way.")
        body = document.body
        if body["request"] != digest:
            raise Conflict("This Idempotency-Key was used for another request.")
        return KeptAnswer(
            cast("int", body["status"]), cast("str", body["text"]), cast("str | None", body["etag"])
        )
