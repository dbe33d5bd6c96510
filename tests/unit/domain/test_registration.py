from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hygieia.documents.sqlite import open_sqlite
from hygieia.domain.identity import IdentityPolicy
from hygieia.domain.registration import Mode
from hygieia.errors import (
    CertificateRefused,
    Duplicate,
    Forbidden,
    HygieiaError,
    InvalidInput,
    TooManyAttempts,
)
from hygieia.openpgp.parameters import KdfParams
from tests.people import ADA, BOB, HOME, ORIGIN, Clock, House, Person, make_house


@pytest.fixture
async def by_invitation(tmp_path: Path) -> AsyncIterator[House]:
    async for opened in _house(tmp_path, "invite"):
        yield opened


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[House]:
    async for opened in _house(tmp_path, "closed"):
        yield opened


async def _house(folder: Path, mode: Mode) -> AsyncIterator[House]:
    clock = Clock()
    documents = open_sqlite(folder / "documents.db", clock=clock)
    opened = make_house(documents, clock, IdentityPolicy((ORIGIN,), mode))
    yield opened
    opened.identity.close()
    await documents.close()


async def sign_up(house: House, person: Person = ADA, **changes: Any) -> None:  # noqa: ANN401  (whatever JSON or arguments it is)
    await house.identity.registration.sign_up(person.new_account(**changes), HOME)


async def test_a_sign_up_stores_what_was_given_and_signs_in(house: House) -> None:
    started = await house.sign_up()
    account = (await house.identity.sessions.authenticate(started.token)).account
    new = ADA.new_account()
    assert (account.id, account.rev, account.email) == (new.account, 1, new.email)
    assert (account.sealed_key, account.seal_mac) == (new.seal.sealed_key, new.seal.mac)
    assert account.certificate == account.seal_certificate == new.seal.certificate
    assert (account.recovery_key, account.revocation) == (new.recovery.key, new.recovery.revocation)
    assert account.ipns_name == new.ipns_name
    assert account.kdf == new.seal.kdf


async def test_an_email_has_one_account_however_it_is_typed(house: House) -> None:
    await house.sign_up()
    with pytest.raises(Duplicate):
        await sign_up(house, account="c" * 32, email=" ADA@EXAMPLE.org ")


async def test_an_account_id_is_used_once(house: House) -> None:
    await house.sign_up()
    with pytest.raises(Duplicate):
        await sign_up(house, BOB, account=ADA.account)


async def test_of_many_sign_ups_with_one_email_at_once_one_wins(house: House) -> None:
    results = await asyncio.gather(
        *[sign_up(house, account=f"{n:032x}") for n in range(8)], return_exceptions=True
    )
    assert [type(result) for result in results].count(Duplicate) == 7


SEAL = ADA.seal()
RECOVERY = ADA.recovery()
WRONG: dict[str, tuple[dict[str, Any], type[HygieiaError]]] = {
    "account id": ({"account": "A" * 32}, InvalidInput),
    "account id with a line end": ({"account": "a" * 32 + "\n"}, InvalidInput),
    "email": ({"email": "ada"}, InvalidInput),
    "another email than the certificate's": ({"email": "eve@example.org"}, InvalidInput),
    "long name": ({"name": "é" * 200}, InvalidInput),
    "name with control characters": ({"name": "a\nb"}, InvalidInput),
    "name with half a surrogate pair": ({"name": "a\ud800"}, InvalidInput),
    "ipns name": ({"ipns_name": "k51qzi5uqu5d"}, InvalidInput),
    "ipns name of another kind": ({"ipns_name": "Qm" + "a" * 44}, InvalidInput),
    "weak kdf": ({"seal": replace(SEAL, kdf=KdfParams(8, 1, 1))}, InvalidInput),
    "heavy kdf": ({"seal": replace(SEAL, kdf=KdfParams(2**32, 3, 1))}, InvalidInput),
    "certificate": ({"seal": replace(SEAL, certificate="no")}, CertificateRefused),
    "sealed key": ({"seal": replace(SEAL, sealed_key="plain")}, InvalidInput),
    "sealed key that is a certificate": (
        {"seal": replace(SEAL, sealed_key=SEAL.certificate)},
        InvalidInput,
    ),
    "sealed key too long": (
        {"seal": replace(SEAL, sealed_key=SEAL.sealed_key + "\n" * 70_000)},
        InvalidInput,
    ),
    "seal mac": ({"seal": replace(SEAL, mac="0")}, InvalidInput),
    "login secret": ({"seal": replace(SEAL, login_secret="correct horse")}, InvalidInput),
    "recovery key": ({"recovery": replace(RECOVERY, key="")}, InvalidInput),
    "recovery mac": ({"recovery": replace(RECOVERY, mac="0" * 63)}, InvalidInput),
    "revocation": ({"recovery": replace(RECOVERY, revocation=RECOVERY.key)}, InvalidInput),
}


