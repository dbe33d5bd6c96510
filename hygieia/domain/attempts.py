"""Limits on guessing (docs/spec/09-accounts.md §5, threat WB-07).

An attempt is one small document in the list of what it is counted against: an email, a network
address, a known device. It is written before the secret is looked at and taken back unless the
secret was wrong, so any number of attempts at once pass no more of them than the limit, on any
number of servers. The documents expire with the window.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hygieia.errors import CredentialsError, HygieiaError, TooManyAttempts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from hygieia.documents.port import Document, DocumentStore
    from hygieia.domain.server_secrets import ServerSecrets

COLLECTION: Final = "attempts"
GROWING_WAITS: Final = 7
"""The last seven failures before the limit are followed by 1, 2, 4 … 64 seconds."""

_MAX_FAILURES: Final = 200
_MAX_AT_ONCE: Final = 600
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures within a window; fewer once waits have begun to grow."""

    failures: int
    window: timedelta

    def wait(self, failures: Sequence[datetime], now: datetime) -> timedelta:
        """How long until the next attempt, given the failures in the window, newest first."""
        most = min(self.failures, _MAX_FAILURES)
        if not failures:
            return timedelta(0)
        if len(failures) >= most:
            return max(failures[most - 1] + self.window - now, timedelta(0))
        step = len(failures) - max(0, most - GROWING_WAITS)
        if step < 0:
            return timedelta(0)
        return max(failures[0] + timedelta(seconds=2**step) - now, timedelta(0))


@dataclass(frozen=True, slots=True)
class Bucket:
    """What attempts are counted against: a limit and the list they are kept in."""

    scope: str
    limit: Limit


class Attempts:
    """Counts attempts against emails, addresses, devices and signed-in accounts."""

    def __init__(
        self,
        documents: DocumentStore,
        server_secrets: ServerSecrets,
        clock: Callable[[], datetime],
        *,
        account: Limit,
        address: Limit,
    ) -> None:
        self._documents = documents
        self._secrets = server_secrets
        self._clock = clock
        self._account = account
        self._address = address

    def of_email(self, email: str) -> Bucket:
        """Attempts on one email, whether or not it has an account."""
        return self._bucket("email", email, self._account)

    def of_address(self, address: str) -> Bucket:
        """Attempts from one network address; of IPv6, from one /64, which is one customer's."""
        return self._bucket("address", network_of(address), self._address)

    def of_device(self, device_id: str) -> Bucket:
        """Attempts from a device its owner has signed in on: nobody else can use these up."""
        return self._bucket("device", device_id, self._account)

    def of_account(self, account_id: str) -> Bucket:
        """Attempts to prove the password again within a session."""
        return self._bucket("account", account_id, self._account)

    def of_sign_ups(self, address: str) -> Bucket:
        """Sign-ups from one network address."""
        return self._bucket("sign-up", network_of(address), self._address)

    def of_look_ups(self, account_id: str) -> Bucket:
        """People looked up by email from one account."""
        return self._bucket("look-up", account_id, self._address)

    @contextlib.asynccontextmanager
    async def attempt(self, *buckets: Bucket) -> AsyncIterator[None]:
        """Runs one attempt. It stays counted if it ends in CredentialsError, or is cut off.

        Raises:
            TooManyAttempts: one of the buckets is used up for now.
        """
        records = await self.count(*buckets)
        try:
            yield
        except CredentialsError:
            raise
        except HygieiaError:
            await self._withdraw(records)
            raise
        else:
            await self._withdraw(records)

    async def look(self, *buckets: Bucket) -> None:
        """Raises TooManyAttempts where an attempt would now; it counts and writes nothing."""
        now = self._clock()
        for bucket in buckets:
            _refuse_within(bucket.limit.wait(await self._times(bucket), now))

    async def count(self, *buckets: Bucket) -> list[str]:
        """Counts an attempt that stays counted however it ends. Raises TooManyAttempts."""
        await self.look(*buckets)
        now = self._clock()
        records = [await self._record(bucket, now) for bucket in buckets]
        # Others may have been counted since the first look: those before this one go first.
        for bucket, record in zip(buckets, records, strict=True):
            wait = bucket.limit.wait(await self._times(bucket, before=record), now)
            if wait > timedelta(0):
                await self._withdraw([record.id for record in records])
                _refuse_within(wait)
        return [record.id for record in records]

    def _bucket(self, kind: str, subject: str, limit: Limit) -> Bucket:
        # Keyed, so that a dump of the database names neither addresses nor strangers' emails.
        return Bucket(self._secrets.digest(f"attempts {kind}", subject).hex(), limit)

    async def _times(self, bucket: Bucket, before: Document | None = None) -> list[datetime]:
        """Times counted in the bucket, newest first; with ``before``, only those ahead of it."""
        most = min(bucket.limit.failures, _MAX_FAILURES)
        limit = most if before is None else most + _MAX_AT_ONCE
        page = await self._documents.page(COLLECTION, bucket.scope, limit=limit, newest_first=True)
        items = page.items
        if before is not None:
            items = tuple(item for item in items if (item.sort, item.id) < (before.sort, before.id))
        return [_EPOCH + int(item.sort) * _MILLISECOND for item in items[:most]]

    async def _record(self, bucket: Bucket, now: datetime) -> Document:
        return await self._documents.insert(
            COLLECTION,
            secrets.token_hex(16),
            {},
            scope=bucket.scope,
            sort=f"{(now - _EPOCH) // _MILLISECOND:015d}",
            expires=now + bucket.limit.window,
        )

    async def _withdraw(self, records: Sequence[str]) -> None:
        for record in records:
            await self._documents.delete(COLLECTION, record)


class InFlight:
    """Bounds how many attempts one process works on at a time, in all and for each subject.

    It is there for memory and processor only, so it may be each process's own: what counts as a
    guess is counted in the store.
    """

    def __init__(self, total: int = 64, each: int = 16, *, of: str = "attempts") -> None:
        self._total = total
        self._each = each
        self._of = of
        self._now: dict[str, int] = {}

    @property
    def running(self) -> int:
        """How many places are taken."""
        return sum(self._now.values())

    @contextlib.contextmanager
    def enter(self, subject: str) -> Iterator[None]:
        """Holds a place while the work goes on. Raises TooManyAttempts when there is none."""
        if self.running >= self._total or self._now.get(subject, 0) >= self._each:
            raise TooManyAttempts(f"Too many {self._of} at once.", retry_after_seconds=2)
        self._now[subject] = self._now.get(subject, 0) + 1
        try:
            yield
        finally:
            self._now[subject] -= 1
            if not self._now[subject]:
                del self._now[subject]


def network_of(address: str) -> str:
    """The address that attempts count against: IPv4 whole, the /64 of IPv6, else one for all."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)


def too_many(what: str, seconds: float) -> TooManyAttempts:
    """The refusal of what may be tried again in so many seconds, counted in whole ones."""
    whole = max(1, math.ceil(seconds))
    wait = "1 second" if whole == 1 else f"{whole} seconds"
    return TooManyAttempts(f"Too many {what}. Try again in {wait}.", retry_after_seconds=whole)


def _refuse_within(wait: timedelta) -> None:
    if wait > timedelta(0):
        raise too_many("attempts", wait.total_seconds())
