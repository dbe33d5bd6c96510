"""The server's own secret (docs/spec/09-accounts.md §6): 256 random bits in a file of its own.

It is not in the database: whoever has only a dump of that can neither tell made-up accounts from
real ones, nor whose attempts were counted, nor make a nonce. Every server of one vault needs the
same file.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hygieia.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_MASTER: Final = re.compile(r"[0-9a-f]{64}")
_MAX_FILE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class ServerSecrets:
    """Keys derived from the server's secret. ``repr`` shows none."""

    master: bytes = field(repr=False)

    def digest(self, purpose: str, text: str) -> bytes:
        """32 bytes that nobody without the secret can tell from random: HMAC-SHA-256.

        ``purpose`` holds no NUL, so no two pairs of purpose and text give one message.
        """
        message = purpose.encode() + b"\0" + text.encode()
        return hmac.digest(self.master, message, hashlib.sha256)


def load_server_secrets(path: Path) -> ServerSecrets:
    """Reads the secrets file, making it (0600) if it is not there. Safe in several processes.

    Raises:
        ConfigError: the file cannot be read, made or understood.
    """
    try:
        if not path.exists():
            _make(path)
        with path.open("rb") as file:
            text = file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigError(
            f"The secrets file {path.name} cannot be read: {error.strerror}."
        ) from None
    try:
        content = json.loads(text)
        master = content["secret"]
    except (ValueError, KeyError, TypeError):
        master = ""
    if not isinstance(master, str) or not _MASTER.fullmatch(master):
        raise ConfigError(f"The secrets file {path.name} does not hold what it should.")
    return ServerSecrets(bytes.fromhex(master))


def _make(path: Path) -> None:
    """Writes beside the file and links into place: of two processes at once, one makes it."""
    content = json.dumps({"format": 1, "secret": secrets.token_hex(32)}) + "\n"
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return  # the other process's is as good
    finally:
        draft.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
