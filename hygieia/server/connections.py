"""How long a client may take: a header within ten seconds, a body or an answer not at a crawl.

aiohttp keeps a connection that has sent half a header for minutes (threat CL-06), so each
connection's protocol is wrapped in a ``PatientProtocol`` that watches bytes and clock and closes
what is too slow:

* from the first byte of a header, or from connecting, ``HEADER_SECONDS`` until it is complete;
* while a body is awaited, at least ``MIN_BODY_BYTES`` in every ``BODY_WINDOW_SECONDS``, counted
  only while we are ready to read;
* while an answer is being sent, the client must take at least ``MIN_TAKEN_BYTES`` in every
  ``STALLED_SECONDS`` for which there is no room; where the system does not tell how much it takes,
  it must have made room by then.

A server that stood still itself (a paused machine, a frozen process) could neither read nor send
meanwhile. A limit that runs out over that begins anew, once: where it is always so, the server has
more connections than it can serve.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from aiohttp import web

from hygieia.server.protocol import connection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

HEADER_SECONDS: Final = 10.0
BODY_WINDOW_SECONDS: Final = 10.0
MIN_BODY_BYTES: Final = 10 * 1024
STALLED_SECONDS: Final = 30.0
MIN_TAKEN_BYTES: Final = 30 * 1024
STOOD_STILL_SECONDS: Final = 0.5
"""Who judges this much too late has not watched: the loop is to be held for 10 ms at most."""
TLS_HANDSHAKE_SECONDS: Final = 10.0
BACKLOG: Final = 1024
READ_AT_ONCE_BYTES: Final = 1 << 20
_ACKED_AT: Final = 120
"""Where ``tcpi_bytes_acked`` stands in Linux's ``struct tcp_info``; older ones end before it."""


class Patience:
    """The watched connections of one server, found by the protocol that aiohttp knows."""

    def __init__(
        self,
        *,
        header_seconds: float = HEADER_SECONDS,
        body_window_seconds: float = BODY_WINDOW_SECONDS,
        stalled_seconds: float = STALLED_SECONDS,
    ) -> None:
        self.header_seconds = header_seconds
        self.body_window_seconds = body_window_seconds
        self.stalled_seconds = stalled_seconds
        self.draining = False
        self._watched: dict[asyncio.BaseProtocol, PatientProtocol] = {}
        self._quiet = asyncio.Event()

    def watch(self, inner: asyncio.Protocol) -> PatientProtocol:
        """Wrap a connection's protocol."""
        watched = PatientProtocol(inner, self)
        self._watched[inner] = watched
        return watched

    def forget(self, inner: asyncio.Protocol) -> None:
        """The connection is gone."""
        self._watched.pop(inner, None)
        self._note_quiet()

    def header_done(self, request: web.Request) -> None:
        """The request's header has been read whole."""
        watched = self._watched.get(cast("asyncio.BaseProtocol", request.protocol))
        if watched is not None:
            watched.header_done(request)

    def answered(self, request: web.Request) -> None:
        """The handler is done with the request."""
        watched = self._watched.get(cast("asyncio.BaseProtocol", request.protocol))
        if watched is not None:
            watched.answered()
        self._note_quiet()

    async def drain(self, seconds: float) -> None:
        """Let requests under way finish, for at most ``seconds``; close what is idle.

        aiohttp's own shutdown drops the rest of a body that is still coming, so an upload would
        never finish: this comes before it.
        """
        self.draining = True
        for watched in list(self._watched.values()):
            watched.close_if_idle()
        self._note_quiet()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._quiet.wait()

    def _note_quiet(self) -> None:
        if self.draining and not any(watched.is_busy for watched in self._watched.values()):
            self._quiet.set()


PATIENCE: Final = web.AppKey("patience", Patience)


