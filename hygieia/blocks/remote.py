"""One remote gateway: bounded requests, what came of them, and how soon to ask again.

Nothing here trusts an answer; ``gateway`` verifies. A gateway is asked at the address given and
nowhere else: redirects are not followed (they would tell another host what is read), proxies from
the environment are not used, compressed answers are not unpacked.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import aiohttp

from hygieia.errors import InvalidInput
from hygieia.limits import MAX_BLOCK_BYTES, MAX_IPNS_RECORD_BYTES, MAX_URL_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hygieia.ipld.cid import CID

READ_BUFFER_BYTES: Final = 1 << 20
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
SLOW_WINDOW_SECONDS: Final = 30.0
SLOW_WINDOW_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a gateway may take, in seconds. ``stall``: without a single byte."""

    connect: float = 10.0
    stall: float = 15.0
    block: float = 90.0
    record: float = 15.0
    others: float = 5.0
    """How long the record of further gateways is waited for once one is had."""


class GatewayFailed(Exception):
    """This gateway did not serve this; another may. ``reason`` is fit for people."""

    passing = True
    """Whether asking it again in a while may help."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotServed(GatewayFailed):
    """It says that it does not have it (404, 410): no fault of the gateway."""

    passing = False


class NoCar(GatewayFailed):
    """It serves no such CAR: ask it for single blocks."""

    passing = False


class Lied(GatewayFailed):
    """What it sent does not hash to what was asked for."""

    passing = False


class Unfit(GatewayFailed):
    """It answers in a way that is not followed: a redirect, a compressed body."""

    passing = False


@dataclass(slots=True)
class Health:
    """What became of the requests to a gateway so far."""

    url: str
    served_blocks: int = 0
    served_bytes: int = 0
    failures: int = 0
    lies: int = 0
    last_failure: str | None = None


class RemoteGateway:
    """One gateway, by its address."""

    def __init__(
        self, url: str, patience: Patience, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.url = check_url(url)
        self.health = Health(self.url)
        self.serves_cars = True
        self._patience = patience
        self._clock = clock
        self._failed_in_a_row = 0
        self._paused_until = 0.0

    def rank(self) -> tuple[bool, bool]:
        """Sorts the better first: not a liar, not pausing."""
        return self.health.lies > 0, self.pause_seconds() > 0

    def pause_seconds(self) -> float:
        """How long it should be left alone, after failures or at its own request."""
        return max(0.0, self._paused_until - self._clock())

    def note_served(self, size_bytes: int) -> None:
        """Something verified came from it."""
        self.health.served_blocks += 1
        self.health.served_bytes += size_bytes
        self._failed_in_a_row = 0
        self._paused_until = 0.0

    def note_failure(self, failure: GatewayFailed, retry_after: float | None = None) -> None:
        """It failed: ask it less, and a liar last."""
        self.health.last_failure = failure.reason
        if isinstance(failure, NoCar):
            self.serves_cars = False
        if isinstance(failure, NotServed | NoCar):
            return
        self.health.failures += 1
        self.health.lies += isinstance(failure, Lied)
        pause = retry_after or FIRST_PAUSE_SECONDS * 2.0 ** min(self._failed_in_a_row, 6)
        self._failed_in_a_row += 1
        self._paused_until = self._clock() + min(pause, LONGEST_PAUSE_SECONDS)

    # -- requests ----------------------------------------------------------------------------

    async def block(self, session: aiohttp.ClientSession, cid: CID) -> bytes:
        """The bytes it sends for a block, unverified, at most the limit. Raises as below."""
        accept = "application/vnd.ipld.raw"
        times = self._times(self._patience.block)
        async with self._get(session, f"/ipfs/{cid}?format=raw", accept, times) as response:
            return await self._read(response, MAX_BLOCK_BYTES)

    async def record(self, session: aiohttp.ClientSession, name: str) -> bytes:
        """The IPNS record it sends, unverified. Raises as below."""
        path = f"/ipns/{quote(name, safe='')}?format=ipns-record"
        times = self._times(self._patience.record)
        accept = "application/vnd.ipfs.ipns-record"
        async with self._get(session, path, accept, times) as response:
            return await self._read(response, MAX_IPNS_RECORD_BYTES)

    @asynccontextmanager
    async def car(
        self,
        session: aiohttp.ClientSession,
        root: CID,
        path: Sequence[str],
        parameters: str,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A CAR as it comes in. Raises ``GatewayFailed``, here or while it is read."""
        segments = "".join(f"/{quote(name, safe='')}" for name in path)
        target = f"/ipfs/{root}{segments}?format=car&{parameters}"
        accept = "application/vnd.ipld.car; version=1; order=dfs; dups=y"
        try:
            async with self._get(session, target, accept, self._times(None)) as response:
                if response.content_type != "application/vnd.ipld.car":
                    raise self._failed(NoCar("serves no CARs"))
                _read_much_at_once(response)
                yield self._pieces(response)
        except Unfit as failure:
            raise self._failed(NoCar(failure.reason)) from failure

    async def _pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        started, received = self._clock(), 0
        try:
            # As it came: iter_any() would join the pieces, and the reader joins what it must.
            async for piece, _ in response.content.iter_chunks():
                received += len(piece)
                if piece:
                    yield piece
                if self._clock() - started > SLOW_WINDOW_SECONDS:
                    if received < SLOW_WINDOW_BYTES:
                        raise self._failed(GatewayFailed("sends next to nothing"))
                    started, received = self._clock(), 0
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._failed(GatewayFailed(_reason(error))) from error

    @asynccontextmanager
    async def _get(
        self,
        session: aiohttp.ClientSession,
        target: str,
        accept: str,
        times: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Accept": accept, "Accept-Encoding": "identity", "Cache-Control": "no-cache"}
        if accept.startswith("application/vnd.ipld"):
            del headers["Cache-Control"]  # a CID's content never changes: caches are welcome
        try:
            async with session.get(
                self.url + target,
                headers=headers,
                timeout=times,
                allow_redirects=False,
                read_bufsize=READ_BUFFER_BYTES,
            ) as response:
                self._check(response)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._failed(GatewayFailed(_reason(error))) from error

    async def _read(self, response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
        data = bytearray()
        async for piece in response.content.iter_any():
            data += piece
            if len(data) > limit_bytes:
                raise self._failed(Lied("sends more than was asked for can be"))
        return bytes(data)

    def _check(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status == 200:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise self._failed(Unfit("sends compressed answers unasked"))
            return
        if status in (404, 410, 412):
            raise self._failed(NotServed("does not have it"))
        if status in (400, 406, 415, 501):
            raise self._failed(Unfit(f"refuses this kind of request ({status})"))
        if 300 <= status < 400:
            raise self._failed(Unfit("redirects elsewhere, which is not followed"))
        retry_after = response.headers.get("Retry-After", "")
        wait = float(retry_after[:4]) if retry_after.isascii() and retry_after.isdigit() else None
        raise self._failed(GatewayFailed(f"answers {status}"), wait)

    def _failed(self, failure: GatewayFailed, retry_after: float | None = None) -> GatewayFailed:
        self.note_failure(failure, retry_after)
        return failure

    def _times(self, total: float | None) -> aiohttp.ClientTimeout:
        patience = self._patience
        return aiohttp.ClientTimeout(
            total=total, sock_connect=patience.connect, sock_read=patience.stall
        )


def _read_much_at_once(response: aiohttp.ClientResponse) -> None:
    """Have asyncio's own transports take up to a MiB at a time, four times their default."""
    transport = None if response.connection is None else response.connection.transport
    if transport is not None and hasattr(transport, "max_size"):
        transport.max_size = READ_BUFFER_BYTES


def check_url(url: str) -> str:
    """A gateway's address, in one form. Raises ``InvalidInput``."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    if (
        not usable
        or len(url) > MAX_URL_BYTES
        or parts.username is not None
        or parts.query
        or parts.fragment
        or any(character <= " " or character == "\x7f" for character in url)
    ):
        raise InvalidInput(
            "A gateway's address is missing or wrong.",
            hint="It looks like https://gateway.example, without anything after the host.",
        )
    return url.rstrip("/")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot be reached"
    return "breaks the connection off"
