"""Copies: small blocks, pins and IPNS records a second time, in plain files beside the catalogue.

Headers, nodes and index pages stand in the catalogue's rows. So that losing that one file does not
lose them, what a transaction adds is appended to ``copies/RANDOM`` and made durable before it is
committed (docs/adr/0010). That a pin or record ended is told by the transaction after the one that
ended it, so it is told of no end that was not committed, and before a sweep acts on it. Removed
blocks are told of nowhere: a catalogue remade from copies (``rebuild``) may have too much of them,
never too little.

A record is MAGIC, kind, length of the body (4 octets), CRC-32 of those two and the body (4), body:

* ``B``: length of the multihash (1), multihash, the block's bytes;
* ``P``: number (8), when it was pinned (float64, seconds since 1970), length of the root (2), root,
  name;
* ``R``: number (8), length of the name (2), name, IPNS record;
* ``U`` and ``D``: number (8) of the pin or of the record that ended.

Whoever meets something else looks for the next MAGIC: damage costs the record it hits. Each process
appends to a file of its own, locked as long as it does; a closed file is never appended to.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import secrets
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hygieia.blocks.embedded.packs import sync_folder, write_at

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

FOLDER: Final = "copies"
MAGIC: Final = b"\xc6HyC"
FILE_BYTES: Final = 32 << 20
"""A file is closed once it is longer than this; ``read`` takes one file into memory."""
MAX_BODY_BYTES: Final = 1 << 20
_WRITE_BYTES: Final = 1 << 20
_RECORDS_AT_ONCE: Final = 5000
_UNLOCKED: Final = "new-"
_ROWS_A_PAGE: Final = 500
_HEAD: Final = struct.Struct(">4scII")
_PIN: Final = struct.Struct(">QdH")
_RECORD: Final = struct.Struct(">QH")
_SEQUENCES: Final = ("block", "pin", "record")
_sync_data: Final = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, slots=True)
class BlockCopy:
    """A small block: its multihash and its bytes."""

    multihash: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class PinCopy:
    """A pin: its number, the root's CID in binary, for whom, since when (seconds since 1970)."""

    number: int
    root: bytes
    name: str
    created: float


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """An IPNS record. Of two for one name the higher number counts."""

    number: int
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The number of a pin (``kind`` "U") or record ("D") that there is no more."""

    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes of a file that are no record."""

    size_bytes: int


Copy = BlockCopy | PinCopy | RecordCopy | Ended


@dataclass(frozen=True, slots=True)
class Marks:
    """The last numbers given in the catalogue's tables: what is above was added since."""

    block: int = 0
    pin: int = 0
    record: int = 0


def marks(connection: sqlite3.Connection) -> Marks:
    """Where the catalogue's tables stand now."""
    found = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    return Marks(*(found.get(name, 0) for name in _SEQUENCES))


def added_since(connection: sqlite3.Connection, since: Marks) -> Iterator[Copy]:
    """Copies of every small block, pin and record added after ``since`` and still there."""
    now = marks(connection)
    blocks = "SELECT id, multihash, data FROM block WHERE id > ? AND data IS NOT NULL ORDER BY id"
    if now.block > since.block:
        for _, multihash, data in _rows(connection, blocks, since.block):
            yield BlockCopy(multihash, data)
    pins = "SELECT seq, root, name, created FROM pin WHERE seq > ? ORDER BY seq"
    if now.pin > since.pin:
        for row in _rows(connection, pins, since.pin):
            yield PinCopy(*row)
    records = "SELECT seq, name, data FROM record WHERE seq > ? ORDER BY seq"
    if now.record > since.record:
        for row in _rows(connection, records, since.record):
            yield RecordCopy(*row)


def take_ended(connection: sqlite3.Connection) -> list[Ended]:
    """The ends that committed transactions left to be told; they are crossed off in this one."""
    rows = connection.execute(
        "SELECT rowid, kind, number FROM ended ORDER BY rowid LIMIT ?", (_ROWS_A_PAGE,)
    ).fetchall()
    if rows:
        connection.execute("DELETE FROM ended WHERE rowid <= ?", (rows[-1][0],))
    return [Ended(kind, number) for _, kind, number in rows]


def _rows(connection: sqlite3.Connection, select: str, after: int) -> Iterator[tuple[Any, ...]]:
    """Rows by number, a page at a time: a long read would keep the log from shrinking."""
    while True:
        page = connection.execute(f"{select} LIMIT ?", (after, _ROWS_A_PAGE)).fetchall()
        yield from page
        if len(page) < _ROWS_A_PAGE:
            return
        after = page[-1][0]


def encode(copy: Copy) -> bytes:
    """A record."""
    match copy:
        case BlockCopy(multihash, data):
            return _record(b"B", bytes((len(multihash),)) + multihash + data)
        case PinCopy(number, root, name, created):
            return _record(b"P", _PIN.pack(number, created, len(root)) + root + name.encode())
        case RecordCopy(number, name, data):
            named = name.encode()
            return _record(b"R", _RECORD.pack(number, len(named)) + named + data)
        case Ended(kind, number):
            return _record(kind.encode(), number.to_bytes(8, "big"))


def _record(kind: bytes, body: bytes) -> bytes:
    return _HEAD.pack(MAGIC, kind, len(body), _checksum(kind, body)) + body