class PatientProtocol(asyncio.Protocol):
    """Hands everything on to aiohttp's protocol, and closes the connection of who is too slow."""

    def __init__(self, inner: asyncio.Protocol, patience: Patience) -> None:
        self._inner = inner
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._request: web.Request | None = None
        self._received_bytes = 0
        self._is_late = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._stalled_timer: asyncio.TimerHandle | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a request is being handled."""
        return self._request is not None

    def close_if_idle(self) -> None:
        """Close a connection that waits for its next request."""
        if self._request is None and self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for the first header."""
        self._transport = cast("asyncio.Transport", transport)
        read_much_at_once(self._transport)
        self._await_header()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Count; outside a request these bytes begin the next header."""
        self._received_bytes += len(data)
        if self._request is None and self._header_timer is None:
            self._await_header()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The client sends no more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """The client does not take what we send: give it a while."""
        if self._stalled_timer is None:
            self._watch_room()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        _cancel(self._stalled_timer)
        self._stalled_timer = None
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to watch."""
        _cancel(self._header_timer)
        self._header_timer = None
        _cancel(self._body_timer)
        self._body_timer = None
        _cancel(self._stalled_timer)
        self._stalled_timer = None
        self._patience.forget(self._inner)
        self._inner.connection_lost(exc)

    def header_done(self, request: web.Request) -> None:
        """A request is being handled: from here on its body is watched, if it has one."""
        _cancel(self._header_timer)
        self._header_timer = None
        self._request = request
        if request.can_read_body:
            self._watch_body()

    def answered(self) -> None:
        """The request is over; the next may begin."""
        self._request = None
        _cancel(self._body_timer)
        self._body_timer = None

    def _in(self, seconds: float, judge: Callable[[bool], None]) -> asyncio.TimerHandle:
        """Judge in so many seconds, told whether the server watched until then."""
        due = self._loop.time() + seconds

        def judge_now() -> None:
            was_late, self._is_late = self._is_late, self._loop.time() - due >= STOOD_STILL_SECONDS
            judge(was_late or not self._is_late)

        return self._loop.call_at(due, judge_now)

    def _await_header(self) -> None:
        self._header_timer = self._in(self._patience.header_seconds, self._judge_header)

    def _judge_header(self, watched: bool) -> None:
        if watched:
            self._close()
        else:
            self._await_header()

    def _watch_body(self) -> None:
        judge = partial(self._judge_body, self._received_bytes)
        self._body_timer = self._in(self._patience.body_window_seconds, judge)

    def _judge_body(self, received_before: int, watched: bool) -> None:
        request, transport = self._request, self._transport
        if request is None or transport is None or request.content.is_eof():
            return
        slow = self._received_bytes - received_before < MIN_BODY_BYTES
        if slow and watched and transport.is_reading():
            self._close()
        else:
            self._watch_body()

    def _watch_room(self) -> None:
        judge = partial(self._judge_room, _taken_bytes(self._transport))
        self._stalled_timer = self._in(self._patience.stalled_seconds, judge)

    def _judge_room(self, taken_before: int | None, watched: bool) -> None:
        # Room comes in steps of a MiB and more: who takes 40 kB/s, steadily, needs longer for one.
        taken = _taken_bytes(self._transport)
        slow = taken is None or taken_before is None or taken - taken_before < MIN_TAKEN_BYTES
        if slow and watched:
            self._close()
        else:
            self._watch_room()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class PatientSite(web.BaseSite):
    """Listens on sockets already bound, with every connection watched."""

    def __init__(
        self,
        runner: web.AppRunner,
        sockets: Sequence[socket.socket],
        patience: Patience,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(runner, ssl_context=tls, backlog=BACKLOG)
        self._sockets = list(sockets)
        self._patience = patience
        self._tls = tls
        self._servers: list[asyncio.Server] = []

    @property
    def name(self) -> str:
        """The first address listened on."""
        return str(self._sockets[0].getsockname())

    async def start(self) -> None:
        """Begin to listen."""
        await super().start()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner is not set up")
        loop = asyncio.get_running_loop()
        handshake = TLS_HANDSHAKE_SECONDS if self._tls else None
        for bound in self._sockets:
            self._servers.append(
                await loop.create_server(
                    lambda: self._patience.watch(connection(server, loop)),
                    sock=bound,
                    ssl=self._tls,
                    backlog=BACKLOG,
                    ssl_handshake_timeout=handshake,
                )
            )

    async def stop(self) -> None:
        """Take no more connections; those there are stay."""
        for server in self._servers:
            server.close()
        await super().stop()


def read_much_at_once(transport: asyncio.Transport) -> None:
    """Have asyncio's own transports take up to a MiB at a time; others are left as they are.

    A quarter is their default: four times the turns of the loop for a large body.
    """
    if hasattr(transport, "max_size"):
        transport.max_size = READ_AT_ONCE_BYTES


def _taken_bytes(transport: asyncio.Transport | None) -> int | None:
    """How many bytes the other end has acknowledged; None where the system does not tell."""
    sock = transport and transport.get_extra_info("socket")
    if not sock or not hasattr(socket, "TCP_INFO"):
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED_AT + 8)
    except OSError:
        return None
    return struct.unpack_from("=Q", info, _ACKED_AT)[0] if len(info) == _ACKED_AT + 8 else None


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
