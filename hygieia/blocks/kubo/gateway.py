"""Reads through a Kubo's own gateway, which gives blocks and files at a fraction of its RPC's cost.

Nothing here is hashed: the block store around it does that, or whoever is served does. Blocking
reads in threads of their own (``http.client``), as bodies then cost one copy: through the event
loop they cost five. Spec: https://specs.ipfs.tech/http-gateways/.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from hygieia.blocks.kubo.splicing import CAN_SPLICE, Splice
from hygieia.errors import BlockMissing, BlockRefused, ConfigError, Unavailable
from hygieia.limits import MAX_BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hygieia.ipld.cid import CID

T = TypeVar("T")

READS_AT_ONCE: Final = 8
FILES_AT_ONCE: Final = 16
SILENCE_SECONDS: Final = 5
START_TRIES: Final = 4
START_PAUSE_SECONDS: Final = 1
PIECE_SECONDS: Final = 30
"""For a block or a piece of a file: one that trickles is no better than silence."""
LOOK_EVERY_SECONDS: Final = 1
PIECE_BYTES: Final = 1 << 20
_DOWN: Final = "The block store's gateway does not answer."


class _Failed(Exception):
    """Not what was asked for came back; the connection is of no more use."""


class _Limit:
    """How long a thread may read what it reads now. The event loop hangs up when it is over."""

    def __init__(self) -> None:
        self.connection: http.client.HTTPConnection | None = None
        self.renew()

    def renew(self) -> None:
        """The next block begins."""
        self.until = time.monotonic() + PIECE_SECONDS

    def hang_up(self) -> None:
        """End the reading at once, as if the other end had gone."""
        sock = self.connection and self.connection.sock
        if sock:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # past TLS, which would take turns


class KuboGateway:
    """One Kubo's gateway. Errors of any call: ``Unavailable``, for which the RPC is the other way."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
            raise ConfigError(
                "HYGIEIA_KUBO_GATEWAY cannot be understood.",
                hint="It is written http://HOST:8080.",
            )
        secure = parts.scheme == "https"
        self._kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self.can_relay = CAN_SPLICE and not secure
        self._where = (parts.hostname, parts.port or (443 if secure else 80))
        # Under the name localhost a Kubo sends each CID to a host of its own.
        shown = "127.0.0.1" if parts.hostname == "localhost" else parts.netloc
        self._headers = {"Host": shown, "Accept-Encoding": "identity", "User-Agent": "hygieia"}
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._threads = ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="kubo-gateway")
        # Who reads slowly holds one of these for long: they are not those that read blocks.
        self._relays = ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="kubo-relay")
        self._files = 0
        self._limits: set[_Limit] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._silent_until = 0.0
        self._closed = False

    async def close(self) -> None:
        """Let go of threads and connections; later calls raise ``Unavailable``."""
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
        for limit in tuple(self._limits):
            limit.hang_up()
        for threads in (self._threads, self._relays):
            await asyncio.to_thread(threads.shutdown, wait=True, cancel_futures=True)
        while self._idle:
            self._idle.pop().close()

    async def blocks(self, cids: Sequence[CID], *, max_bytes: int | None = None) -> list[bytes]:
        """The blocks' bytes, as ``BlockStore.get_many`` gives them but not hashed.

        Raises ``BlockMissing``, and ``BlockRefused`` for one over 2 MiB.
        """
        return await self._in_thread(lambda limit: self._blocks(cids, max_bytes, limit))

    async def file(self, root: CID, first: int, end: int) -> FileStream | None:
        """Bytes ``first`` ... ``end`` of a UnixFS file as a stream; None where it is not to be had."""
        if self._files >= FILES_AT_ONCE:
            return None
        self._files += 1
        try:
            connection, answer = await self._in_thread(
                lambda limit: self._open_file(root, first, end, limit)
            )
        except (Unavailable, BlockMissing):
            self._files -= 1
            return None
        except BaseException:
            self._files -= 1
            raise
        return FileStream(self, connection, answer)

    # -- in threads --------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[[_Limit], T]) -> T:
        if self._closed:
            raise Unavailable(_DOWN)
        loop = asyncio.get_running_loop()
        if self._watch is None:
            self._watch = loop.call_later(LOOK_EVERY_SECONDS, self._look, loop)
        try:
            return await loop.run_in_executor(self._threads, lambda: self._limited(work))
        except (OSError, http.client.HTTPException, _Failed):
            raise Unavailable(_DOWN) from None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hang up where a limit is over; again and again until the gateway is closed."""
        now = time.monotonic()
        for limit in tuple(self._limits):  # threads change it meanwhile
            if limit.until < now:
                limit.hang_up()
        self._watch = loop.call_later(LOOK_EVERY_SECONDS, self._look, loop)

    def _limited(self, work: Callable[[_Limit], T]) -> T:
        """Do work in a thread, unless others met with silence while it waited for its turn."""
        if self._closed or time.monotonic() < self._silent_until:
            raise _Failed
        limit = _Limit()
        self._limits.add(limit)
        try:
            return work(limit)
        except TimeoutError:
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            raise
        finally:
            limit.connection = None
            self._limits.discard(limit)

    def _blocks(self, cids: Sequence[CID], max_bytes: int | None, limit: _Limit) -> list[bytes]:
        found: list[bytes] = []
        used = 0
        for cid in cids:
            limit.renew()
            with self._asked(f"/ipfs/{cid}?format=raw", limit) as answer:
                _check_status(answer, 200, cid)
                size = _length(answer)
                if size > MAX_BLOCK_BYTES:
                    raise BlockRefused("A block is over 2 MiB.")
                used += size
                if found and max_bytes is not None and used > max_bytes:
                    return found
                data = answer.read(size)
                if len(data) != size:
                    raise _Failed
                found.append(data)
        return found

    def _open_file(
        self, root: CID, first: int, end: int, limit: _Limit
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        asked = {"Range": f"bytes={first}-{end - 1}"}
        connection, answer = self._ask(f"/ipfs/{root}", limit, asked)
        try:
            _check_status(answer, 206, root)
            _check_range(answer, first, end)
        except BaseException:
            connection.close()
            raise
        return connection, answer

    def check(self, cid: CID, data: bytes, offer: Callable[[], None]) -> None:
        """Whether it has a block that ``offer`` gave to its Kubo. Blocks: at start.

        Raises ``ConfigError``, and what ``offer`` raises.
        """
        hint = "Is it the gateway of the Kubo in HYGIEIA_BLOCKS, on port 8080?"
        found: list[bytes] = []
        for tries_left in reversed(range(START_TRIES)):
            # Nothing pins it: another server's sweep may have come between.
            offer()
            try:
                found = self._blocks([cid], None, _Limit())
                break
            except (OSError, http.client.HTTPException, _Failed):
                # Both may just have been started, on a machine that is busy with it.
                if not tries_left:
                    words = "No gateway answers at HYGIEIA_KUBO_GATEWAY."
                    raise ConfigError(words, hint=hint) from None
                time.sleep(START_PAUSE_SECONDS)
            except BlockMissing:
                continue
            except BlockRefused:
                break
        if found != [data]:
            raise ConfigError(
                "The gateway at HYGIEIA_KUBO_GATEWAY does not have what the Kubo has.", hint=hint
            )

    @contextlib.contextmanager
    def _asked(self, target: str, limit: _Limit) -> Iterator[http.client.HTTPResponse]:
        connection, answer = self._ask(target, limit, {})
        try:
            yield answer
        finally:
            self.give_back(connection, answer)

    def _ask(
        self, target: str, limit: _Limit, headers: dict[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Ask over a connection that is open already, if one is, and else or then over a new one."""
        with contextlib.suppress(IndexError):
            limit.connection = used = self._idle.pop()
            try:
                return used, self._asked_over(used, target, headers)
            except TimeoutError:
                used.close()
                raise
            except (OSError, http.client.HTTPException):
                used.close()  # it was closed at the other end while it lay here
        if self._closed:
            raise _Failed
        limit.connection = fresh = self._kind(*self._where, timeout=SILENCE_SECONDS)
        try:
            return fresh, self._asked_over(fresh, target, headers)
        except BaseException:
            fresh.close()
            raise

    def _asked_over(
        self, connection: http.client.HTTPConnection, target: str, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        connection.request("GET", target, headers=self._headers | headers)
        return connection.getresponse()

    def give_back(
        self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse
    ) -> None:
        """Keep a connection whose answer was read to its end, close any other."""
        at_its_end = answer.isclosed() and connection.sock is not None
        if not at_its_end or self._closed or len(self._idle) >= READS_AT_ONCE:
            connection.close()
            return
        self._idle.append(connection)

    # -- files -------------------------------------------------------------------------------

    async def next_piece(
        self, connection: http.client.HTTPConnection, read: Callable[[int], bytes]
    ) -> bytes:
        """The next of a file, nothing at its end and where it breaks off."""

        def work(limit: _Limit) -> bytes:
            limit.connection = connection
            return read(PIECE_BYTES)

        try:
            return await self._in_thread(work)
        except Unavailable:
            return b""

    async def relay(self, source: int, sink: int, size_bytes: int) -> int:
        """Move bytes between two sockets; how many, fewer where it goes too slowly to be worth it.

        Raises ``SinkFailed``.
        """
        stopped = threading.Event()
        splice = Splice(source, sink, stopped)
        work = asyncio.get_running_loop().run_in_executor(
            self._relays,
            lambda: splice.move(size_bytes, silence_seconds=SILENCE_SECONDS),
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stopped.set()
            await asyncio.wait([work])  # the sockets are its callers', who will close them
            raise

    def file_done(
        self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse
    ) -> None:
        """A stream has ended."""
        self._files -= 1
        self.give_back(connection, answer)


class FileStream:
    """A file's bytes as they come, not hashed. ``close`` it."""

    def __init__(
        self,
        gateway: KuboGateway,
        connection: http.client.HTTPConnection,
        answer: http.client.HTTPResponse,
    ) -> None:
        self._gateway = gateway
        self._connection = connection
        self._answer = answer
        self._reading: asyncio.Task[bytes] | None = None

    async def read(self) -> bytes:
        """The next piece while the one after it is being read; nothing at the end.

        The end may come too early: what was read is good, the rest is to be had another way.
        """
        reading = self._reading or self._start()
        piece = await reading
        self._reading = self._start() if piece else None
        return piece

    def _start(self) -> asyncio.Task[bytes]:
        return asyncio.create_task(self._gateway.next_piece(self._connection, self._answer.read))

    async def read_before_relay(self) -> bytes:
        """The first piece, of any size, after which nothing of the file is in this process."""
        return await self._gateway.next_piece(self._connection, self._answer.read1)

    async def relay_to(self, sink: int) -> int:
        """See ``FileBytes.relay_to``."""
        length, connection = self._answer.length, self._connection.sock
        if not length or connection is None:
            return 0
        return await self._gateway.relay(connection.fileno(), sink, length)

    async def close(self) -> None:
        """Let go of the connection; a thread that still reads from it is let finish."""
        if self._reading is not None:
            await asyncio.wait([self._reading])
        self._gateway.file_done(self._connection, self._answer)


def _check_status(answer: http.client.HTTPResponse, wanted: int, cid: CID) -> None:
    if answer.status == 404:
        raise BlockMissing(f"The block {str(cid)[:64]} is not here.")
    if answer.status != wanted:
        raise _Failed


def _check_range(answer: http.client.HTTPResponse, first: int, end: int) -> None:
    shown = answer.headers.get("Content-Range", "")
    if _length(answer) != end - first or not shown.startswith(f"bytes {first}-{end - 1}/"):
        raise _Failed


def _length(answer: http.client.HTTPResponse) -> int:
    if answer.length is None or answer.chunked:
        raise _Failed
    return int(answer.length)
