"""A keyring for commands in processes of their own: a test sees in a file what it holds.

Tests name it and do not import it: keyring would take every class it sees for this system's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class KeyringInAFile(KeyringBackend):
    """Passes for a desktop's."""

    priority = 5.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring is untyped
        self._file = Path(os.environ["TEST_KEYRING_FILE"])

    def get_password(self, service: str, username: str) -> str | None:
        return self._kept().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._file.write_text(json.dumps(self._kept() | {f"{service} {username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        if "TEST_KEYRING_LOCKED" in os.environ:
            raise KeyringLocked
        kept = self._kept()
        if kept.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError
        self._file.write_text(json.dumps(kept))

    def _kept(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._file.read_text("utf-8"))
        return found
