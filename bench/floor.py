"""The floor: the least that storing an encrypted file can cost in this language.

One pass, one thread, one process, no network: read, AES-GCM by 256 KiB, SHA-256 by 1 MiB, write,
fsync; for reading the same reversed.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.machine import seconds_of

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

PIECE = 1 << 20
CHUNK = 1 << 18
TAG = 16
_PATIENCE_SECONDS = 600


class Floor:
    """Encrypts ``plain`` into ``sealed``, and back into ``opened``."""

    def __init__(self, plain: Path, folder: Path) -> None:
        self.plain, self.sealed, self.opened = plain, folder / "sealed", folder / "opened"
        self._cipher = AESGCM(secrets.token_bytes(32))
        self._number = 0

    def put(self) -> None:
        self._number = 0
        with self.plain.open("rb", 0) as source, self.sealed.open("wb", 0) as target:
            while piece := source.read(PIECE):
                chunks = range(0, len(piece), CHUNK)
                sealed = b"".join(
                    self._cipher.encrypt(self._nonce(), piece[start : start + CHUNK], b"")
                    for start in chunks
                )
                hashlib.sha256(sealed).digest()
                target.write(sealed)
            os.fsync(target.fileno())

    def get(self) -> None:
        self._number = 0
        with self.sealed.open("rb", 0) as source, self.opened.open("wb", 0) as target:
            while piece := source.read(PIECE // CHUNK * (CHUNK + TAG)):
                hashlib.sha256(piece).digest()
                for start in range(0, len(piece), CHUNK + TAG):
                    sealed = piece[start : start + CHUNK + TAG]
                    target.write(self._cipher.decrypt(self._nonce(), sealed, b""))
            os.fsync(target.fileno())

    def clear(self) -> None:
        """Remove what was opened: the next run makes it anew."""
        self.opened.unlink(missing_ok=True)

    def _nonce(self) -> bytes:
        self._number += 1
        return self._number.to_bytes(12, "big")


def two_at_once(plain: Path, folder: Path) -> float:
    """The seconds of the slower of two floors, each in a process of its own.

    As many as one takes where a second core is worth a whole one: in a virtual machine whose cores
    are busy it may be worth less, which bounds whatever works on both.
    """
    together = multiprocessing.Barrier(2)
    times: multiprocessing.Queue[float] = multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=_timed, args=(plain, folder / name, together, times))
        for name in ("one", "other")
    ]
    for process in processes:
        process.start()
    slower = max(times.get(timeout=_PATIENCE_SECONDS) for _ in processes)
    for process in processes:
        process.join()
    return slower


def _timed(plain: Path, folder: Path, together: Barrier, times: Queue[float]) -> None:
    folder.mkdir()
    floor = Floor(plain, folder)
    together.wait()
    times.put(seconds_of(floor.put))
    floor.sealed.unlink()
    folder.rmdir()
