"""Delegations between people's own devices over a real server."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hygieia.client import Device, Vault, recipients
from hygieia.client.content import upload_content
from hygieia.client.delegating import Delegator
from hygieia.client.index_sync import IndexSync
from hygieia.client.received import Standing
from hygieia.domain import uploaders
from hygieia.errors import (
    CertificateRefused,
    Forbidden,
    InvalidInput,
    LimitExceeded,
    Unreachable,
)
from hygieia.openpgp.times import format_time, now
from hygieia.vault.delegation import Scope
from hygieia.vault.index import Change, PutContact
from hygieia.vault.people import Contact, ContactState
from hygieia.vault.sharing import LeftOut, Why
from tests.unit.client.conftest import Person
from tests.unit.client.delegating import (
    CARDIOLOGY,
    EVERYTHING,
    READ,
    allowed,
    email,
    give,
    key,
    opened_again,
    put,
    readers,
)
from tests.unit.client.people import content_of, index_lost, meet, received
from tests.unit.client.vaults import PASSWORD, file_in


async def test_what_is_stored_from_now_on_is_read_by_the_delegate(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    before = await put(ana, tmp_path, "before")
    delegation = await give(ana, boris)
    entry = await put(ana, tmp_path, "after")
    assert await readers(ana, entry) == {key(boris): delegation.id}
    assert await readers(ana, before) == {}
    theirs = await received(boris)
    assert theirs.id == entry.id
    assert await content_of(boris, theirs, tmp_path) == b"after"
    await ana.index.refresh()
    assert [each.id for each in ana.index.state.delegations()] == [delegation.id]


async def test_short_long_and_streamed_files_all_gain_delegates(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris)
    short = file_in(tmp_path, "short.txt", b"short")
    long = file_in(tmp_path, "long.bin", bytes(2_000_000))
    entries = [*await ana.put([short, long])]
    entries.append(await ana.put_stream(io.BytesIO(b"streamed"), "streamed.txt"))
    for entry in entries:
        assert await readers(ana, entry) == {key(boris): delegation.id}, entry.file_name
    found = await boris.inbox.look()
    assert {each.standing for each in found} == {Standing.ACCEPTED}
    assert {each.id for each in found} == {entry.id for entry in entries}


async def test_one_to_store_that_the_server_refuses_is_not_entered(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    monkeypatch.setattr(uploaders, "MAX_UPLOADERS", 1)
    until = {"expires": format_time(now() + timedelta(days=9))}
    await ana.session.transport.call("PUT", f"/uploaders/{'c' * 64}", body=until)
    with pytest.raises(LimitExceeded, match="people may store"):
        await give(ana, boris, rights=EVERYTHING)
    assert list(ana.index.state.delegations()) == []
    assert not (await boris.delegation_inbox.take_in()).waiting


async def test_who_may_store_may_for_as_long_as_the_longest_of_what_is_in_force(
    person: Person,
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    long = await give(ana, boris, CARDIOLOGY, EVERYTHING)
    soon = now() + timedelta(days=9)
    short = await ana.delegations.give(email(boris), Scope(), EVERYTHING, expires=soon)
    assert await allowed(ana) == {key(boris): long.expires}
    await ana.delegations.end([long])
    assert await allowed(ana) == {key(boris): short.expires}
    await ana.delegations.end([short])
    assert await allowed(ana) == {}


@pytest.mark.parametrize("error", [Unreachable("No way."), asyncio.CancelledError()])
async def test_one_that_could_not_be_entered_lets_nobody_store(
    person: Person, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    soon = now() + timedelta(days=9)
    before = await ana.delegations.give(email(boris), CARDIOLOGY, EVERYTHING, expires=soon)

    async def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(IndexSync, "change", fails)
        with pytest.raises(type(error)):
            await give(ana, boris, rights=EVERYTHING)
    assert await allowed(ana) == {key(boris): before.expires}


async def test_one_that_was_entered_though_the_answer_was_lost_lets_them_store(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    change = IndexSync.change

    async def loses_the_answer(index: IndexSync, changes: Sequence[Change]) -> None:
        await change(index, changes)
        raise Unreachable("No way.")

    with monkeypatch.context() as patch:
        patch.setattr(IndexSync, "change", loses_the_answer)
        with pytest.raises(Unreachable):
            await give(ana, boris, rights=EVERYTHING)
    assert [*await allowed(ana)] == [key(boris)]


async def test_category_subject_and_profession_all_have_to_match(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    child = (await ana.add_subject("Mia")).id
    professions = frozenset({"physician"})
    await give(ana, boris, Scope(frozenset({child}), frozenset({"cardiology"}), professions))
    said = {"category": "cardiology", "subject": child, "profession": "physician"}
    for name, other in (("category", "eye"), ("subject", None), ("profession", "dentist")):
        entry = await put(ana, tmp_path, name, **said | {name: other})
        assert await readers(ana, entry) == {}, name
    entry = await put(ana, tmp_path, "all", **said)
    assert [*await readers(ana, entry)] == [key(boris)]


async def test_only_a_verified_contact_is_given_anything(person: Person) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    with pytest.raises(Forbidden):
        await give(ana, boris)
    with pytest.raises(InvalidInput):
        await give(ana, ana)
    await meet(ana, boris)
    with pytest.raises(InvalidInput):
        await ana.delegations.give(email(boris), Scope(), READ, expires=now() + timedelta(days=367))
    with pytest.raises(InvalidInput):
        await ana.delegations.give(email(boris), Scope(), frozenset())
    assert list(ana.index.state.delegations()) == []


async def test_one_that_expired_since_the_vault_was_listed_no_longer_acts(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    soon = now() + timedelta(days=1)
    await ana.delegations.give(email(boris), Scope(), READ, expires=soon)
    assert [*ana.delegations.table()]
    # Ten minutes of two clocks, and a second.
    monkeypatch.setattr(recipients, "now", lambda: soon + timedelta(seconds=600))
    still = await put(ana, tmp_path, "within")
    monkeypatch.setattr(recipients, "now", lambda: soon + timedelta(seconds=601))
    told: list[LeftOut] = []
    [over] = await ana.put([file_in(tmp_path, "over.txt", b"over")], left_out=told.append)
    assert [*await readers(ana, still)] == [key(boris)]
    assert await readers(ana, over) == {}
    assert [(each.key, each.why) for each in told] == [(key(boris), Why.LAPSED)]


async def test_what_another_device_has_ended_no_longer_acts(person: Person, tmp_path: Path) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris)
    device = Device(tmp_path / "home-Ana")
    async with device.open(PASSWORD) as other:
        await other.delegations.end([delegation])
    assert [*ana.delegations.table()], "this device has not heard of it"
    entry = await put(ana, tmp_path, "short")
    assert await readers(ana, entry) == {}


async def test_of_a_long_file_the_end_decides_who_reads_it(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris)
    monkeypatch.setattr(recipients, "_FRESH_SECONDS", -1.0)

    async def slowly(*given: Any, **more: Any) -> Any:  # noqa: ANN401  (as it is given)
        """While the file is on its way, another device ends the delegation."""
        sealed = await upload_content(*given, **more)
        async with Device(tmp_path / "home-Ana").open(PASSWORD) as other:
            await other.delegations.end([delegation])
        return sealed

    monkeypatch.setattr("hygieia.client.put.upload_content", slowly)
    [entry] = await ana.put([file_in(tmp_path, "long.bin", bytes(2_000_000))])
    assert await readers(ana, entry) == {}


async def test_after_the_end_nothing_more_and_what_is_still_read_is_listed(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris, CARDIOLOGY)
    read = await put(ana, tmp_path, "read", category="cardiology")
    await put(ana, tmp_path, "never", category="eye")
    taken_off = await put(ana, tmp_path, "taken off", category="cardiology")
    await ana.sharing.unshare([taken_off], ana.contacts.list()[0])
    await opened_again(boris)
    assert [each.id for each in boris.delegations.table().received()] == [delegation.id]
    ended = await ana.delegations.end([delegation])
    assert [each.id for each in ended.still_read] == [read.id, taken_off.id], "old copies open"
    await ana.rekeying.rekey(ana.find(taken_off.id))
    assert [each.id for each in await ana.delegations.still_read([key(boris)])] == [read.id]
    assert ended.untold == ()
    after = await put(ana, tmp_path, "after", category="cardiology")
    assert await readers(ana, after) == {}
    await opened_again(boris)
    assert [*boris.delegations.table()] == []
    assert set(boris.delegations.table().ended) == {delegation.id}
    again = await give(ana, boris, CARDIOLOGY)
    assert again.id != delegation.id


async def test_an_end_that_was_cut_short_is_told_at_the_next_opening(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris)
    await opened_again(boris)

    async def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Delegator, "_post", killed)
        with pytest.raises(KeyboardInterrupt):
            await ana.delegations.end([delegation])
    assert [*ana.delegations.table()] == []
    await opened_again(boris)
    assert [*boris.delegations.table()] == [delegation], "nobody has told him"
    await opened_again(ana)
    await opened_again(boris)
    assert [*boris.delegations.table()] == []
    assert ana.delegates.to_do.read()["ends"] == []


async def test_an_end_that_never_came_into_the_index_is_no_end(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris)
    with index_lost(monkeypatch):
        await ana.delegations.end([delegation])
    await opened_again(ana)
    assert [*ana.delegations.table()] == [delegation]
    await opened_again(boris)
    assert [*boris.delegations.table()] == [delegation]
    assert ana.delegates.to_do.read()["ends"] == []


async def test_what_is_still_read_names_earlier_versions_until_a_re_key(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris, CARDIOLOGY)
    lapsed = await put(ana, tmp_path, "lapsed", category="cardiology")
    taken_off = await put(ana, tmp_path, "taken off", category="cardiology")
    read = await put(ana, tmp_path, "read", category="cardiology")
    first = [each.entry for each in await boris.inbox.look()]
    await ana.edit(lapsed, category="eye")
    await ana.sharing.unshare([taken_off], ana.contacts.list()[0])
    await ana.update(ana.find(taken_off.id), file_in(tmp_path, "second.txt", b"second"))
    assert len(first) == 3
    for each in first:
        assert each is not None
        assert (await boris.read(each)).meta.revision == 1, "first versions open with his key"
    await ana.trash([ana.find(lapsed.id)])
    ended = await ana.delegations.end([delegation])
    assert [each.id for each in ended.still_read] == [lapsed.id, taken_off.id, read.id]
    assert ended.earlier == {lapsed.id, taken_off.id}
    await ana.restore([ana.find(lapsed.id)])

    async def still() -> list[str]:
        return [each.id for each in await ana.delegations.still_read([key(boris)])]

    await ana.rekeying.rekey(ana.find(taken_off.id), earlier=True)
    assert await still() == [lapsed.id, read.id]
    await ana.sharing.share([ana.find(lapsed.id)], ana.contacts.list())
    assert await readers(ana, lapsed) == {key(boris): None}
    await ana.sharing.unshare([ana.find(lapsed.id)], ana.contacts.list()[0])
    assert await still() == [lapsed.id, read.id], "old copies open"
    await ana.rekeying.rekey(ana.find(lapsed.id))
    assert await still() == [read.id]


async def test_the_same_again_is_not_given_twice(person: Person) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    first, again = [await give(ana, boris, CARDIOLOGY) for _ in range(2)]
    other = await give(ana, boris)
    assert first == again
    assert other.id != first.id
    longer = now() + timedelta(days=366)
    renewed = await ana.delegations.give(email(boris), CARDIOLOGY, READ, expires=longer)
    assert renewed.id != first.id


async def doubted(vault: Vault) -> Contact:
    """Her only contact, whose key has changed."""
    [contact] = vault.contacts.list()
    changed = replace(contact, state=ContactState.CHANGED)
    await vault.index.change([PutContact(changed)])
    return changed


async def test_a_delegate_whose_key_changed_is_left_out_and_named(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    await give(ana, boris)
    doubtful = await doubted(ana)
    told: list[LeftOut] = []
    path = file_in(tmp_path, "alone.txt", b"alone")
    [entry] = await ana.put([path], left_out=told.append)
    assert await readers(ana, entry) == {}
    assert told == [LeftOut(doubtful.key, Why.CHANGED, doubtful)]
    with pytest.raises(CertificateRefused):
        await give(ana, boris)


@pytest.mark.parametrize("streamed", [False, True])
async def test_who_is_left_out_is_named_though_storing_fails_at_its_end(
    streamed: bool, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going on takes what was stored as it is: nobody would be named for it any more."""
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    await give(ana, boris)
    doubtful = await doubted(ana)
    told: list[LeftOut] = []

    async def stop(*_: object) -> None:
        raise Unreachable("the network is gone")

    monkeypatch.setattr(IndexSync, "change", stop)
    storing: Coroutine[object, object, object] = (
        ana.put_stream(io.BytesIO(b"streamed"), "s.txt", left_out=told.append)
        if streamed
        else ana.put([file_in(tmp_path, "alone.txt", b"alone")], left_out=told.append)
    )
    with pytest.raises(Unreachable):
        await storing
    assert told == [LeftOut(doubtful.key, Why.CHANGED, doubtful)]


async def test_what_was_committed_before_an_interruption_keeps_its_delegates(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris)
    paths = [file_in(tmp_path, "short.txt", b"short"), file_in(tmp_path, "l.bin", bytes(2_000_000))]

    async def stop(*_: object) -> None:
        raise Unreachable("the network is gone")

    with monkeypatch.context() as cut:
        cut.setattr(IndexSync, "change", stop)
        with pytest.raises(Unreachable):
            await ana.put(paths)
    assert list(ana.list().reports) == []
    entries = await ana.put(paths)
    assert len(entries) == 2
    for entry in entries:
        assert await readers(ana, entry) == {key(boris): delegation.id}
    assert {each.id for each in await boris.inbox.look()} == {entry.id for entry in entries}


async def test_what_another_device_committed_is_entered_with_its_delegates(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris)

    async def stop(*_: object) -> None:
        raise Unreachable("the network is gone")

    with monkeypatch.context() as cut:
        cut.setattr(IndexSync, "change", stop)
        with pytest.raises(Unreachable):
            await put(ana, tmp_path, "lost")
    await opened_again(ana)
    [entry] = ana.list().reports
    assert await readers(ana, entry) == {key(boris): delegation.id}
