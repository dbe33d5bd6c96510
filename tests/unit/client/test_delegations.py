"""Delegations between people's own devices over a real server."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hygieia.client import Device, Labels, Vault, delegates, recipients
from hygieia.client.content import upload_content
from hygieia.client.delegation_inbox import TakenIn
from hygieia.client.index_repair import repair
from hygieia.client.index_sync import IndexSync
from hygieia.client.messages import Messages
from hygieia.client.received import Standing
from hygieia.client.welcome import welcome
from hygieia.errors import (
    CertificateRefused,
    DelegationRefused,
    Failed,
    Forbidden,
    InvalidInput,
    RecipientRefused,
    Unreachable,
)
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.times import format_time, now
from hygieia.vault import words
from hygieia.vault.delegation import Delegation, Right, Scope, sign_delegation
from hygieia.vault.index import PutContact
from hygieia.vault.people import Contact, ContactState
from hygieia.vault.report_entry import ReportEntry
from tests.unit.client.conftest import Person
from tests.unit.client.people import content_of, meet, received
from tests.unit.client.vaults import PASSWORD, file_in

READ = frozenset({Right.READ})
EVERYTHING = frozenset(Right)
CARDIOLOGY = Scope(categories=frozenset({"cardiology"}))


def email(vault: Vault) -> str:
    return vault.session.profile.email


def key(vault: Vault) -> str:
    return vault.session.key.key_id


async def give(
    giver: Vault, to: Vault, scope: Scope | None = None, rights: frozenset[Right] = READ
) -> Delegation:
    return await giver.delegations.give(email(to), scope or Scope(), rights)


async def put(vault: Vault, folder: Path, name: str, **labels: Any) -> ReportEntry:  # noqa: ANN401  (fields of Labels)
    path = file_in(folder, f"{name}.txt", name.encode())
    owner = labels.pop("owner", None)
    [entry] = await vault.put([path], Labels(**labels), owner=owner)
    return entry


async def readers(vault: Vault, entry: ReportEntry) -> dict[str, str | None]:
    """Who reads a report besides its owner, and by which delegation, as the index says."""
    listed = await vault.index.readers(entry.id)
    return {each.key: each.delegation for each in listed.readers}


async def opened_again(vault: Vault) -> None:
    """What the next opening of the vault does."""
    await vault.index.refresh()
    repaired = await repair(vault.index)
    await welcome(vault.session, vault.index, vault.reader, repaired.entered)


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
    over = await put(ana, tmp_path, "over")
    assert [*await readers(ana, still)] == [key(boris)]
    assert await readers(ana, over) == {}


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
    await opened_again(boris)
    assert [each.id for each in boris.delegations.table().received()] == [delegation.id]
    ended = await ana.delegations.end([delegation])
    assert [each.id for each in ended.still_read] == [read.id]
    assert ended.untold == ()
    after = await put(ana, tmp_path, "after", category="cardiology")
    assert await readers(ana, after) == {}
    await opened_again(boris)
    assert [*boris.delegations.table()] == []
    assert set(boris.delegations.table().ended) == {delegation.id}
    again = await give(ana, boris, CARDIOLOGY)
    assert again.id != delegation.id


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


async def test_a_delegate_whose_key_changed_is_left_out_and_named(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    await give(ana, boris)
    [contact] = ana.contacts.list()
    doubtful = Contact(
        contact.key, contact.certificate, ContactState.CHANGED, contact.name, contact.email
    )
    await ana.index.change([PutContact(doubtful)])
    told: list[Contact | str] = []
    path = file_in(tmp_path, "alone.txt", b"alone")
    [entry] = await ana.put([path], left_out=told.append)
    assert await readers(ana, entry) == {}
    assert told == [doubtful]
    with pytest.raises(CertificateRefused):
        await give(ana, boris)


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


# -- past reports ------------------------------------------------------------------------------


async def test_past_reports_are_gone_through_and_an_interrupted_run_goes_on(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    past = [await put(ana, tmp_path, f"past {n}", category="cardiology") for n in range(3)]
    other = await put(ana, tmp_path, "eyes", category="eye")
    [trashed] = await ana.trash([await put(ana, tmp_path, "trash", category="cardiology")])
    delegation = await give(ana, boris, CARDIOLOGY)
    monkeypatch.setattr(delegates, "_AT_ONCE", 1)
    seen: list[int] = []

    def stop(done: int, _total: int | None, _label: str) -> None:
        seen.append(done)
        if done == 2:
            raise Failed("interrupted")

    with pytest.raises(Failed):
        await ana.delegates.apply([delegation.id], stop)
    applied = await ana.delegates.apply()
    assert (len(applied.changed), applied.looked_at) == (1, 1)
    for entry in past:
        assert await readers(ana, entry) == {key(boris): delegation.id}
    assert await readers(ana, other) == {}
    assert await readers(ana, trashed) == {}
    assert (await ana.delegates.apply()).looked_at == 0, "nothing is left to do"
    found = await boris.inbox.look()
    assert {each.id for each in found} == {entry.id for entry in past}


async def test_past_reports_are_not_opened_to_who_was_given_no_reading(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    await put(ana, tmp_path, "past")
    delegation = await give(ana, boris, rights=frozenset({Right.UPLOAD}))
    assert (await ana.delegates.apply([delegation.id])).looked_at == 0


# -- storing for somebody else -------------------------------------------------------------------


async def test_a_doctor_stores_for_a_patient_and_her_delegates_read_it(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    reads = await give(ana, cleo)
    await give(ana, boris, rights=frozenset({Right.UPLOAD}))
    await opened_again(boris)
    entry = await put(boris, tmp_path, "letter", owner=email(ana), profession="physician")
    assert (entry.owner, entry.author, entry.subject) == (key(ana), key(boris), key(ana))
    assert boris.find(entry.id).owner == key(ana), "entered as shared with him"
    await opened_again(ana)
    hers = ana.find(entry.id)
    report = await ana.read(hers)
    assert (report.verdict, report.meta.author) == (Verdict.VALID, key(boris))
    assert await content_of(ana, hers, tmp_path) == b"letter"
    assert await readers(ana, hers) == {key(boris): None, key(cleo): reads.id}
    [shared] = await cleo.inbox.look()
    assert shared.id == entry.id
    later = await ana.edit(hers, title="From Dr. Boris")
    assert (later.owner, later.author) == (key(ana), key(ana))


async def test_the_same_file_is_stored_for_another_all_the_same(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    await give(ana, boris, rights=frozenset({Right.UPLOAD}))
    await opened_again(boris)
    mine = await put(boris, tmp_path, "form")
    hers = await put(boris, tmp_path, "form", owner=email(ana))
    again = await put(boris, tmp_path, "form", owner=email(ana))
    assert len({mine.id, hers.id, again.id}) == 3


async def test_without_the_right_nothing_is_stored_for_another(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    with pytest.raises(DelegationRefused):
        await put(boris, tmp_path, "letter", owner=email(ana))
    upload = frozenset({Right.UPLOAD})
    delegation = await give(ana, boris, CARDIOLOGY, upload)
    await opened_again(boris)
    with pytest.raises(DelegationRefused):
        await put(boris, tmp_path, "letter", owner=email(ana), category="eye")
    await ana.delegations.end([delegation])
    with pytest.raises(Forbidden):
        await put(boris, tmp_path, "letter", owner=email(ana), category="cardiology")
    await opened_again(boris)
    with pytest.raises(DelegationRefused):
        await put(boris, tmp_path, "letter", owner=email(ana), category="cardiology")
    assert list(ana.list().reports) == []


async def test_what_a_server_lets_in_without_her_delegation_stays_out(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris, rights=frozenset({Right.UPLOAD}))
    await opened_again(boris)
    await ana.delegations.end([delegation])
    # The server lets him all the same.
    await ana.delegations.allow(delegation)
    entry = await put(boris, tmp_path, "advert", owner=email(ana))
    await opened_again(ana)
    assert list(ana.list().reports) == []
    assert [each.report for each in ana.index.refused] == [entry.id]


# -- passing on ----------------------------------------------------------------------------------


async def asked(vault: Vault) -> TakenIn:
    return await vault.delegation_inbox.take_in()


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


async def test_what_reaches_further_is_refused_here_and_there(person: Person) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    for one, other in ((ana, boris), (boris, cleo), (ana, cleo)):
        await meet(one, other)
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


async def send(sender: Vault, note: bytes, to: Vault, kind: str = "delegation") -> None:
    people = [sender.session.key.certificate, to.session.key.certificate]
    await Messages(sender.session, sender.reader).post(note, people, [email(to)], kind)


# -- a server, and others, that lie -----------------------------------------------------------


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


# -- changed reports -------------------------------------------------------------------------


async def test_an_edit_adds_who_is_a_delegate_now_and_closes_it_to_who_is_not(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    heart = await give(ana, boris, CARDIOLOGY)
    eyes = await give(ana, cleo, Scope(categories=frozenset({"eye"})))
    entry = await put(ana, tmp_path, "letter", category="other")
    assert await readers(ana, entry) == {}
    entry = await ana.edit(entry, category="cardiology")
    assert await readers(ana, entry) == {key(boris): heart.id}
    assert await content_of(boris, await received(boris), tmp_path) == b"letter"
    payload = entry.data_payload_cid
    entry = await ana.edit(entry, category="eye")
    assert await readers(ana, entry) == {key(cleo): eyes.id}
    assert entry.data_payload_cid != payload, "another session key"
    assert await boris.inbox.look() == []
    assert await content_of(cleo, await received(cleo), tmp_path) == b"letter"
    assert await content_of(ana, entry, tmp_path) == b"letter"


async def test_a_new_version_is_for_those_for_whom_a_delegation_still_acts(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    ends = await give(ana, boris)
    entry = await put(ana, tmp_path, "letter")
    await ana.sharing.share([entry], [ana.contacts.list()[1]])
    await ana.delegations.end([ends])
    newer = await ana.update(ana.find(entry.id), file_in(tmp_path, "letter.txt", b"new"))
    assert await readers(ana, newer) == {key(cleo): None}
    stays = await give(ana, boris)
    newest = await ana.update(newer, file_in(tmp_path, "letter.txt", b"newest"))
    assert await readers(ana, newest) == {key(boris): stays.id, key(cleo): None}
    done = await ana.rekeying.rekey(newest)
    assert await readers(ana, done.entry) == {key(boris): stays.id, key(cleo): None}


async def test_whom_she_took_off_a_report_no_delegation_brings_back_to_it(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris)
    entry = await put(ana, tmp_path, "letter")
    await ana.sharing.unshare([entry], ana.contacts.list()[0])
    assert (await ana.delegates.apply([delegation.id])).changed == ()
    newer = await ana.update(ana.find(entry.id), file_in(tmp_path, "letter.txt", b"new"))
    assert await readers(ana, newer) == {}
