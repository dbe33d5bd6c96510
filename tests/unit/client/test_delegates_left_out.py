"""Who cannot be given past reports is named, and what could not be done stays to be done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hygieia.client import Device, Vault, index_sync
from hygieia.client.changing import Changer
from hygieia.client.delegates import Applied
from hygieia.client.welcome import remember_stored, welcome
from hygieia.errors import BlockMissing, Unreachable
from hygieia.vault.index import PutContact
from hygieia.vault.people import ContactState
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.sharing import Why
from tests.unit.client.conftest import Person
from tests.unit.client.delegating import (
    email,
    give,
    key,
    opened_again,
    put,
    readers,
    with_doctor_and_delegate,
)
from tests.unit.client.people import contact_of, content_of, index_lost, meet, received, unshare
from tests.unit.client.vaults import PASSWORD


async def set_state(vault: Vault, other: Vault, state: ContactState) -> None:
    await vault.index.change([PutContact(replace(contact_of(vault, other), state=state))])


def said(applied: Applied) -> list[tuple[str, Why]]:
    return [(each.key, each.why) for each in applied.left_out]


async def test_a_delegate_whose_number_is_compared_no_more_is_named_and_given_the_past_later(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    past = [await put(ana, tmp_path, f"past {n}") for n in range(2)]
    delegation = await give(ana, boris)
    await set_state(ana, boris, ContactState.UNVERIFIED)
    for applied in (await ana.delegates.apply([delegation.id]), await ana.delegates.apply()):
        assert said(applied) == [(key(boris), Why.UNVERIFIED)]
        assert applied.changed == ()
    assert ana.delegates.to_do.read()["delegations"] == [delegation.id]
    await set_state(ana, boris, ContactState.VERIFIED)
    applied = await ana.delegates.apply()
    assert {each.id for each in applied.changed} == {each.id for each in past}
    assert not any(ana.delegates.to_do.read().values())


async def test_what_a_doctor_stored_waits_for_a_delegate_who_cannot_be_given_it_yet(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo, reads = await with_doctor_and_delegate(person)
    await set_state(ana, cleo, ContactState.UNVERIFIED)
    entry = await put(boris, tmp_path, "letter", owner=email(ana))
    await opened_again(ana)
    [left_out] = ana.index.not_given.left_out
    assert (left_out.key, left_out.why) == (key(cleo), Why.UNVERIFIED)
    assert ana.delegates.to_do.read()["later"] == [entry.id]
    await set_state(ana, cleo, ContactState.VERIFIED)
    await ana.delegates.apply()
    assert await readers(ana, entry) == {key(boris): None, key(cleo): reads.id}
    assert not any(ana.delegates.to_do.read().values())


async def test_one_report_that_cannot_be_had_stops_no_other(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    lost, there = [await put(ana, tmp_path, f"past {n}") for n in range(2)]
    delegation = await give(ana, boris)
    current = Changer.current

    async def missing(self: Changer, entry: ReportEntry) -> object:
        if entry.id == lost.id:
            raise BlockMissing("Nobody has it.")
        return await current(self, entry)

    with monkeypatch.context() as patched:
        patched.setattr(Changer, "current", missing)
        applied = await ana.delegates.apply([delegation.id])
    assert [each.id for each in applied.changed] == [there.id]
    assert [*applied.failed] == [lost.id]
    again = await ana.delegates.apply()
    assert [each.id for each in again.changed] == [lost.id]
    assert not any(ana.delegates.to_do.read().values())


@pytest.mark.parametrize("error", [Unreachable("No way."), KeyboardInterrupt()])
async def test_what_a_doctor_stored_is_given_though_the_opening_that_entered_it_was_cut_short(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    ana, boris, cleo, reads = await with_doctor_and_delegate(person)
    entry = await put(boris, tmp_path, "letter", owner=email(ana))
    device = Device(tmp_path / "home-Ana")

    async def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        # The server has taken the index by then.
        patched.setattr(index_sync, "read_back", fails)
        with pytest.raises(type(error)):
            async with device.open(PASSWORD):
                pass
    async with device.open(PASSWORD) as opened:
        assert await readers(opened, entry) == {key(boris): None, key(cleo): reads.id}
        assert not any(opened.delegates.to_do.read().values())


async def test_what_a_doctor_stored_and_never_was_entered_is_let_go_and_found_again(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris, cleo, reads = await with_doctor_and_delegate(person)
    entry = await put(boris, tmp_path, "letter", owner=email(ana))
    with index_lost(monkeypatch):
        await opened_again(ana)
    assert ana.delegates.to_do.read()["reports"] == [entry.id]
    # As where the server's list does not name it this time.
    await welcome(ana.session, ana.index, ana.reader, [])
    assert not any(ana.delegates.to_do.read().values())
    await opened_again(ana)
    assert await readers(ana, entry) == {key(boris): None, key(cleo): reads.id}
    assert remember_stored(ana.session, ana.index, [await put(ana, tmp_path, "own")]) == []
    assert not any(ana.delegates.to_do.read().values())


async def test_a_delegate_with_a_new_key_is_given_the_past_under_it(
    person: Person, new_key: Person, tmp_path: Path
) -> None:
    ana, before = await person("Ana"), await person("Boris")
    await meet(ana, before)
    delegation = await give(ana, before)
    past, taken_off = [await put(ana, tmp_path, name) for name in ("past", "taken off")]
    await unshare(ana, taken_off, before)
    boris = await new_key("Boris")
    await ana.contacts.accept(email(boris))
    await meet(ana, boris)
    await set_state(ana, boris, ContactState.UNVERIFIED)
    for applied in (await ana.delegates.apply([delegation.id]), await ana.delegates.apply()):
        assert said(applied) == [(key(boris), Why.UNVERIFIED)]
        assert applied.changed == ()
    await set_state(ana, boris, ContactState.VERIFIED)
    assert [each.id for each in (await ana.delegates.apply()).changed] == [past.id]
    given = {key(before): delegation.id, key(boris): delegation.id}
    assert await readers(ana, past) == given
    assert await content_of(boris, await received(boris), tmp_path) == b"past"
    again = await ana.delegates.apply([delegation.id])
    assert (again.changed, said(again)) == ((), [])
    assert await readers(ana, past) == given
    assert await readers(ana, taken_off) == {}


async def test_past_reports_give_an_author_with_a_new_key_back_what_he_wrote(
    person: Person, new_key: Person, tmp_path: Path
) -> None:
    ana, before, _, _ = await with_doctor_and_delegate(person)
    entry = await put(before, tmp_path, "letter", owner=email(ana))
    await opened_again(ana)
    delegation = await give(ana, before)
    boris = await new_key("Boris")
    await ana.contacts.accept(email(boris))
    await meet(ana, boris)
    assert [each.id for each in (await ana.delegates.apply([delegation.id])).changed] == [entry.id]
    [found] = await boris.giving_back.found()
    assert found.former.key == key(before)
    assert [each.id for each in found.reports] == [entry.id]
