"""``Idempotency-Key``: a request repeated under its key gets the first answer again.

Only answers that finished what was asked are kept, for a day: what was refused, or done in part,
can be tried again under the same key. They may hold a session's token, so each is sealed under a
key made of the server's secret, the client's key and the whole request; the store learns neither
of those. Whoever reads a kept answer sent the very request that it answers.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hygieia.domain.leases import is_set_within
from hygieia.errors import (
    Conflict,
    Duplicate,
    HygieiaError,
    InvalidInput,
    NotFound,
    StaleRevision,
    Unavailable,
)
from hygieia.openpgp.times import now
from hygieia.server.logs import get_log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from hygieia.documents.port import Body, Document, DocumentStore
    from hygieia.domain.server_secrets import ServerSecrets

COLLECTION: Final = "idempotency"
KEPT_FOR: Final = timedelta(days=1)
UNDER_WAY_FOR: Final = timedelta(seconds=10)
"""How long a request that a killed server left behind stands in the way of its repetition."""
RENEW_SECONDS: Final = 3.0
WAIT_SECONDS: Final = 15.0
"""How long a repetition waits for a first request under way: longer than for one that was killed."""
MAX_KEPT_CHARACTERS: Final = 500_000
PARTLY_DONE: Final = 207
_POLL_SECONDS: Final = 0.1
_NONCE_BYTES: Final = 12
_KEY: Final = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished answer: status, JSON text ("" for none), headers, and a cookie to set ("" ends it)."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    cookie: str | None = field(default=None, repr=False)

    @property
    def is_final(self) -> bool:
        """Whether all that was asked is done."""
        return 200 <= self.status < 300 and self.status != PARTLY_DONE


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a key. ``whose`` may repeat it; ``text`` is all that makes it this request."""

    whose: str
    key: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(slots=True)
class _Claim:
    name: str
    rev: int


def require_key(key: str) -> None:
    """Raise ``InvalidInput`` for a key that clients may not choose."""
    if not _KEY.fullmatch(key):
        raise InvalidInput("An Idempotency-Key is 1 to 128 printable characters.")


