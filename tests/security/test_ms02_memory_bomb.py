"""MS-02: the server asks for password stretching that no machine can pay."""

from __future__ import annotations

import resource
from typing import Any

import pytest

from tests.running import Person
from tests.security.hostile import HostileProxy
from tests.security.victims import Victim, refused, unchanged

PARAMETERS = "/api/v1/sign-in/parameters"
# A client that stretches as it should needs 64 MiB for that and some 80 MiB for itself.
MOST_KIB = 400 * 1024


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
) -> None:
    proxy.change("POST", PARAMETERS, lambda answer: answer | {"kdf": kdf})
    with unchanged(device.home):
        refused(device, "login", victim.email, code="kdf-refused")
    assert proxy.after_the_lie() == []
    # The largest of all commands run so far: what a bomb would have been.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < MOST_KIB
