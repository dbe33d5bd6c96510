"""The system's keyring: used where there is a real one, else nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, PasswordDeleteError

from hygieia.client import keyrings


class Memory(KeyringBackend):
    """A real keyring, as far as anyone can tell."""

    priority = 5.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring is untyped
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


class Locked(Memory):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked


class Weak(Memory):
    """One that writes in clear, as some do."""

    priority = 0.5


@pytest.fixture(autouse=True)
def _the_one_before() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


def test_what_is_kept_is_found_until_it_is_forgotten() -> None:
    keyring.set_keyring(Memory())
    assert keyrings.find("a") is None
    assert keyrings.keep("a", "passphrase")
    assert keyrings.find("a") == "passphrase"
    keyrings.forget("a")
    keyrings.forget("a")
    assert keyrings.find("a") is None


@pytest.mark.parametrize("kind", [Locked, Weak, fail.Keyring, null.Keyring])
def test_nothing_is_kept_where_it_would_not_be_safe(kind: type[KeyringBackend]) -> None:
    backend = kind()
    keyring.set_keyring(backend)
    assert not keyrings.keep("a", "passphrase")
    assert keyrings.find("a") is None
    keyrings.forget("a")
    assert not getattr(backend, "kept", {})
