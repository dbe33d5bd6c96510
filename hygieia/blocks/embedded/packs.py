"""Packs: files that hold the larger blocks of one put, written once, never appended to.

Storing is as fast as the disk only in large files: one of 8 MiB is durable in a third of the time
of eight of 1 MiB, at a fifth of the CPU time (measured). So a put writes what is large into one new
file, ``packs/DD/RANDOM``, each block at a multiple of 4 KiB, and after the last one a table of what
stands where (``pack_tables``). The catalogue's rows name pack and offset; until they are committed
nobody reads it, so it needs no temporary name. A block that goes gives its space back by a hole in
the file (Linux); the file goes with its last block.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.blocks.embedded.pack_tables import Placed, encode_table, read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

FOLDERS: Final = 256
ALIGNMENT: Final = 4096
_PUNCH_HOLE_KEEP_SIZE: Final = 0x02 | 0x01


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack just written: where in it each block begins, by multihash."""

    name: str
    offsets: dict[bytes, int]


@dataclass(frozen=True, slots=True)
class Hole:
    """Bytes of a pack that no row names any more."""

    pack: str
    offset: int
    size_bytes: int


class PackFiles:
    """The folders ``packs/00`` … ``packs/ff`` and ``quarantine`` of a store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._packs = root / "packs"
        self._quarantine = root / "quarantine"

    def prepare(self) -> None:
        """Make the folders, durably."""
        for number in range(FOLDERS):
            (self._packs / f"{number:02x}").mkdir(parents=True, exist_ok=True, mode=0o700)
        self._quarantine.mkdir(exist_ok=True, mode=0o700)
        for folder in (self._packs, self.root):
            sync_folder(folder)

    def write(self, blocks: Iterable[tuple[bytes, bytes]]) -> Pack:
        """Write (multihash, bytes) pairs into a new pack, as they come.

        It is durable, or nothing is left: neither when ``blocks`` raises.
        """
        folder = f"{secrets.randbelow(FOLDERS):02x}"
        pack = Pack(f"{folder}/{secrets.token_hex(12)}", {})
        try:
            self._write(pack, blocks)
            sync_folder(self._packs / folder)
        except BaseException:
            self.remove([pack.name])
            raise
        return pack

    def _write(self, pack: Pack, blocks: Iterable[tuple[bytes, bytes]]) -> None:
        path, position, table = self._packs / pack.name, 0, list[Placed]()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            for key, data in blocks:
                pack.offsets[key] = position
                table.append(Placed(key, position, len(data)))
                write_at(descriptor, data, position)
                position += -(-len(data) // ALIGNMENT) * ALIGNMENT
            write_at(descriptor, encode_table(table), position)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, name: str, offset: int, size_bytes: int) -> bytes:
        """A block's bytes, as they stand there. Raises ``FileNotFoundError``."""
        descriptor = os.open(self._packs / name, os.O_RDONLY)
        try:
            data = os.pread(descriptor, size_bytes, offset)
            while len(data) < size_bytes:
                more = os.pread(descriptor, size_bytes - len(data), offset + len(data))
                if not more:
                    break
                data += more
        finally:
            os.close(descriptor)
        return data

    def table(self, name: str) -> list[Placed] | None:
        """What stands where in a pack, as its own end says; None if it does not."""
        descriptor = os.open(self._packs / name, os.O_RDONLY)
        try:
            return read_table(descriptor)
        finally:
            os.close(descriptor)

    def add_table(self, name: str, placed: Sequence[Placed]) -> None:
        """Give a pack that has none its table, durably. A lost pack is passed over."""
        try:
            descriptor = os.open(self._packs / name, os.O_RDWR)
        except FileNotFoundError:
            return
        try:
            if read_table(descriptor) is None:
                end = os.fstat(descriptor).st_size
                write_at(descriptor, encode_table(placed), -(-end // ALIGNMENT) * ALIGNMENT)
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def exists(self, name: str) -> bool:
        """Whether the pack is there."""
        return (self._packs / name).exists()

    def modified(self, name: str) -> float:
        """When it was last written, in seconds since 1970 (infinity, if it is gone)."""
        try:
            return (self._packs / name).stat().st_mtime
        except FileNotFoundError:
            return float("inf")

    def remove(self, names: Iterable[str]) -> None:
        """Remove packs; those gone already do not matter."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                (self._packs / name).unlink()

    def punch(self, holes: Iterable[Hole]) -> None:
        """Give the space of holes back, where the system can; elsewhere the pack's end frees it."""
        for hole in holes:
            with contextlib.suppress(OSError):
                descriptor = os.open(self._packs / hole.pack, os.O_RDWR)
                try:
                    _punch(descriptor, hole.offset, hole.size_bytes)
                finally:
                    os.close(descriptor)

    def set_aside(self, key: bytes, data: bytes) -> str:
        """Keep a damaged block's bytes for whoever wants to look. Returns the file's name."""
        name = f"{key.hex()}.{secrets.token_hex(4)}"
        write_file(self._quarantine / name, data)
        sync_folder(self._quarantine)
        return name

    def set_pack_aside(self, name: str) -> None:
        """Move a whole pack that says nothing of its blocks out of the sweeps' way."""
        (self._packs / name).rename(self._quarantine / f"pack-{name.replace('/', '-')}")
        sync_folder(self._quarantine)

    def listing(self) -> Iterator[list[str]]:
        """The names of all packs, one folder at a time."""
        for folder in sorted(self._packs.iterdir()):
            yield [f"{folder.name}/{entry.name}" for entry in folder.iterdir()]

    def free_bytes(self) -> int:
        """Room left on the disk for us."""
        status = os.statvfs(self.root)
        return status.f_bavail * status.f_frsize


def write_file(path: Path, data: bytes) -> None:
    """Write a new file; its bytes are durable when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write_at(descriptor, data, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_at(descriptor: int, data: bytes | bytearray, offset: int) -> None:
    """Write all of ``data`` at an offset."""
    written = 0
    while written < len(data):
        with memoryview(data)[written:] as rest:
            written += os.pwrite(descriptor, rest, offset + written)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _punch(descriptor: int, offset: int, size_bytes: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    length = -(-size_bytes // ALIGNMENT) * ALIGNMENT
    fallocate = ctypes.CDLL(None).fallocate
    fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    # A file system without holes refuses; the space is then freed with the pack.
    fallocate(descriptor, _PUNCH_HOLE_KEEP_SIZE, offset, length)