class Idempotency:
    """Remembers answers by key."""

    def __init__(
        self,
        documents: DocumentStore,
        server_secrets: ServerSecrets,
        *,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._documents = documents
        self._secrets = server_secrets
        self._wait_seconds = wait_seconds

    async def once(
        self, asked: Asked, work: Callable[[], Awaitable[Finished]]
    ) -> tuple[Finished, bool]:
        """Do ``work`` unless it was done under this key; returns the answer, and if it is old.

        Of two at once the second waits for the first, and does the work itself if that fails.

        Raises:
            Conflict: the key stands for another request.
            Unavailable: the first takes long; it may be asked for again.
        """
        name, deadline = self._name(asked), asyncio.get_running_loop().time() + self._wait_seconds
        while True:
            try:
                claim = await self._documents.insert(
                    COLLECTION,
                    name,
                    {"request": self._request(asked)},
                    expires=now() + UNDER_WAY_FOR,
                )
            except Duplicate:
                kept = await self.find(asked)
                if kept is not None:
                    return kept, True
                if asyncio.get_running_loop().time() > deadline:
                    raise Unavailable(
                        "A request with this Idempotency-Key is still under way."
                    ) from None
                await asyncio.sleep(_POLL_SECONDS)
                continue
            return await self._work(asked, _Claim(name, claim.rev), work), False

    async def find(self, asked: Asked) -> Finished | None:
        """The answer kept for this request, if there is one. Raises ``Conflict`` for another's."""
        document = await self._record(asked)
        if document is None:
            return None
        sealed = document.body.get("sealed")
        return self._unseal(asked, sealed) if isinstance(sealed, str) else None

    async def is_known(self, asked: Asked) -> bool:
        """Whether it was answered or is under way. Raises ``Conflict`` for another's key."""
        return await self._record(asked) is not None

    async def _record(self, asked: Asked) -> Document | None:
        document = await self._documents.get(COLLECTION, self._name(asked))
        if document is not None and not secrets.compare_digest(
            str(document.body["request"]), self._request(asked)
        ):
            raise Conflict("This Idempotency-Key was used for another request.")
        return document

    async def _work(
        self, asked: Asked, claim: _Claim, work: Callable[[], Awaitable[Finished]]
    ) -> Finished:
        try:
            async with self._renewed(claim):
                answer = await work()
        except BaseException:
            await self._forget(claim)
            raise
        if answer.is_final and len(answer.text) <= MAX_KEPT_CHARACTERS:
            await self._keep(asked, claim, answer)
        else:
            await self._forget(claim)
        return answer

    @contextlib.asynccontextmanager
    async def _renewed(self, claim: _Claim) -> AsyncIterator[None]:
        """Keep the claim while the work goes on; a killed server's is over soon."""
        over = asyncio.Event()
        task = asyncio.create_task(self._renew(claim, over))
        try:
            yield
        finally:
            # Not cancelled: cut off in the middle of a renewal, it would not know the claim's rev,
            # and the answer could not be kept under it.
            over.set()
            await task

    async def _renew(self, claim: _Claim, over: asyncio.Event) -> None:
        while not await is_set_within(over, RENEW_SECONDS):
            with _logged("renewed"):
                document = await self._documents.get(COLLECTION, claim.name)
                if document is None or document.rev != claim.rev:
                    return  # it took so long that the key was free again
                renewed = await self._documents.replace(
                    COLLECTION,
                    claim.name,
                    claim.rev,
                    document.body,
                    expires=now() + UNDER_WAY_FOR,
                )
                claim.rev = renewed.rev

    async def _forget(self, claim: _Claim) -> None:
        with _logged("dropped"):
            await self._documents.delete(COLLECTION, claim.name, rev=claim.rev)

    async def _keep(self, asked: Asked, claim: _Claim, answer: Finished) -> None:
        body: Body = {"request": self._request(asked), "sealed": self._seal(asked, answer)}
        # Not kept if it took so long that the key was free again.
        with _logged("kept"):
            await self._documents.replace(
                COLLECTION, claim.name, claim.rev, body, expires=now() + KEPT_FOR
            )

    def _name(self, asked: Asked) -> str:
        return self._digest("name", asked.whose, asked.key).hex()

    def _request(self, asked: Asked) -> str:
        return self._digest("request", asked.text).hex()

    def _sealing_key(self, asked: Asked) -> AESGCM:
        return AESGCM(self._digest("seal", asked.whose, asked.key, asked.text))

    def _digest(self, purpose: str, *parts: str) -> bytes:
        return self._secrets.digest(f"idempotency {purpose}", json.dumps(parts))

    def _seal(self, asked: Asked, answer: Finished) -> str:
        # One answer is ever sealed under a key, but for a claim lost and taken anew: a random
        # nonce is safe for that.
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = json.dumps(asdict(answer)).encode()
        sealed = self._sealing_key(asked).encrypt(nonce, plain, None)
        return base64.b64encode(nonce + sealed).decode()

    def _unseal(self, asked: Asked, sealed: str) -> Finished | None:
        octets = base64.b64decode(sealed)
        try:
            plain = self._sealing_key(asked).decrypt(
                octets[:_NONCE_BYTES], octets[_NONCE_BYTES:], None
            )
        except InvalidTag:
            return None  # sealed under another secret: as good as not kept
        return Finished(**cast("dict[str, object]", json.loads(plain)))  # type: ignore[arg-type]  # as _seal wrote it


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    """Log what a claim could not be: whoever asked is told of the request, which came to its end."""
    try:
        yield
    except (StaleRevision, NotFound):
        return  # it took so long that the key was free again
    except HygieiaError as error:
        get_log().warning(f"a claim could not be {what}", code=error.code, why=str(error))
