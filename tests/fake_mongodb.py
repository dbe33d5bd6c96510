"""Something that speaks as much of MongoDB's protocol as a driver's first questions need."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import bson

Document = Mapping[str, Any]

PRIMARY: Document = {
    "isWritablePrimary": True,
    "setName": "rs0",
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "logicalSessionTimeoutMinutes": 30,
}
MODERN: Document = {"version": "7.0.1", "versionArray": [7, 0, 1, 0]}


@dataclass
class FakeMongoDb:
    """Answers commands by their name, `ok` to those it does not know, and remembers them.

    The first so many commands of a name in `drops` are swallowed, and their connection cut.
    """

    answers: dict[str, Document]
    drops: dict[str, int] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    def named(self, name: str) -> list[dict[str, Any]]:
        """The commands of this name, in order."""
        return [command for command in self.asked if next(iter(command)) == name]

    def answer(self, command: dict[str, Any]) -> Document | None:
        """What to answer, None to hang up."""
        name = next(iter(command))
        self.asked.append(command)
        if self.drops.get(name):
            self.drops[name] -= 1
            return None
        return {**self.answers.get(name, {}), "ok": 1}


@contextlib.contextmanager
def fake_mongodb(
    hello: Document = PRIMARY, about: Document = MODERN, **answers: Document
) -> Iterator[FakeMongoDb]:
    """One on a port of its own."""
    made = FakeMongoDb({"buildInfo": about, **answers})
    with _listening(made) as made.port:
        address = f"127.0.0.1:{made.port}"
        told = {**hello, "me": address, "hosts": [address]} if "setName" in hello else dict(hello)
        made.answers |= {"hello": told, "ismaster": told}
        yield made


@contextlib.contextmanager
def noise() -> Iterator[int]:
    """A port where something else answers."""
    with _listening(None) as port:
        yield port


@contextlib.contextmanager
def _listening(server: FakeMongoDb | None) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, server), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def _serve(listener: socket.socket, server: FakeMongoDb | None) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_talk, args=(connection, server), daemon=True).start()


def _talk(connection: socket.socket, server: FakeMongoDb | None) -> None:
    with connection, contextlib.suppress(OSError, struct.error):
        while True:
            length, request, _, opcode = struct.unpack("<iiii", connection.recv(16))
            question = connection.recv(length - 16, socket.MSG_WAITALL)
            if server is None:
                connection.sendall(b"220 ready to send mail\r\n")
                return
            answer = server.answer(_command(opcode, question))
            if answer is None:
                return
            connection.sendall(_packed(request, opcode, answer))


def _command(opcode: int, question: bytes) -> dict[str, Any]:
    """What OP_MSG asks (its first section), or the legacy OP_QUERY that a driver greets with."""
    start = question.index(b"\0", 4) + 9 if opcode == 2004 else 5
    size = int.from_bytes(question[start : start + 4], "little")
    return bson.decode(question[start : start + size])


def _packed(request: int, opcode: int, answer: Document) -> bytes:
    """OP_MSG for OP_MSG, OP_REPLY for OP_QUERY."""
    legacy = opcode == 2004
    head = struct.pack("<iqii", 8, 0, 0, 1) if legacy else bytes(5)
    payload = head + bson.encode(answer)
    return struct.pack("<iiii", 16 + len(payload), 1, request, 1 if legacy else 2013) + payload
