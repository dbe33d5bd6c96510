"""Passing delegations on, and what strangers and servers make up."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hygieia.client import Vault
from hygieia.client.index_sync import IndexSync
from hygieia.client.messages import Messages
from hygieia.client.transport import Answer, Transport
from hygieia.domain import uploaders
from hygieia.errors import (
    DelegationRefused,
    Failed,
    Forbidden,
    LimitExceeded,
    RecipientRefused,
    Unreachable,
)
from hygieia.openpgp.times import format_time, now
from hygieia.vault import words
from hygieia.vault.delegation import Delegation, Right, Scope, sign_delegation
from tests.unit.client.conftest import Person
from tests.unit.client.delegating import (
    CARDIOLOGY,
    EVERYTHING,
    READ,
    allowed,
    asked,
    email,
    give,
    key,
    opened_again,
    put,
    readers,
    send,
)
from tests.unit.client.people import meet


async def three_who_met(person: Person) -> list[Vault]:
    """Ana, Boris and Cleo, each of whom knows the others."""
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    for one, other in ((ana, boris), (boris, cleo), (ana, cleo)):
        await meet(one, other)
    return [ana, boris, cleo]


async def passed_on(owner: Vault, by: Vault, to: Vault, rights: frozenset[Right]) -> Delegation:
    """What one may who was given everything gives on."""
    given = await give(owner, by, rights=EVERYTHING)
    await opened_again(by)
    [held] = by.delegations.table().received()
    assert held.id == given.id
    return await by.delegations.pass_on(held, email(to), Scope(), rights)


async def test_what_is_passed_on_acts_once_the_owner_has_confirmed_it(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(boris, cleo)
    parent = await give(ana, boris, CARDIOLOGY, EVERYTHING)
    await opened_again(boris)
    [held] = boris.delegations.table().received()
    on = await boris.delegations.pass_on(held, email(cleo), CARDIOLOGY, READ)
    [request] = (await asked(ana)).waiting
    assert request.delegation == on
    assert request.sender == email(boris)
    entry = await put(ana, tmp_path, "early", category="cardiology")
    assert await readers(ana, entry) == {key(boris): parent.id}
    with pytest.raises(Forbidden):
        await ana.delegation_inbox.confirm(request)
    await meet(ana, cleo)
    await ana.delegation_inbox.confirm(request)
    assert (await asked(ana)).waiting == []
    entry = await put(ana, tmp_path, "later", category="cardiology")
    assert await readers(ana, entry) == {key(boris): parent.id, key(cleo): on.id}
    assert [each.id for each in (await asked(cleo)).entered] == [on.id]
    ended = await ana.delegations.end([parent])
    assert {each.id for each in ended.delegations} == {parent.id, on.id}
    assert [each.id for each in ended.still_read] == [each.id for each in ana.index.state.reports()]


async def test_one_to_store_whose_permission_the_server_refuses_goes_on_waiting(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(boris, cleo)
    await meet(ana, cleo)
    parent = await give(ana, boris, CARDIOLOGY, EVERYTHING)
    await opened_again(boris)
    [held] = boris.delegations.table().received()
    await boris.delegations.pass_on(held, email(cleo), CARDIOLOGY, frozenset({Right.UPLOAD}))
    [request] = (await asked(ana)).waiting
    monkeypatch.setattr(uploaders, "MAX_UPLOADERS", 1)
    with pytest.raises(LimitExceeded):
        await ana.delegation_inbox.confirm(request)
    assert [each.id for each in ana.index.state.delegations()] == [parent.id]
    assert (await asked(ana)).waiting == [request]


async def test_who_passed_it_on_ends_it_and_the_owner_hears_of_it(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo = await three_who_met(person)
    on = await passed_on(ana, boris, cleo, EVERYTHING)
    [request] = (await asked(ana)).waiting
    await ana.delegation_inbox.confirm(request)
    await opened_again(cleo)
    await put(cleo, tmp_path, "by cleo", owner=email(ana))
    ended = await boris.delegations.end([on])
    assert ended.untold == ()
    await opened_again(ana)
    assert set(ana.delegations.table().ended) == {on.id}
    with pytest.raises(Forbidden):
        await put(cleo, tmp_path, "once more", owner=email(ana))


async def test_one_that_ended_while_it_waited_never_acts(person: Person, tmp_path: Path) -> None:
    ana, boris, cleo = await three_who_met(person)
    on = await passed_on(ana, boris, cleo, EVERYTHING)
    await opened_again(ana)
    assert (await boris.delegations.end([on])).untold == ()
    await opened_again(ana)
    [request] = (await asked(ana)).waiting
    with pytest.raises(DelegationRefused, match="ended"):
        await ana.delegation_inbox.confirm(request)
    assert set(ana.delegations.table().ended) == {on.id}
    assert await readers(ana, await put(ana, tmp_path, "later")) == {key(boris): on.parent}
    assert [*await allowed(ana)] == [key(boris)]
    assert (await asked(ana)).waiting == []


async def test_the_end_of_one_that_was_refused_does_not_stay(person: Person) -> None:
    """A sender's messages are counted: what nobody needs is acknowledged."""
    ana, boris, cleo = await three_who_met(person)
    on = await passed_on(ana, boris, cleo, READ)
    [request] = (await asked(ana)).waiting
    await ana.delegation_inbox.decline(request)
    await boris.delegations.end([on])
    await asked(ana)
    assert await Messages(ana.session, ana.reader).waiting() == []