def read(path: Path) -> Iterator[Copy | Unreadable]:
    """The records of a file, and what is none. A cut at the end, as by a kill, is ``Unreadable``."""
    data = path.read_bytes()
    position = 0
    while position < len(data):
        found = _record_at(data, position)
        if found is not None:
            copy, position = found
            yield copy
            continue
        following = data.find(MAGIC, position + 1)
        end = len(data) if following < 0 else following
        yield Unreadable(end - position)
        position = end


def _record_at(data: bytes, position: int) -> tuple[Copy, int] | None:
    if len(data) - position < _HEAD.size:
        return None
    magic, kind, length, checksum = _HEAD.unpack_from(data, position)
    start = position + _HEAD.size
    if magic != MAGIC or length > min(MAX_BODY_BYTES, len(data) - start):
        return None
    body = data[start : start + length]
    if _checksum(kind, body) != checksum:
        return None
    try:
        copy = _decode(kind, body)
    except (IndexError, struct.error, UnicodeDecodeError):
        return None
    return None if copy is None else (copy, start + length)


def _decode(kind: bytes, body: bytes) -> Copy | None:
    if kind == b"B":
        end = 1 + body[0]
        return BlockCopy(body[1:end], body[end:])
    if kind == b"P":
        number, created, length = _PIN.unpack_from(body)
        end = _PIN.size + length
        return PinCopy(number, body[_PIN.size : end], body[end:].decode(), created)
    if kind == b"R":
        number, length = _RECORD.unpack_from(body)
        end = _RECORD.size + length
        return RecordCopy(number, body[_RECORD.size : end].decode(), body[end:])
    if kind in (b"U", b"D"):
        return Ended(kind.decode(), int.from_bytes(body, "big"))
    return None


def _checksum(kind: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(kind + len(body).to_bytes(4, "big")))


class CopyFiles:
    """The folder ``copies`` of a store; appends for one thread at a time."""

    def __init__(self, store: Path) -> None:
        self._folder = store / FOLDER
        self._descriptor: int | None = None
        self._path: Path | None = None
        self._length = 0

    def append(self, copies: Iterable[Copy]) -> None:
        """Append records. They are durable, or none of them is there. Raises ``OSError``."""
        waiting = bytearray()
        length = self._length
        try:
            for copy in copies:
                waiting += encode(copy)
                if len(waiting) >= _WRITE_BYTES:
                    length = self._write(waiting, length)
                    waiting.clear()
            if waiting:
                length = self._write(waiting, length)
            if length != self._length and self._descriptor is not None:
                _sync_data(self._descriptor)
        except BaseException:
            self._abandon()
            raise
        self._length = length
        if length >= FILE_BYTES:
            self.close()

    def _write(self, data: bytearray, position: int) -> int:
        if self._descriptor is None:
            self._open()
        if self._descriptor is not None:
            write_at(self._descriptor, data, position)
        return position + len(data)

    def _open(self) -> None:
        name = secrets.token_hex(12)
        path, unlocked = self._folder / name, self._folder / f"{_UNLOCKED}{name}"
        descriptor = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        unlocked.rename(path)  # nobody ever sees it unlocked and takes it for closed
        self._descriptor, self._path, self._length = descriptor, path, 0
        sync_folder(self._folder)

    def _abandon(self) -> None:
        """After a failed write: cut off what it wrote, and begin a new file next time."""
        descriptor, length = self._descriptor, self._length
        if descriptor is not None:
            with contextlib.suppress(OSError):  # readers pass over what is no record
                os.ftruncate(descriptor, length)
        self.close()

    def close(self) -> None:
        """Let go of the file that is appended to."""
        if self._descriptor is not None:
            if self._length == 0 and self._path is not None:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
        self._descriptor, self._path, self._length = None, None, 0

    def paths(self) -> list[Path]:
        """Every file."""
        return sorted(
            path for path in self._folder.iterdir() if not path.name.startswith(_UNLOCKED)
        )

    def size_bytes(self) -> int:
        """The length of all files together."""
        total = 0
        for path in self.paths():
            with contextlib.suppress(FileNotFoundError):  # left empty by a process that ends
                total += path.stat().st_size
        return total

    def closed(self) -> list[Path]:
        """The files that no process appends to any more."""
        return [path for path in self.paths() if _is_free(path)]


def _is_free(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def copy_all_again(
    connection: sqlite3.Connection, store: Path, discard: Callable[[Path], None] = _remove
) -> None:
    """Write everything the catalogue has into new files, then discard the closed ones.

    What is in a closed file was committed or given up before it was closed, so a reading of the
    catalogue that begins afterwards finds all of it that is still there. Cut off, it leaves
    records twice.
    """
    files = CopyFiles(store)
    outdated = files.closed()
    # What another process's open file tells may have ended in one of those that go.
    carried: Iterator[Copy] = iter(()) if outdated == files.paths() else _ends_in(outdated)
    everything = itertools.chain(carried, added_since(connection, Marks()))
    try:
        while records := list(itertools.islice(everything, _RECORDS_AT_ONCE)):
            files.append(records)
    finally:
        files.close()
    for path in outdated:
        discard(path)


def _ends_in(paths: Iterable[Path]) -> Iterator[Copy]:
    return (copy for path in paths for copy in read(path) if isinstance(copy, Ended))
