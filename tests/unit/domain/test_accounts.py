from __future__ import annotations

from dataclasses import replace

import pytest

from hygieia.domain.account import COLLECTION
from hygieia.domain.sessions import SignedIn
from hygieia.errors import (
    CertificateRefused,
    Conflict,
    CredentialsError,
    InvalidInput,
    NotFound,
    NotSignedIn,
    StaleRevision,
    TooManyAttempts,
)
from tests.people import ADA, BOB, House, Person, login_secret

CURRENT = login_secret(ADA.password)


async def signed_in(house: House, person: Person = ADA) -> tuple[str, SignedIn]:
    token = (await house.sign_in(person)).token
    return token, await house.identity.sessions.authenticate(token)


async def test_a_new_password_replaces_the_old_and_ends_the_other_sessions(house: House) -> None:
    other = (await house.sign_up()).token
    token, caller = await signed_in(house)
    changed = await house.identity.accounts.change_seal(caller, 1, CURRENT, ADA.seal("new"))
    assert changed.rev == 2
    assert changed.sealed_key == ADA.seal("new").sealed_key
    with pytest.raises(NotSignedIn):
        await house.identity.sessions.authenticate(other)
    again = await house.identity.sessions.authenticate(token)
    assert again.account == changed
    assert [s.id for s in await house.identity.sessions.list(changed)] == [again.session.id]
    with pytest.raises(CredentialsError):
        await house.sign_in()
    await house.sign_in(password="new")


async def test_a_sign_in_under_way_while_the_password_changes_does_not_outlive_it(
    house: House,
) -> None:
    await house.sign_up()
    _, caller = await signed_in(house)
    await house.identity.accounts.change_seal(caller, 1, CURRENT, ADA.seal("new"))
    late = await house.identity.sessions.start(caller.account, label="", address="")
    with pytest.raises(NotSignedIn):
        await house.identity.sessions.authenticate(late.token)


async def test_a_stale_rev_changes_nothing(house: House) -> None:
    await house.sign_up()
    token, caller = await signed_in(house)
    for rev in (0, 2):
        with pytest.raises(StaleRevision):
            await house.identity.accounts.change_seal(caller, rev, CURRENT, ADA.seal("new"))
        with pytest.raises(StaleRevision):
            await house.identity.accounts.change_recovery(caller, rev, CURRENT, ADA.recovery("new"))
    assert (await house.identity.sessions.authenticate(token)).account == caller.account


async def test_a_change_needs_the_current_password_and_guessing_it_is_limited(
    house: House,
) -> None:
    await house.sign_up()
    _, caller = await signed_in(house)
    accounts = house.identity.accounts
    for _ in range(3):
        with pytest.raises(CredentialsError):
            await accounts.change_seal(caller, 1, login_secret("wrong"), ADA.seal("new"))
    with pytest.raises(TooManyAttempts):
        await accounts.delete(caller, ADA.email, CURRENT)
    with pytest.raises(TooManyAttempts):
        await accounts.change_recovery(caller, 1, CURRENT, ADA.recovery("new"))
    house.clock.forward(minutes=15)
    await accounts.change_recovery(caller, 1, CURRENT, ADA.recovery("new"))


async def test_the_key_stays_the_same_when_the_password_changes(house: House) -> None:
    await house.sign_up()
    _, caller = await signed_in(house)
    other_key = replace(ADA, which_key="second").seal("new")
    with pytest.raises(CertificateRefused):
        await house.identity.accounts.change_seal(caller, 1, CURRENT, other_key)
    with pytest.raises(InvalidInput):
        await house.identity.accounts.change_seal(caller, 1, CURRENT, BOB.seal("new"))
    await house.sign_in()


async def test_a_new_code_replaces_what_the_old_one_sealed(house: House) -> None:
    await house.sign_up()
    token, caller = await signed_in(house)
    new = ADA.recovery("new")
    changed = await house.identity.accounts.change_recovery(caller, 1, CURRENT, new)
    assert (changed.recovery_key, changed.recovery_mac) == (new.key, new.mac)
    assert (changed.revocation, changed.rev) == (new.revocation, 2)
    await house.identity.sessions.authenticate(token)


async def test_a_deleted_account_is_gone_at_once_and_its_belongings_follow(house: House) -> None:
    await house.sign_up(BOB)
    await house.sign_up()
    token, caller = await signed_in(house)
    await house.identity.accounts.delete(caller, " ADA@example.org", CURRENT)
    with pytest.raises(NotSignedIn):
        await house.identity.sessions.authenticate(token)
    with pytest.raises(CredentialsError):
        await house.sign_in()
    with pytest.raises(NotFound):
        await house.identity.accounts.get(ADA.account)
    removed: list[str] = []

    async def remove(account_id: str) -> bool:
        removed.append(account_id)
        return True

    assert await house.identity.accounts.finish_deletions(remove) == 1
    assert removed == [ADA.account]
    assert await house.identity.accounts.finish_deletions(remove) == 0
    listed, _ = await house.identity.accounts.list(after=None, limit=10)
    assert [account.email for account in listed] == [BOB.email]
    await house.sign_in(BOB)


async def test_a_deletion_cut_off_is_taken_up_again(house: House) -> None:
    await house.sign_up()
    _, caller = await signed_in(house)
    await house.identity.accounts.delete(caller, ADA.email, CURRENT)

    async def fail(account_id: str) -> bool:
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError):
        await house.identity.accounts.finish_deletions(fail)
    removed: list[str] = []

    async def remove(account_id: str) -> bool:
        removed.append(account_id)
        return True

    await house.identity.accounts.finish_deletions(remove)
    assert removed == [ADA.account]


async def test_the_email_of_a_deleted_account_is_free_again(house: House) -> None:
    await house.sign_up()
    _, caller = await signed_in(house)
    await house.identity.accounts.delete(caller, ADA.email, CURRENT)
    await house.sign_up(replace(ADA, account="c" * 32))


async def test_deletion_needs_the_typed_email_and_the_password(house: House) -> None:
    await house.sign_up()
    token, caller = await signed_in(house)
    for typed in ("", "yes", BOB.email):
        with pytest.raises(InvalidInput):
            await house.identity.accounts.delete(caller, typed, CURRENT)
    with pytest.raises(CredentialsError):
        await house.identity.accounts.delete(caller, ADA.email, login_secret("wrong"))
    await house.identity.sessions.authenticate(token)


async def test_a_deletion_that_meets_a_new_password_is_a_conflict_and_deletes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.sign_up()
    _, caller = await signed_in(house)
    prove = house.identity.sign_in.prove

    async def prove_and_be_overtaken(signed_in: SignedIn, secret: str) -> None:
        await prove(signed_in, secret)
        account = signed_in.account
        document = await house.documents.get(COLLECTION, account.id)
        assert document is not None
        await house.documents.replace(COLLECTION, account.id, account.rev, document.body)

    monkeypatch.setattr(house.identity.sign_in, "prove", prove_and_be_overtaken)
    with pytest.raises(Conflict) as refused:
        await house.identity.accounts.delete(caller, ADA.email, CURRENT)
    assert refused.value.code == "conflict"
    monkeypatch.undo()
    await house.sign_in()
