from __future__ import annotations

import asyncio

import pytest

from hygieia.domain.sign_in import Origin
from hygieia.errors import CredentialsError, InvalidInput, TooManyAttempts
from tests.people import ADA, BOB, HOME, House, login_secret

ELSEWHERE = Origin(address="198.51.100.7")


async def test_who_signed_up_signs_in_with_the_password(house: House) -> None:
    first = await house.sign_up()
    second = await house.sign_in()
    assert second.account == first.account
    assert second.token != first.token
    signed_in = await house.identity.sessions.authenticate(second.token)
    assert signed_in.account.id == ADA.account
    assert signed_in.session == second.session


async def test_the_email_may_be_typed_with_capitals_and_spaces(house: House) -> None:
    await house.sign_up()
    started = await house.identity.sign_in.start(
        " ADA@Example.ORG ", login_secret(ADA.password), HOME
    )
    assert started.account.email == "ada@example.org"


@pytest.mark.parametrize("email", ["", "ada", "ada@ex ample.org", "äda@example.org", "a" * 400])
async def test_what_is_no_email_is_refused(house: House, email: str) -> None:
    with pytest.raises(InvalidInput):
        await house.identity.sign_in.start(email, login_secret("x"), HOME)
    with pytest.raises(InvalidInput):
        await house.identity.sign_in.parameters(email, HOME)


@pytest.mark.parametrize("secret", ["", "f" * 63, "F" * 64, "f" * 65, "f" * 64 + "\n"])
async def test_what_is_no_login_secret_is_refused(house: House, secret: str) -> None:
    with pytest.raises(InvalidInput):
        await house.identity.sign_in.start(ADA.email, secret, HOME)


async def test_a_wrong_password_is_refused_and_the_right_one_still_taken(house: House) -> None:
    await house.sign_up()
    with pytest.raises(CredentialsError):
        await house.sign_in(password="wrong")
    await house.sign_in()


async def test_waits_grow_with_failures_and_end_with_the_window(house: House) -> None:
    await house.sign_up(BOB)
    waits = []
    for _ in range(10):
        with pytest.raises(CredentialsError):
            await house.sign_in(BOB, "wrong", ELSEWHERE)
        try:
            await house.sign_in(BOB, origin=ELSEWHERE)
            waits.append(0)
        except TooManyAttempts as error:
            waits.append(error.retry_after_seconds)
            house.clock.forward(seconds=error.retry_after_seconds)
    assert waits[:9] == [0, 0, 1, 2, 4, 8, 16, 32, 64]
    assert 600 < waits[9] <= 900
    await house.sign_in(BOB, origin=ELSEWHERE)


async def test_success_does_not_use_up_attempts(house: House) -> None:
    await house.sign_up()
    for _ in range(15):
        await house.sign_in()


async def test_of_many_wrong_guesses_at_once_no_more_pass_than_the_limit(house: House) -> None:
    await house.sign_up(BOB)
    results = await asyncio.gather(
        *[
            house.sign_in(BOB, f"guess {n}", Origin(address=f"198.51.{n // 200}.{n % 200}"))
            for n in range(300)
        ],
        return_exceptions=True,
    )
    guessed = [result for result in results if type(result) is CredentialsError]
    refused = [result for result in results if isinstance(result, TooManyAttempts)]
    assert len(guessed) + len(refused) == 300
    assert 1 <= len(guessed) <= 10
    assert all(result.retry_after_seconds >= 1 for result in refused)


async def test_ten_thousand_attempts_at_once_are_answered_and_the_house_stands(
    house: House,
) -> None:
    await house.sign_up()
    results = await asyncio.gather(
        *[house.sign_in(password=f"guess {n}") for n in range(10_000)], return_exceptions=True
    )
    assert {type(result) for result in results} <= {CredentialsError, TooManyAttempts}
    house.clock.forward(minutes=16)
    await house.sign_in()
