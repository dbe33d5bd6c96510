"""Where recovered files go: harmless names, whole files only, nothing overwritten."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import threading
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from hygieia import folders
from hygieia.errors import Failed, StorageFull
from hygieia.limits import MAX_FILE_NAME_BYTES
from hygieia.vault.words import MAX_EXTENSION_BYTES, cut_utf8, safe_file_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

_PIECE_BYTES: Final = 1 << 20
_SYNC_EVERY_BYTES: Final = 32 << 20
_TRASH: Final = "trash"


def make_folder(folder: Path) -> None:
    """Make the output folder, readable by its owner only, durably. Raises ``Failed``."""
    try:
        folders.make_folder(folder)
    except OSError as error:
        raise _failure(error) from error


def sync_names(folder: Path) -> None:
    """Make the names in a folder durable, where that can be had. Raises ``StorageFull``, ``Failed``."""
    try:
        folders.sync_folder(folder)
    except OSError as error:
        raise _failure(error) from error


class Names:
    """Gives each report a place in the folder: its own name, or ``name (2)`` when that is taken.

    Names are given in the order of the index, so a second run gives the same ones again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[tuple[str, str]] = set()
        # Where to go on counting: a thousand files called scan.pdf are not tried a thousand times.
        self._next: dict[tuple[str, str], int] = {}

    def place(self, file_name: str, *, trashed: bool = False) -> Path:
        """A path that no other report of this recovery has."""
        folder = self._folder / _TRASH if trashed else self._folder
        name = safe_file_name(file_name)
        if not trashed and name.casefold() == _TRASH:
            name = f"{name} (2)"
        # Case is folded: two names that differ by it are one on some systems.
        same = (str(folder), name.casefold())
        number = self._next.get(same, 1)
        while (str(folder), (wanted := numbered(name, number)).casefold()) in self._taken:
            number += 1
        self._next[same] = number + 1
        self._taken.add((str(folder), wanted.casefold()))
        return folder / wanted


def numbered(name: str, number: int) -> str:
    """``report (2).pdf`` for number 2; the extension stays, the length is kept in bounds."""
    if number == 1:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension.encode()) > MAX_EXTENSION_BYTES:
        stem, extension = name, ""
    tail = f" ({number})" + (f".{extension}" if extension else "")
    return cut_utf8(stem, MAX_FILE_NAME_BYTES - len(tail.encode())) + tail


class NewFile:
    """A file being written under a temporary name beside its place; use as a context manager.

    Nothing appears at ``path`` before ``keep``; whatever ends the block otherwise leaves nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(f".hygieia-{secrets.token_hex(8)}.part")
        self._file: BinaryIO | None = None
        self._unsynced_bytes = 0
        self._syncing: threading.Thread | None = None
        self._sync_failure: OSError | None = None

    def __enter__(self) -> Self:
        make_folder(self.path.parent)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            self._file = os.fdopen(os.open(self._temporary, flags, 0o600), "wb")
        except OSError as error:
            raise _failure(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._syncing is not None:
            self._syncing.join()
        if self._file is not None:
            self._file.close()
            self._file = None
        with contextlib.suppress(OSError):
            self._temporary.unlink()

    def write(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Add to the file. Raises ``StorageFull``, ``Failed``."""
        if self._file is None:
            raise Failed("The file is not open.")
        try:
            self._file.writelines(pieces)
        except OSError as error:
            raise _failure(error) from error
        self._unsynced_bytes += sum(map(len, pieces))
        if self._unsynced_bytes >= _SYNC_EVERY_BYTES:
            self._sync_meanwhile(self._file.fileno())

    def _sync_meanwhile(self, descriptor: int) -> None:
        """Have the disk write while more comes, or all of it would be waited for in the end."""
        if self._syncing is not None and self._syncing.is_alive():
            return
        self._unsynced_bytes = 0
        self._syncing = threading.Thread(target=self._sync, args=(descriptor,))
        self._syncing.start()

    def _sync(self, descriptor: int) -> None:
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            self._sync_failure = error  # told only once: the last sync may know nothing of it

    def keep(self) -> Path:
        """Make the content durable and give it its name; an existing other file is left alone.

        The name is durable after ``sync_names``, once for many files.
        """
        if self._file is None:
            raise Failed("The file is not open.")
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            if self._syncing is not None:
                self._syncing.join()
            if self._sync_failure is not None:
                raise self._sync_failure
            return self._name()
        except OSError as error:
            raise _failure(error) from error

    def _name(self) -> Path:
        number = 1
        while True:
            path = self.path.with_name(numbered(self.path.name, number))
            try:
                # Unlike a rename, a link never replaces what stands there.
                os.link(self._temporary, path)
            except FileExistsError:
                number += 1
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EACCES, errno.ENOSYS):
                    raise
                if path.exists():
                    number += 1
                    continue
                self._temporary.replace(path)
                return path
            else:
                return path


def holds(path: Path, size_bytes: int, sha256: str) -> bool:
    """Whether a regular file at ``path`` has this content already: a run before put it there."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size != size_bytes:
            return False
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
    except OSError:
        return False
    return digest.hexdigest() == sha256


def _failure(error: OSError) -> Failed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull("There is no room left in the output folder.")
    reason = error.strerror or "unknown reason"
    return Failed(f"A file could not be written: {reason}.")