async def test_one_confirmed_that_could_not_be_entered_lets_nobody_store(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris, cleo = await three_who_met(person)
    await passed_on(ana, boris, cleo, EVERYTHING)
    [request] = (await asked(ana)).waiting

    async def fails(*_: object) -> None:
        raise Unreachable("No way.")

    with monkeypatch.context() as patch:
        patch.setattr(IndexSync, "change", fails)
        with pytest.raises(Unreachable):
            await ana.delegation_inbox.confirm(request)
    assert [*await allowed(ana)] == [key(boris)]
    assert (await asked(ana)).waiting == [request]


async def test_an_end_is_told_to_the_server_until_it_takes_nothing_more(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who held it hears of the end at once all the same."""
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris, rights=EVERYTHING)
    await opened_again(boris)
    call = Transport.call

    async def fails(self: Transport, method: str, path: str, **more: Any) -> Answer:  # noqa: ANN401  (as it is given)
        if method == "DELETE" and path.startswith("/uploaders/"):
            raise Failed("No.")
        return await call(self, method, path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Transport, "call", fails)
        ended = await ana.delegations.end([delegation])
        assert ended.unsettled == (key(boris),)
        await opened_again(ana)
    await opened_again(boris)
    assert set(boris.delegations.table().ended) == {delegation.id}
    assert [*await allowed(ana)] == [key(boris)]
    await opened_again(ana)
    assert await allowed(ana) == {}


async def test_what_reaches_further_is_refused_here_and_there(person: Person) -> None:
    ana, boris, cleo = await three_who_met(person)
    await give(ana, boris, CARDIOLOGY, frozenset({Right.READ, Right.REDELEGATE}))
    await opened_again(boris)
    [held] = boris.delegations.table().received()
    with pytest.raises(DelegationRefused):
        await boris.delegations.pass_on(held, email(cleo), Scope(), READ)
    with pytest.raises(DelegationRefused):
        await boris.delegations.pass_on(held, email(cleo), CARDIOLOGY, EVERYTHING)
    # A program that does not ask: the owner's refuses it.
    wider = Delegation(
        words.make_id(),
        key(boris),
        key(cleo),
        Scope(),
        READ,
        format_time(now()),
        held.expires,
        held.id,
        key(ana),
        email(cleo),
    )
    await send(boris, sign_delegation(boris.session.key, wider), ana)
    done = await asked(ana)
    assert [error.code for _, error in done.refused] == ["delegation-refused"]
    assert done.waiting == []
    assert (await asked(ana)).refused == [], "it was acknowledged"
    assert len(list(ana.index.state.delegations())) == 1


async def test_a_delegation_that_its_giver_did_not_sign_is_refused(person: Person) -> None:
    ana, boris, eve = [await person(name) for name in ("Ana", "Boris", "Eve")]
    await meet(ana, boris)
    ghost = Delegation(
        words.make_id(),
        key(boris),
        key(ana),
        Scope(),
        EVERYTHING,
        format_time(now()),
        format_time(now() + timedelta(days=9)),
    )
    await send(eve, sign_delegation(eve.session.key, ghost), ana)
    done = await asked(ana)
    assert [error.code for _, error in done.refused] == ["delegation-refused"]
    assert list(ana.index.state.delegations()) == []


async def test_what_a_stranger_sends_waits_closed(person: Person) -> None:
    ana, eve = await person("Ana"), await person("Eve")
    await eve.contacts.look_up(email(ana))
    note = sign_delegation(
        eve.session.key,
        Delegation(
            words.make_id(),
            key(eve),
            key(ana),
            Scope(),
            READ,
            format_time(now()),
            format_time(now() + timedelta(days=9)),
        ),
    )
    await send(eve, note, ana)
    [waiting] = (await asked(ana)).waiting
    assert (waiting.sender, waiting.delegation) == (email(eve), None)
    await meet(ana, eve)
    assert len((await asked(ana)).entered) == 1


async def test_an_old_note_does_not_undo_an_end(person: Person, tmp_path: Path) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris)
    [row] = list(ana.index.state.delegations())
    await opened_again(boris)
    await ana.delegations.end([delegation])
    await opened_again(boris)
    await send(ana, json.dumps(dict(row.note)).encode(), boris)
    await opened_again(boris)
    assert [*boris.delegations.table()] == []
    entry = await put(ana, tmp_path, "after")
    assert await readers(ana, entry) == {}


async def test_nobody_ends_what_others_gave(person: Person) -> None:
    ana, boris, eve = [await person(name) for name in ("Ana", "Boris", "Eve")]
    await meet(ana, boris)
    await meet(boris, eve)
    delegation = await give(ana, boris)
    await opened_again(boris)
    from hygieia.vault.delegation import DelegationEnd, sign_end

    note = sign_end(eve.session.key, DelegationEnd(delegation.id, format_time(now())))
    await send(eve, note, boris, "delegation-end")
    done = await asked(boris)
    assert [error.code for _, error in done.refused] == ["delegation-refused"]
    assert [each.id for each in boris.delegations.table().received()] == [delegation.id]


async def test_a_server_that_adds_a_recipient_is_refused(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await person("Ana")
    call = ana.session.transport.call

    async def lying(method: str, path: str, **given: Any) -> Any:  # noqa: ANN401  (as the transport's)
        answer = await call(method, path, **given)
        if (method, path) == ("POST", "/reports"):
            answer.document["reports"][0]["report"]["readers"] += 1
        return answer

    monkeypatch.setattr(type(ana.session.transport), "call", lambda _self, *a, **k: lying(*a, **k))
    with pytest.raises(RecipientRefused):
        await put(ana, tmp_path, "alone")
    assert list(ana.index.state.reports()) == []
