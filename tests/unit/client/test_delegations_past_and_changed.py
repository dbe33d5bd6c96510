"""Past and changed reports follow delegations; doctors store for patients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hygieia.client import delegates, recipients
from hygieia.client import sharing as client_sharing
from hygieia.client.contacts import Contacts
from hygieia.client.content import upload_content
from hygieia.client.received import Standing
from hygieia.client.recipients import OwnRecipients
from hygieia.client.transport import Answer
from hygieia.errors import (
    CertificateRefused,
    DelegationRefused,
    Failed,
    Forbidden,
    NoteRefused,
)
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.sealing import open_revocation, seal_revocation
from hygieia.vault.delegation import Right, Scope
from hygieia.vault.index import PutContact
from hygieia.vault.people import ContactState
from hygieia.vault.sharing import LeftOut, NextReaders, Why
from tests.unit.client.conftest import Person
from tests.unit.client.delegating import (
    CARDIOLOGY,
    email,
    give,
    key,
    opened_again,
    put,
    readers,
    with_doctor_and_delegate,
)
from tests.unit.client.people import content_of, meet, received, share
from tests.unit.client.vaults import file_in


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


async def test_past_reports_are_opened_to_nobody_who_was_given_the_future_alone(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    past = await put(ana, tmp_path, "past", category="cardiology")
    await give(ana, cleo)
    delegation = await give(ana, boris, CARDIOLOGY)
    await ana.delegates.apply([delegation.id])
    assert await readers(ana, past) == {key(boris): delegation.id}


async def test_past_reports_are_not_opened_to_who_was_given_no_reading(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    await put(ana, tmp_path, "past")
    delegation = await give(ana, boris, rights=frozenset({Right.UPLOAD}))
    assert (await ana.delegates.apply([delegation.id])).looked_at == 0


async def test_a_doctor_stores_for_a_patient_and_her_delegates_read_it(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo, reads = await with_doctor_and_delegate(person)
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


async def test_what_was_stored_for_her_follows_its_readers_after_the_right_has_ended(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(boris, cleo)
    right = await give(ana, boris, rights=frozenset({Right.UPLOAD}))
    await opened_again(boris)
    entry = await put(boris, tmp_path, "letter", owner=email(ana))
    await opened_again(ana)
    await ana.delegations.end([right])
    shared = await share(boris, boris.find(entry.id), cleo)
    await opened_again(ana)
    assert not ana.index.refused
    assert ana.find(entry.id).cid == shared.cid


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


async def test_a_key_revoked_during_a_long_upload_for_her_is_encrypted_to_no_more(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    await give(ana, boris, rights=frozenset({Right.UPLOAD}))
    await opened_again(boris)
    code, hers, find = make_code(), ana.session.key, Contacts._find
    revocation = open_revocation(seal_revocation(hers, code), code)
    revoked = hers.certificate.with_revocation(revocation).armored

    async def revoking(self: Contacts, email: str) -> Answer:
        answer = await find(self, email)
        answer.document["certificate"] = revoked
        return answer

    async def slowly(*given: Any, **more: Any) -> Any:  # noqa: ANN401  (as it is given)
        sealed = await upload_content(*given, **more)
        monkeypatch.setattr(Contacts, "_find", revoking)
        return sealed

    monkeypatch.setattr(recipients, "_FRESH_SECONDS", -1.0)
    monkeypatch.setattr("hygieia.client.put.upload_content", slowly)
    with pytest.raises(CertificateRefused):
        await boris.put([file_in(tmp_path, "long.bin", bytes(2_000_000))], owner=email(ana))
    await opened_again(ana)
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


@pytest.mark.parametrize("allowed", [False, True])
async def test_what_a_contact_shares_with_her_as_hers_needs_her_delegation(
    allowed: bool, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In his own account nobody asks whether he may: he names her as the owner and notes her."""
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    if allowed:
        await give(ana, boris, rights=frozenset({Right.UPLOAD}))
    with monkeypatch.context() as patched:
        patched.setattr(OwnRecipients, "owner", key(ana))
        planted = await put(boris, tmp_path, "advert")
    assert (planted.owner, planted.author) == (key(ana), key(boris))
    monkeypatch.setattr(client_sharing, "_not_yet", lambda *asked: asked[-1])
    await share(boris, planted, ana)
    [found] = await ana.inbox.look()
    assert [each.id for each in ana.list().reports] == ([planted.id] if allowed else [])
    if not allowed:
        assert found.standing is Standing.REFUSED
        with pytest.raises(NoteRefused):
            await ana.inbox.accept(found)


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
    told: list[NextReaders] = []
    entry = await ana.edit(entry, category="eye", left_out=told.append)
    assert await readers(ana, entry) == {key(cleo): eyes.id}
    assert [(each.key, each.why) for each in told[0].left_out] == [(key(boris), Why.LAPSED)]
    unverified = replace(ana.contacts.list()[0], state=ContactState.UNVERIFIED)
    await ana.index.change([PutContact(unverified)])
    told.clear()
    await ana.edit(await put(ana, tmp_path, "heart"), category="cardiology", left_out=told.append)
    assert [each.left_out for each in told] == [(LeftOut(key(boris), Why.UNVERIFIED, unverified),)]
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
    told: list[NextReaders] = []
    path = file_in(tmp_path, "letter.txt", b"new")
    newer = await ana.update(ana.find(entry.id), path, left_out=told.append)
    assert await readers(ana, newer) == {key(cleo): None}
    assert [(each.key, each.why) for each in told[0].left_out] == [(key(boris), Why.LAPSED)]
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
