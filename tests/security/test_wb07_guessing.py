"""WB-07: guessing from many addresses is limited, and locks nobody out of her own device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hygieia.documents.sqlite import open_sqlite
from hygieia.domain.attempts import network_of
from hygieia.domain.sign_in import Origin
from hygieia.errors import CredentialsError, TooManyAttempts
from tests.people import ADA, BOB, Clock, House, Person, make_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = Clock()
    documents = open_sqlite(tmp_path / "documents.db", clock=clock)
    opened = make_house(documents, clock)
    yield opened
    opened.identity.close()
    await documents.close()


async def test_an_account_hears_ten_guesses_in_a_window_from_however_many_addresses(
    house: House,
) -> None:
    await house.sign_up()
    heard = 0
    start = house.clock.now
    for number in range(400):
        try:
            await house.sign_in(ADA, f"guess {number}", Origin(f"198.51.{number % 250}.1"))
        except CredentialsError:
            heard += 1
        except TooManyAttempts as refusal:
            house.clock.forward(seconds=min(refusal.retry_after_seconds, 1))
        if (house.clock.now - start).total_seconds() > 890:
            break
    assert heard <= 10


async def test_the_owner_is_not_locked_out_of_a_device_she_has_used(house: House) -> None:
    device = (await house.sign_up()).device
    for number in range(3):
        with pytest.raises(CredentialsError):
            await house.sign_in(ADA, f"guess {number}", Origin(f"198.51.{number}.1"))
    attacker = Origin("203.0.113.9")
    with pytest.raises(TooManyAttempts):
        await house.sign_in(ADA, origin=attacker)
    started = await house.sign_in(ADA, origin=Origin("203.0.113.9", device=device))
    assert started.device == device


async def test_a_flood_of_strangers_leaves_room_for_the_owners_device(house: House) -> None:
    device = (await house.sign_up()).device
    flood = [
        house.sign_in(ADA, f"guess {number}", Origin(f"198.51.{number // 250}.{number % 250}"))
        for number in range(2000)
    ]
    own = house.sign_in(ADA, origin=Origin("203.0.113.9", device=device))
    results = await asyncio.gather(*flood, own, return_exceptions=True)
    assert not isinstance(results[-1], BaseException), results[-1]


async def test_a_stolen_device_token_has_the_same_limit_as_everyone(house: House) -> None:
    device = (await house.sign_up()).device
    refused = 0
    for number in range(12):
        try:
            await house.sign_in(ADA, f"guess {number}", Origin(f"198.51.{number}.1", device))
        except CredentialsError:
            continue
        except TooManyAttempts:
            refused += 1
    assert refused == 9


async def test_a_device_counts_for_its_own_account_only(house: House) -> None:
    device = (await house.sign_up(BOB)).device
    await house.sign_up()
    for number in range(3):
        with pytest.raises(CredentialsError):
            await house.sign_in(ADA, f"guess {number}", Origin(f"198.51.{number}.1", device))
    with pytest.raises(TooManyAttempts):
        await house.sign_in(ADA, "guess", Origin("198.51.9.1", device))


async def test_one_address_is_limited_over_all_the_emails_it_tries(house: House) -> None:
    heard = 0
    for number in range(120):
        person = Person(email=f"p{number}@example.org")
        try:
            await house.sign_in(person, "123456", Origin("2001:db8::5"))
        except CredentialsError:
            heard += 1
        except TooManyAttempts:
            break
    assert heard == 93
    with pytest.raises(TooManyAttempts):  # another address of the same customer
        await house.sign_in(ADA, "123456", Origin("2001:db8::ffff:1"))
    with pytest.raises(CredentialsError):
        await house.sign_in(ADA, "123456", Origin("2001:db9::5"))


async def test_being_refused_does_not_prolong_the_wait(house: House) -> None:
    await house.sign_up()
    for number in range(3):
        with pytest.raises(CredentialsError):
            await house.sign_in(ADA, f"guess {number}", Origin(f"198.51.{number}.1"))
    for number in range(20):
        with pytest.raises(TooManyAttempts):
            await house.sign_in(ADA, f"guess {number}", Origin(f"198.51.{number}.1"))
    house.clock.forward(seconds=1)
    await house.sign_in()


async def test_two_servers_count_together(house: House) -> None:
    await house.sign_up()
    second = make_house(house.documents, house.clock)
    houses = [house, second] * 3
    outcomes = []
    for number, each in enumerate(houses):
        try:
            await each.sign_in(ADA, f"guess {number}", Origin(f"198.51.{number}.1"))
        except (CredentialsError, TooManyAttempts) as error:
            outcomes.append(type(error))
    second.identity.close()
    assert outcomes == [CredentialsError] * 3 + [TooManyAttempts] * 3


async def test_counted_attempts_do_not_pile_up(house: House) -> None:
    await house.sign_up()
    for number in range(3):
        with pytest.raises(CredentialsError):
            await house.sign_in(ADA, f"guess {number}", Origin(f"198.51.{number}.1"))
    house.clock.forward(minutes=16)
    assert await house.documents.purge_expired(house.clock.now, 100) >= 6
    assert (await house.documents.scan("attempts", limit=10)).items == ()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_an_address_counts_as_its_customers(address: str, network: str) -> None:
    assert network_of(address) == network
