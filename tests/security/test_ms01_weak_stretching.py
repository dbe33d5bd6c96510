"""MS-01: the server asks for weaker password stretching than any client may use."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running import Person
from tests.security.hostile import HostileProxy
from tests.security.victims import Victim, refused, unchanged

PARAMETERS = "/api/v1/sign-in/parameters"


@pytest.mark.parametrize(
    "kdf", [{"m": 8, "t": 1, "p": 1}, {"m": 65535, "t": 3, "p": 1}, {"m": 65536, "t": 2, "p": 1}]
)
def test_a_new_device_refuses_before_it_derives_or_sends_anything(
    kdf: dict[str, Any], proxy: HostileProxy, victim: Victim, new_device: Person
) -> None:
    proxy.change("POST", PARAMETERS, lambda answer: answer | {"kdf": kdf})
    error = refused(new_device, "login", victim.email, code="kdf-refused")
    assert "weaker" in error["message"]
    assert proxy.after_the_lie() == []
    assert not new_device.home.exists() or not any(new_device.home.rglob("profile.json"))


def test_a_device_that_knows_the_account_refuses_too(
    proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    proxy.change("POST", PARAMETERS, lambda answer: answer | {"kdf": {"m": 8, "t": 1, "p": 1}})
    with unchanged(device.home):
        refused(device, "login", victim.email, code="kdf-refused")
    assert proxy.after_the_lie() == []


def test_weak_parameters_are_not_believed_with_the_sealed_key_either(
    proxy: HostileProxy, victim: Victim, new_device: Person
) -> None:
    def weaken(answer: dict[str, Any]) -> None:
        answer["account"]["kdf"] = {"m": 8, "t": 1, "p": 1}

    proxy.change("POST", "/api/v1/sessions", weaken)
    refused(new_device, "login", victim.email, code="kdf-refused")
    assert proxy.after_the_lie() == []
