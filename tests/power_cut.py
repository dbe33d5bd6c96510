"""What a disk would hold after a power cut: only what was synced, as it was at that moment.

Every ``os.fsync`` and ``os.fdatasync`` of this process is noted: of a file its content, of a folder
the names in it. SQLite syncs by itself, out of sight: its settings are looked at instead.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

Identity = tuple[int, int]


class PowerCut:
    """Notes what is synced from when it is made; all that was below ``root`` before counts too."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._contents: dict[Identity, bytes] = {}
        self._names: dict[Identity, dict[str, int]] = {}
        for path in (root, *root.rglob("*")):
            self._note(path)
        real = os.fsync

        def sync(descriptor: int) -> None:
            self._note(Path(f"/proc/self/fd/{descriptor}"))
            real(descriptor)

        for name in ("os.fsync", "os.fdatasync", "hygieia.blocks.embedded.copies._sync_data"):
            monkeypatch.setattr(name, sync)

    def _note(self, path: Path) -> None:
        status = path.stat()
        identity = (status.st_dev, status.st_ino)
        if stat.S_ISDIR(status.st_mode):
            self._names[identity] = _names_in(path)
        elif stat.S_ISREG(status.st_mode):
            self._contents[identity] = _digest(path)

    def takes(self, path: Path) -> list[str]:
        """What it would take of a file or a folder: nothing, a name on the way, the content."""
        lost = self.takes_name(path)
        if path.is_file() and self._contents.get(_identity(path)) != _digest(path):
            lost.append(f"the content of {path.name}")
        return lost

    def takes_name(self, path: Path) -> list[str]:
        """The names on the way to ``path`` that it would take."""
        lost = []
        while path != self._root:
            names = self._names.get(_identity(path.parent), {})
            if names.get(path.name) != path.stat().st_ino:
                lost.append(f"the name {path.name} in {path.parent.name}")
            path = path.parent
        return lost

    def takes_below(self, folder: Path) -> list[str]:
        """What it would take of a folder and all that is in it."""
        return [each for path in (folder, *folder.rglob("*")) for each in self.takes(path)]


def _identity(path: Path) -> Identity:
    status = path.stat()
    return status.st_dev, status.st_ino


def _names_in(folder: Path) -> dict[str, int]:
    with os.scandir(folder) as entries:
        return {entry.name: entry.inode() for entry in entries}


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
