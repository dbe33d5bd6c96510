"""What is still to be done for delegations, sealed on this device until it is (spec 17.5 to 17.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hygieia.client.state import write_atomically
from hygieia.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hygieia.client.session import Session

_CONTEXT: Final = "delegates-to-do 1"
_LISTS: Final = ("delegations", "reports", "later", "messages", "permissions", "ends")


class ToDo:
    """What is still to be done, on this device."""

    def __init__(self, session: Session) -> None:
        self._path = session.store.to_do_file
        self._key = session.unlocked.state_key
        self._store = session.store

    def read(self) -> dict[str, list[str]]:
        """Ids by list.

        ``delegations`` are to be applied to past reports. ``reports`` were stored by others and
        are to be given to delegates at the next opening, ``later`` those that could not be.
        ``messages`` were looked at. ``permissions``: key ids of those about whom the server's list
        of who may store is to follow the index. ``ends``: delegations whose end is to be told, each
        with the key ids of who held it and of whose record it was about.
        """
        empty: dict[str, list[str]] = {name: [] for name in _LISTS}
        try:
            known: dict[str, Any] = self._key.open(_CONTEXT, self._path.read_text("ascii"))
        except (OSError, ValueError, CredentialsError):
            # Sealed under an earlier password: a delegation can be applied again by name.
            return empty
        return empty | {name: list(ids) for name, ids in known.items() if name in empty}

    def add(self, **ids: Iterable[str]) -> None:
        """Remember more. Raises ``Failed`` when the disk is full."""
        with self._store.locked():
            known = self.read()
            for name, more in ids.items():
                known[name] = list(dict.fromkeys([*known[name], *more]))
            self._write(known)

    def drop(self, **ids: Iterable[str]) -> None:
        """Those are done."""
        with self._store.locked():
            known = self.read()
            for name, done in ids.items():
                gone = set(done)
                known[name] = [each for each in known[name] if each not in gone]
            self._write(known)

    def _write(self, known: dict[str, list[str]]) -> None:
        if any(known.values()):
            write_atomically(self._path, self._key.seal(_CONTEXT, known).encode())
        else:
            self._path.unlink(missing_ok=True)
