"""MS-02: the server asks for password stretching that no machine can pay."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running import Person
from tests.security import victims
from tests.security.hostile import HostileProxy
from tests.security.victims import Victim, refused, unchanged

PARAMETERS = "/api/v1/sign-in/parameters"


@pytest.mark.parametrize(
    "kdf",
    [
        {"m": 4 << 20, "t": 1000, "p": 1},
        {"m": 65536, "t": 1 << 31, "p": 1},
        {"m": 65536, "t": 3, "p": 1 << 24},
        {"m": 10**30, "t": 3, "p": 1},
        {"m": 65536.5, "t": 3, "p": 1},
        {"m": 65536, "t": 3},
        "a word",
    ],
)
def test_nothing_is_allocated_and_nothing_is_sent(
    kdf: Any,  # noqa: ANN401 - whatever JSON can say
    proxy: HostileProxy,
    victim: Victim,
    device: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(victims, "stretch_once", _explode)
    proxy.change("POST", PARAMETERS, lambda answer: answer | {"kdf": kdf})
    with unchanged(device.home):
        refused(device, "login", victim.email, code="kdf-refused")
    assert proxy.after_the_lie() == []


def _explode(*_: object) -> bytes:
    raise AssertionError("Argon2 was asked to do this")