@pytest.mark.parametrize(("changes", "error"), WRONG.values(), ids=WRONG.keys())
async def test_a_sign_up_with_a_wrong_part_is_refused_and_leaves_nothing(
    house: House, changes: dict[str, Any], error: type[HygieiaError]
) -> None:
    with pytest.raises(error):
        await sign_up(house, **changes)
    assert (await house.identity.accounts.list(after=None, limit=10))[0] == []
    await house.sign_up()


@pytest.mark.parametrize("name", ["", "Zoë Żółć", "نیم\u200cفاصله", "x" * 256])  # noqa: RUF001  (a name may have these letters)
async def test_names_of_all_scripts_are_taken(house: House, name: str) -> None:
    await sign_up(house, name=name)
    assert (await house.identity.accounts.get(ADA.account)).name == name


async def test_a_closed_server_takes_nobody(closed: House) -> None:
    with pytest.raises(Forbidden):
        await sign_up(closed)
    with pytest.raises(Forbidden):
        await sign_up(closed, invite=await closed.identity.invitations.make())


async def test_an_invitation_is_needed_and_good_for_one(by_invitation: House) -> None:
    with pytest.raises(Forbidden):
        await sign_up(by_invitation)
    with pytest.raises(Forbidden):
        await sign_up(by_invitation, invite="i-guessed")
    code = await by_invitation.identity.invitations.make()
    await sign_up(by_invitation, invite=code)
    with pytest.raises(Forbidden):
        await sign_up(by_invitation, BOB, invite=code)


async def test_of_many_sign_ups_with_one_invitation_at_once_one_wins(
    by_invitation: House,
) -> None:
    code = await by_invitation.identity.invitations.make()
    people = [Person(f"p{n}@example.org", account=f"{n:032x}") for n in range(6)]
    results = await asyncio.gather(
        *[sign_up(by_invitation, person, invite=code) for person in people],
        return_exceptions=True,
    )
    assert [type(result) for result in results].count(Forbidden) == 5
    assert len((await by_invitation.identity.accounts.list(after=None, limit=10))[0]) == 1


async def test_a_sign_up_that_fails_does_not_use_up_its_invitation(by_invitation: House) -> None:
    first, second = [await by_invitation.identity.invitations.make() for _ in range(2)]
    await sign_up(by_invitation, invite=first)
    with pytest.raises(Duplicate):
        await sign_up(by_invitation, account="d" * 32, invite=second)
    await sign_up(by_invitation, BOB, invite=second)


async def test_an_invitation_lasts_two_weeks(by_invitation: House) -> None:
    code = await by_invitation.identity.invitations.make()
    by_invitation.clock.forward(days=14)
    with pytest.raises(Forbidden):
        await sign_up(by_invitation, invite=code)


async def test_sign_ups_from_one_address_are_limited(house: House) -> None:
    for number in range(93):
        with pytest.raises(InvalidInput):
            await sign_up(house, account=f"bad {number}")
    with pytest.raises(TooManyAttempts):
        await sign_up(house, account="bad")
    house.clock.forward(minutes=15)
    await house.sign_up()


async def test_the_hosts_reset_after_a_lost_key_keeps_the_account_id(house: House) -> None:
    before = await house.sign_up()
    forgotten: list[str] = []

    async def forget_index(account_id: str) -> None:
        forgotten.append(account_id)

    code = await house.identity.accounts.vacate(ADA.email, forget_index)
    assert forgotten == [ADA.account]
    with pytest.raises(HygieiaError):
        await house.identity.sessions.authenticate(before.token)
    with pytest.raises(HygieiaError):
        await house.sign_in()
    with pytest.raises(Duplicate):
        await sign_up(house, account="e" * 32)
    again = replace(ADA, password="new", which_key="second")
    for wrong in (code[:-1] + "!", code[:-2] + "xx", f"r-{'e' * 32}-x"):
        with pytest.raises(HygieiaError):
            await sign_up(house, again, invite=wrong)
    await sign_up(house, again, invite=code)
    after = await house.sign_in(again)
    assert after.account.id == before.account.id
    assert after.account.created == before.account.created
    assert after.account.certificate == again.key.certificate.armored
    with pytest.raises(Forbidden):
        await sign_up(house, again, invite=code)


async def test_the_code_of_the_hosts_reset_works_where_registration_is_closed(
    closed: House, tmp_path: Path
) -> None:
    opened = make_house(closed.documents, closed.clock)
    await opened.sign_up()
    opened.identity.close()
    code = await closed.identity.accounts.vacate(ADA.email, _nothing)
    closed.clock.forward(days=13)
    await sign_up(closed, invite=code)


async def test_the_code_of_the_hosts_reset_lapses(house: House) -> None:
    await house.sign_up()
    code = await house.identity.accounts.vacate(ADA.email, _nothing)
    house.clock.forward(days=14)
    with pytest.raises(Forbidden):
        await sign_up(house, invite=code)
    fresh = await house.identity.accounts.vacate(ADA.email, _nothing)
    await sign_up(house, invite=fresh)


async def _nothing(account_id: str) -> None:
    return
