"""Keeps the seal passphrase in the system's keyring, where there is a real one.

Where there is none (a server, a container), nothing is kept and commands ask for the password.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_SERVICE: Final = "hygieia"


def _backend() -> KeyringBackend | None:
    """The system's keyring; None when there is none or it would store in clear."""
    import keyring  # noqa: PLC0415  (0.3 s to import)
    from keyring.backends import fail, null  # noqa: PLC0415  (0.3 s to import)

    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring | null.Keyring) or backend.priority < 1:
        return None
    return backend


def keep(account: str, seal_passphrase: str) -> bool:
    """Keep the passphrase for an account; whether there was a keyring to keep it in."""
    from keyring.errors import KeyringError  # noqa: PLC0415  (0.3 s to import)

    backend = _backend()
    if backend is None:
        return False
    try:
        backend.set_password(_SERVICE, account, seal_passphrase)
    except KeyringError:
        return False
    return True


def find(account: str) -> str | None:
    """The passphrase kept for an account, if the keyring is open and holds one."""
    from keyring.errors import KeyringError  # noqa: PLC0415  (0.3 s to import)

    backend = _backend()
    if backend is None:
        return None
    try:
        return backend.get_password(_SERVICE, account)
    except KeyringError:
        return None


def forget(account: str) -> bool:
    """Remove what was kept for an account; False where the keyring may still have it."""
    from keyring.errors import KeyringError  # noqa: PLC0415  (0.3 s to import)

    backend = _backend()
    if backend is None:
        return True
    with contextlib.suppress(KeyringError):  # also where there is nothing to remove
        backend.delete_password(_SERVICE, account)
    try:
        return backend.get_password(_SERVICE, account) is None
    except KeyringError:
        return False
