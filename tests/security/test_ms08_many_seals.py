"""MS-08: the server changes the sealed key a little at every sign-in and watches what happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from hygieia.client import refusals
from hygieia.openpgp.armor import PRIVATE_KEY, armor
from tests.running import Person
from tests.security.forged_keys import packets_of
from tests.security.hostile import HostileProxy
from tests.security.victims import Victim, refused, run_here
from tests.unit.openpgp import forge

SESSIONS = "/api/v1/sessions"


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(refusals, "_clock", clock)
    return clock


def _flip(place: int) -> Any:  # noqa: ANN401  (whatever JSON or arguments it is)
    """The sealed key with one bit of its encrypted part changed."""

    def change(answer: dict[str, Any]) -> None:
        account = answer["account"]
        packets = packets_of(PRIVATE_KEY, account["sealed_key"])
        tag, body = packets[0]
        packets[0] = (
            tag,
            body[:-place] + bytes([body[-place] ^ 1]) + body[len(body) - place + 1 :],
        )
        account["sealed_key"] = armor(PRIVATE_KEY, forge.binary(packets))

    return change


def test_every_change_looks_the_same_to_the_server_and_the_fifth_is_the_last(
    proxy: HostileProxy, victim: Victim, new_device: Person, clock: Clock
) -> None:
    said = set()
    for place in range(1, refusals.MOST_REFUSALS + 1):
        proxy.behave()
        proxy.change("POST", SESSIONS, _flip(place * 7))
        error = refused(new_device, "login", victim.email, code="sealed-key-refused")
        said.add(error["message"])
        assert proxy.after_the_lie() == []
        clock.now += 3600
    assert len(said) == 1, "one error, whatever was changed"

    proxy.behave()
    refused(new_device, "login", victim.email, code="sealed-key-refused")
    assert proxy.seen == [], "it is asked no more"
    run_here(new_device, "logout", "--forget")
    assert run_here(new_device, "login", victim.email).exit_code == 0


def test_the_waits_grow(
    proxy: HostileProxy, victim: Victim, new_device: Person, clock: Clock
) -> None:
    waits = []
    for _ in range(refusals.MOST_REFUSALS - 1):
        proxy.behave()
        proxy.change("POST", SESSIONS, _flip(9))
        refused(new_device, "login", victim.email, code="sealed-key-refused")
        started = clock.now
        proxy.behave()
        while run_here(new_device, "login", "somebody@example.org").exit_code == 1:
            assert proxy.seen == []
            clock.now += 1
        waits.append(clock.now - started)
    assert waits == sorted(waits)
    assert waits[-1] > 30


def test_a_sign_in_that_goes_well_begins_anew(
    proxy: HostileProxy, victim: Victim, new_device: Person, clock: Clock
) -> None:
    proxy.change("POST", SESSIONS, _flip(5))
    refused(new_device, "login", victim.email, code="sealed-key-refused")
    proxy.behave()
    assert run_here(new_device, "login", victim.email).exit_code == 0
    assert not list(new_device.home.rglob("refused-seals.json"))
