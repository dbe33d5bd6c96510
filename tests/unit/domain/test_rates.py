"""How often parameters and nonces may be asked for (docs/spec/09-accounts.md §9.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from hygieia.domain import rates
from hygieia.domain.rates import Rate, Rates
from hygieia.domain.sign_in import Origin
from hygieia.errors import TooManyAttempts
from tests.people import ADA, House

MINUTE = timedelta(minutes=1)


class Ticks:
    """A clock in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def some(ticks: Ticks) -> Rates:
    """Three a minute for an email on a network, six for the network."""
    return Rates(Rate(3, MINUTE), Rate(6, MINUTE), ticks)


def taken(some: Rates, *question: str | None, tries: int = 20) -> int:
    for count in range(tries):
        try:
            some.take(*question)  # type: ignore[arg-type]  # three texts
        except TooManyAttempts:
            return count
    return tries


def test_an_email_is_bounded_on_a_network_and_not_on_another(some: Rates) -> None:
    assert taken(some, "a@x.org", "192.0.2.1", None) == 3
    assert taken(some, "a@x.org", "198.51.100.1", None) == 3
    assert taken(some, "a@x.org", "192.0.2.1", None) == 0


def test_a_network_is_bounded_whatever_it_asks_for(some: Rates) -> None:
    asked = sum(taken(some, f"{n}@x.org", f"2001:db8::{n}", None, tries=1) for n in range(20))
    assert asked == 6


def test_a_device_of_the_owner_has_a_share_of_its_own(some: Rates) -> None:
    taken(some, "a@x.org", "192.0.2.1", None)
    assert taken(some, "a@x.org", "192.0.2.1", "laptop") == 3
    assert taken(some, "a@x.org", "192.0.2.1", "phone") == 3


def test_what_was_taken_is_given_back_evenly_and_the_wait_is_told(
    some: Rates, ticks: Ticks
) -> None:
    taken(some, "a@x.org", "192.0.2.1", None)
    with pytest.raises(TooManyAttempts) as refused:
        some.take("a@x.org", "192.0.2.1", None)
    assert refused.value.retry_after_seconds == 20
    ticks.now += 19.9
    assert taken(some, "a@x.org", "192.0.2.1", None) == 0
    ticks.now += 0.1
    assert taken(some, "a@x.org", "192.0.2.1", None) == 1
    ticks.now += 3600
    assert taken(some, "a@x.org", "192.0.2.1", None) == 3


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, some: Rates) -> None:
    monkeypatch.setattr(rates, "MAX_SUBJECTS", 10)
    for number in range(100):
        some.take("a@x.org", f"198.51.100.{number}", None)
    assert max(len(some._email._full_at), len(some._network._full_at)) == 10


def asks(house: House) -> list[Callable[[str, Origin], Awaitable[object]]]:
    return [house.identity.sign_in.parameters, house.identity.reset.start]


async def refused_after(
    ask: Callable[[str, Origin], Awaitable[object]], email: str, origin: Origin
) -> tuple[int, int]:
    """How many answers there are before a refusal, and how long it says to wait."""
    for passed in range(1000):
        try:
            await ask(email, origin)
        except TooManyAttempts as error:
            return passed, error.retry_after_seconds
    raise AssertionError


async def test_an_account_and_none_are_bounded_alike_and_a_known_device_goes_on(
    house: House,
) -> None:
    started = await house.sign_up(ADA)
    stranger, device = Origin("198.51.100.7"), Origin("198.51.100.7", device=started.device)
    for ask in asks(house):
        emails = (ADA.email, "nobody@example.org")
        waits = [await refused_after(ask, email, stranger) for email in emails]
        assert waits[0][0] == waits[1][0]
        assert abs(waits[0][1] - waits[1][1]) <= 1
        await ask(ADA.email, device)
        await ask(ADA.email, Origin("203.0.113.1"))
        with pytest.raises(TooManyAttempts):
            await ask("nobody@example.org", device)
