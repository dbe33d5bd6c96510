from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from hygieia.domain.reset import ResetProof, origin_of
from hygieia.domain.sign_in import Started
from hygieia.errors import CredentialsError, InvalidInput, NoteRefused, NotSignedIn
from hygieia.openpgp.parameters import KdfParams
from tests.people import ADA, BOB, HOME, House, Person

NEW = ADA.seal("new")


async def reset(house: House, person: Person = ADA, **changes: Any) -> Started:  # noqa: ANN401  (whatever JSON or arguments it is)
    started = await house.identity.reset.start(person.email, HOME)
    proof = person.reset_proof(started.nonce, NEW, **changes)
    return await house.identity.reset.finish(person.email, proof, NEW, HOME)


async def test_the_accounts_key_sets_a_new_password_and_ends_all_sessions(house: House) -> None:
    old = (await house.sign_up()).token
    started = await reset(house)
    assert (await house.identity.sessions.authenticate(started.token)).account.rev == 2
    with pytest.raises(NotSignedIn):
        await house.identity.sessions.authenticate(old)
    with pytest.raises(CredentialsError):
        await house.sign_in()
    await house.sign_in(password="new")


async def test_a_reset_names_the_account_and_gives_ten_minutes(house: House) -> None:
    await house.sign_up()
    started = await house.identity.reset.start(" Ada@Example.org", HOME)
    assert started.account == ADA.account
    assert (started.expires - house.clock.now).total_seconds() == pytest.approx(600, abs=1)


WRONG: dict[str, dict[str, Any]] = {
    "another server": {"origin": "https://evil.example.org"},
    "this server without its scheme": {"origin": "vault.example.org"},
    "another account": {"account": BOB.account},
    "another nonce": {"nonce": "A" * 54},
    "another seal": {"seal_mac": ADA.seal("other").mac},
    "another cost": {"kdf": {"m": 65536, "t": 4, "p": 1}},
    "another login secret": {"login": "0" * 64},
    "no origin": {"origin": None},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
async def test_a_note_that_says_something_else_is_refused(
    house: House, changes: dict[str, Any]
) -> None:
    await house.sign_up()
    with pytest.raises(CredentialsError):
        await reset(house, **changes)
    await house.sign_in()


async def test_a_note_of_another_context_is_refused(house: House) -> None:
    await house.sign_up()
    with pytest.raises(NoteRefused):
        await reset(house, context="hygieia key 1")


async def test_another_persons_key_is_refused(house: House) -> None:
    await house.sign_up()
    stranger = replace(ADA, which_key="second")
    started = await house.identity.reset.start(ADA.email, HOME)
    for seal in (NEW, stranger.seal("new")):
        with pytest.raises(CredentialsError):
            await house.identity.reset.finish(
                ADA.email, stranger.reset_proof(started.nonce, seal), seal, HOME
            )
    await house.sign_in()


async def test_a_seal_of_another_key_is_refused_though_the_right_key_signed(house: House) -> None:
    await house.sign_up()
    swapped = replace(NEW, certificate=replace(ADA, which_key="second").key.certificate.armored)
    started = await house.identity.reset.start(ADA.email, HOME)
    with pytest.raises(CredentialsError):
        await house.identity.reset.finish(
            ADA.email, ADA.reset_proof(started.nonce, swapped), swapped, HOME
        )


async def test_a_request_that_differs_from_what_was_signed_is_refused(house: House) -> None:
    await house.sign_up()
    started = await house.identity.reset.start(ADA.email, HOME)
    proof = ADA.reset_proof(started.nonce, NEW)
    attackers = replace(NEW, login_secret=ADA.seal("attacker").login_secret)
    heavier = replace(NEW, kdf=KdfParams(65536, 3, 2))
    for seal in (attackers, heavier, replace(NEW, mac="0" * 64)):
        with pytest.raises(CredentialsError):
            await house.identity.reset.finish(ADA.email, proof, seal, HOME)


async def test_a_signature_over_another_text_is_refused(house: House) -> None:
    await house.sign_up()
    started = await house.identity.reset.start(ADA.email, HOME)
    proof = ADA.reset_proof(started.nonce, NEW)
    altered = ResetProof(proof.note.replace("}", ', "x": 1}'), proof.signature, proof.nonce)
    with pytest.raises(CredentialsError):
        await house.identity.reset.finish(ADA.email, altered, NEW, HOME)


async def test_a_nonce_is_used_once_even_by_two_at_the_same_time(house: House) -> None:
    await house.sign_up()
    started = await house.identity.reset.start(ADA.email, HOME)
    proof = ADA.reset_proof(started.nonce, NEW)
    results = await asyncio.gather(
        *[house.identity.reset.finish(ADA.email, proof, NEW, HOME) for _ in range(4)],
        return_exceptions=True,
    )
    assert sum(isinstance(result, Started) for result in results) == 1
    with pytest.raises(CredentialsError):
        await house.identity.reset.finish(ADA.email, proof, NEW, HOME)


async def test_a_nonce_lapses_after_ten_minutes(house: House) -> None:
    await house.sign_up()
    started = await house.identity.reset.start(ADA.email, HOME)
    house.clock.forward(seconds=601)
    with pytest.raises(CredentialsError):
        await house.identity.reset.finish(ADA.email, ADA.reset_proof(started.nonce, NEW), NEW, HOME)


async def test_an_old_note_is_refused(house: House) -> None:
    await house.sign_up()
    with pytest.raises(CredentialsError):
        await reset(house, created="2020-01-01T00:00:00Z")


async def test_a_nonce_of_another_account_or_of_nobodys_making_is_refused(house: House) -> None:
    await house.sign_up()
    await house.sign_up(BOB)
    of_bob = (await house.identity.reset.start(BOB.email, HOME)).nonce
    own = (await house.identity.reset.start(ADA.email, HOME)).nonce
    flipped = ("A" if own[0] != "A" else "B") + own[1:]
    for nonce in (of_bob, flipped, own + "=", own + "A", "!" * 54, "A" * 54, "A"):
        with pytest.raises(CredentialsError):
            await house.identity.reset.finish(ADA.email, ADA.reset_proof(nonce, NEW), NEW, HOME)
    await house.identity.reset.finish(ADA.email, ADA.reset_proof(own, NEW), NEW, HOME)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Vault.Example.org/", "https://vault.example.org"),
        ("HTTPS://vault.example.org:443/x?y", "https://vault.example.org"),
        ("http://localhost:8460", "http://localhost:8460"),
        ("http://[::1]:8460/", "http://[::1]:8460"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
    ],
)
def test_an_origin_is_written_in_one_way(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["", "vault.example.org", "ftp://x", "https://", "http://x:99999"])
def test_what_is_no_server_has_no_origin(url: str) -> None:
    with pytest.raises(InvalidInput):
        origin_of(url)
