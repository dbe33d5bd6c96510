"""A file system of a few MiB that a test can fill and empty again. Needs root."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

FILLER = "filler"


@contextlib.contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[Path]:
    """One in memory at ``folder``, gone afterwards."""
    options = f"size={size_mib}m,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def filled_up(disk: Path) -> Iterator[None]:
    """Meanwhile nothing more fits on the file system at ``disk``."""
    filler = disk / FILLER
    try:
        with filler.open("wb", buffering=0) as file:
            for size_bytes in (1 << 20, 1 << 12):
                _write_until_full(file.fileno(), bytes(size_bytes))
        yield
    finally:
        filler.unlink(missing_ok=True)


def _write_until_full(descriptor: int, piece: bytes) -> None:
    try:
        while os.write(descriptor, piece) == len(piece):
            pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
