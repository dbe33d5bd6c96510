"""Files of larger blocks: written once under a name of their own, never overwritten.

A file is named ``blocks/DD/MULTIHASH.RANDOM``. It belongs to the one catalogue row that names it;
until that row is committed nobody reads it, so it needs no temporary name. Since no two writes ever
share a name, removing the file of a swept row cannot hit a block that was put again meanwhile.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FOLDERS: Final = 256
SYNC_TOGETHER_FROM: Final = 12
"""From so many new files on, one syncfs is cheaper than an fsync each (0.1 against 0.4 s for 1,000
files of 50 kB); below, syncfs may have to wait for what others wrote to the same disk."""


class BlockFiles:
    """The folders ``blocks/00`` … ``blocks/ff`` and ``quarantine`` of a store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blocks = root / "blocks"
        self._quarantine = root / "quarantine"

    def prepare(self) -> None:
        """Make the folders, durably."""
        for number in range(FOLDERS):
            (self._blocks / f"{number:02x}").mkdir(parents=True, exist_ok=True, mode=0o700)
        self._quarantine.mkdir(exist_ok=True, mode=0o700)
        for folder in (self._blocks, self.root):
            sync_folder(folder)

    def write(self, blocks: Sequence[tuple[bytes, bytes]]) -> list[str]:
        """Write (multihash, bytes) pairs; return their names. Durable, or nothing is left."""
        if not blocks:
            return []
        # One folder for the whole batch: then one folder has to be synced, not one a block.
        folder = f"{secrets.randbelow(FOLDERS):02x}"
        names = [f"{folder}/{key.hex()}.{secrets.token_hex(4)}" for key, _ in blocks]
        together = len(blocks) >= SYNC_TOGETHER_FROM and sync_file_system is not None
        try:
            for name, (_, data) in zip(names, blocks, strict=True):
                write_file(self._blocks / name, data, sync=not together)
            if together and sync_file_system is not None:
                sync_file_system(self._blocks)
            else:
                sync_folder(self._blocks / folder)
        except BaseException:
            self.remove(names)
            raise
        return names

    def read(self, name: str) -> bytes:
        """A file's bytes. Raises ``FileNotFoundError``."""
        return (self._blocks / name).read_bytes()

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        return (self._blocks / name).exists()

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; those gone already do not matter."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                (self._blocks / name).unlink()

    def quarantine(self, name: str | None, key: bytes, data: bytes | None) -> str | None:
        """Move a damaged block out of the way, without losing it. Returns its name there."""
        aside = f"{key.hex()}.{secrets.token_hex(4)}"
        if name is None:
            (self._quarantine / aside).write_bytes(data or b"")
        else:
            try:
                (self._blocks / name).rename(self._quarantine / aside)
            except FileNotFoundError:
                return None
        sync_folder(self._quarantine)
        return aside

    def modified(self, name: str) -> float:
        """When a file was last written, in seconds since 1970 (now, if it is gone)."""
        try:
            return (self._blocks / name).stat().st_mtime
        except FileNotFoundError:
            return float("inf")

    def key_in(self, name: str) -> bytes | None:
        """The multihash in a file's name; None when it is no file of ours."""
        try:
            return bytes.fromhex(name.partition("/")[2].partition(".")[0])
        except ValueError:
            return None

    def listing(self) -> Iterator[list[str]]:
        """The names of all files, one folder at a time."""
        for folder in sorted(self._blocks.iterdir()):
            yield [f"{folder.name}/{entry.name}" for entry in folder.iterdir()]

    def free_bytes(self) -> int:
        """Room left on the disk for us."""
        status = os.statvfs(self.root)
        return status.f_bavail * status.f_frsize


def write_file(path: Path, data: bytes, *, sync: bool) -> None:
    """Write a new file; with ``sync`` its bytes are durable when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _load_syncfs() -> ctypes._NamedFuncPointer | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


_SYNCFS: Final = _load_syncfs()


def _sync_file_system(folder: Path) -> None:
    """Make everything written to the folder's file system durable (Linux, syncfs(2))."""
    if _SYNCFS is None:
        raise NotImplementedError
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _SYNCFS(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


sync_file_system: Final = None if _SYNCFS is None else _sync_file_system
