"""Folders that are there, with the names in them, after a power cut."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_CANNOT_BE_SYNCED: Final = (errno.EINVAL, errno.ENOTSUP, errno.ENOTTY, errno.EBADF)
"""What systems say that have no such thing for folders: SMB, 9p, some of FUSE."""


def make_folder(folder: Path) -> None:
    """Make a folder for its owner only, with those that miss above it, durably. Raises ``OSError``."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in made:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where that can be asked for. Raises ``OSError``.

    Where it cannot, the system alone decides when; what was written stays good.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return  # written into, but not to be opened
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_BE_SYNCED:
            raise
    finally:
        os.close(descriptor)
