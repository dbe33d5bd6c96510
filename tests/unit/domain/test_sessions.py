from __future__ import annotations

from datetime import timedelta

import pytest

from hygieia.documents.sqlite import SqliteDocumentStore
from hygieia.domain.sessions import IDLE, MAX_SESSIONS
from hygieia.domain.sign_in import Origin
from hygieia.errors import NotFound, NotSignedIn, ReadOnly
from tests.people import ADA, BOB, HOME, House


async def test_a_token_that_never_was_is_refused(house: House) -> None:
    for token in ("", "x", "A" * 43, "A" * 44, "é" * 43, "A" * 42 + "\n"):
        with pytest.raises(NotSignedIn):
            await house.identity.sessions.authenticate(token)


async def test_an_unused_session_ends(house: House) -> None:
    started = await house.sign_up()
    house.clock.forward(days=IDLE.days, seconds=-1)
    await house.identity.sessions.authenticate(started.token)
    house.clock.forward(days=IDLE.days, seconds=1)
    with pytest.raises(NotSignedIn):
        await house.identity.sessions.authenticate(started.token)


async def test_a_used_session_ends_all_the_same_after_its_lifetime(house: House) -> None:
    started = await house.sign_up()
    for _ in range(29):
        house.clock.forward(days=1)
        await house.identity.sessions.authenticate(started.token)
    house.clock.forward(days=1)
    with pytest.raises(NotSignedIn):
        await house.identity.sessions.authenticate(started.token)


async def test_using_a_session_is_noted_now_and_then(house: House) -> None:
    started = await house.sign_up()
    house.clock.forward(minutes=5)
    signed_in = await house.identity.sessions.authenticate(started.token)
    assert signed_in.session.last_used == started.session.last_used
    house.clock.forward(minutes=6)
    signed_in = await house.identity.sessions.authenticate(started.token)
    assert signed_in.session.last_used == started.session.last_used + timedelta(minutes=11)


async def test_a_session_goes_on_while_the_vault_can_only_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await house.sign_up()

    async def refuse(*_arguments: object, **_fields: object) -> None:
        raise ReadOnly("The vault is being moved.")

    monkeypatch.setattr(SqliteDocumentStore, "replace", refuse)
    house.clock.forward(hours=1)
    signed_in = await house.identity.sessions.authenticate(started.token)
    assert signed_in.session.last_used == started.session.last_used


async def test_sessions_are_listed_newest_first_with_where_they_began(house: House) -> None:
    await house.sign_up()
    house.clock.forward(seconds=5)
    await house.sign_in(origin=Origin("2001:db8::1", label=" my\tphone\u202e " + "x" * 200))
    account = await house.identity.accounts.get(ADA.account)
    listed = await house.identity.sessions.list(account)
    assert [session.address for session in listed] == ["2001:db8::1", "192.0.2.1"]
    assert listed[0].label == ("myphone " + "x" * 200)[:120]


async def test_one_session_is_ended_and_the_others_live(house: House) -> None:
    first, second = await house.sign_up(), await house.sign_in()
    await house.identity.sessions.end(ADA.account, first.session.id)
    with pytest.raises(NotSignedIn):
        await house.identity.sessions.authenticate(first.token)
    await house.identity.sessions.authenticate(second.token)


async def test_all_sessions_but_one_are_ended(house: House) -> None:
    tokens = [(await house.sign_up()).token, (await house.sign_in()).token]
    kept = await house.sign_in()
    await house.identity.sessions.end_all(ADA.account, but=kept.session.id)
    for token in tokens:
        with pytest.raises(NotSignedIn):
            await house.identity.sessions.authenticate(token)
    await house.identity.sessions.authenticate(kept.token)


async def test_anothers_session_is_as_if_absent(house: House) -> None:
    ada, bob = await house.sign_up(), await house.sign_up(BOB)
    with pytest.raises(NotFound) as anothers:
        await house.identity.sessions.end(BOB.account, ada.session.id)
    with pytest.raises(NotFound) as absent:
        await house.identity.sessions.end(BOB.account, "0" * 64)
    with pytest.raises(NotFound):
        await house.identity.sessions.end(BOB.account, "not an id")
    assert str(anothers.value) == str(absent.value)
    await house.identity.sessions.authenticate(ada.token)
    await house.identity.sessions.authenticate(bob.token)


async def test_more_sessions_than_allowed_end_the_oldest(house: House) -> None:
    first = await house.sign_up()
    account = first.account
    for _ in range(MAX_SESSIONS):
        house.clock.forward(seconds=1)
        await house.identity.sessions.start(account, label="", address=HOME.address)
    assert len(await house.identity.sessions.list(account)) == MAX_SESSIONS
    with pytest.raises(NotSignedIn):
        await house.identity.sessions.authenticate(first.token)


async def test_what_holds_a_token_does_not_print_it(house: House) -> None:
    started = await house.sign_up()
    shown = repr(started)
    assert started.token not in shown
    assert started.device not in shown
    account = started.account
    assert account.login_hash is not None
    for secret in (account.login_hash, account.sealed_key, account.recovery_key):
        assert secret not in shown
    new = ADA.new_account(invite="i-secret")
    assert "i-secret" not in repr(new)
    assert new.seal.login_secret not in repr(new)
