"""A TCP proxy that a test can make fail: a cable to pull between a server and its database."""

from __future__ import annotations

import contextlib
import enum
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PIECE_BYTES = 65536
SLOW_SECONDS = 0.1
HTTP_ERROR = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
    b'Content-Length: 42\r\n\r\n{"Message":"broken","Code":0,"Type":"err"}'
)


class Weather(enum.Enum):
    """What happens to what passes."""

    FINE = "all passes"
    GONE = "no connection is taken, none lives"
    DEAF = "connections are taken, questions are swallowed"
    FORGETFUL = "questions pass, then the connection is cut instead of the answer"
    GARBAGE = "answers are noise"
    SLOW = "answers take their time"
    ERRORS = "whatever is asked, an error is the answer"


@dataclass
class TcpProxy:
    """Listens on `port` and passes everything on to `target`, as the weather has it.

    In answers that come in one piece, as short ones do, each word of `told` stands in place of
    another one of its length: so a real server says that it is something else.
    """

    target: int
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    weather: Weather = Weather.FINE
    told: Mapping[bytes, bytes] = field(default_factory=dict)
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        """Where it listens."""
        number: int = self.listener.getsockname()[1]
        return number

    def turn(self, weather: Weather) -> None:
        """Changes the weather; connections of the old one are cut unless it gets fine or deaf."""
        self.weather = weather
        if weather is Weather.GONE:
            self.cut()

    def is_gone(self) -> bool:
        """Whether nobody listens, for who connects now."""
        return self.weather is Weather.GONE

    def cut(self) -> None:
        """Cuts every connection, in the middle of whatever it carries."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        """Takes connections until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.is_gone():
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                with self._lock:
                    if self.is_gone():  # since we connected
                        return
                    self._open |= {client, server}
                back = threading.Thread(target=self._answers, args=(server, client), daemon=True)
                back.start()
                try:
                    self._questions(client, server)
                finally:
                    self._cut_pair(client, server)
                    back.join()
                    with self._lock:
                        self._open -= {client, server}

    def _questions(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := client.recv(PIECE_BYTES):
                if self.weather is not Weather.DEAF:
                    server.sendall(piece)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := server.recv(PIECE_BYTES):
                match self.weather:
                    case Weather.FORGETFUL:
                        break
                    case Weather.GARBAGE:
                        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(64))
                    case Weather.ERRORS:
                        client.sendall(HTTP_ERROR)
                        break
                    case Weather.SLOW:
                        time.sleep(SLOW_SECONDS)
                        client.sendall(piece)
                    case _:
                        client.sendall(self._retold(piece))
        self._cut_pair(client, server)

    def _retold(self, piece: bytes) -> bytes:
        for said, instead in self.told.items():
            assert len(said) == len(instead)
            piece = piece.replace(said, instead)
        return piece

    @staticmethod
    def _cut_pair(*pair: socket.socket) -> None:
        for each in pair:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def tcp_proxy(target: int, told: Mapping[bytes, bytes] | None = None) -> Iterator[TcpProxy]:
    """A proxy before the port `target` of loopback, gone afterwards."""
    proxy = TcpProxy(target, told=told or {})
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.listener.shutdown(socket.SHUT_RDWR)
        proxy.listener.close()
        proxy.cut()
        thread.join()
