"""A lost key: those who read her reports give them back, after comparing, and nobody else can."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hygieia.client import Vault
from hygieia.client.index_repair import repair
from hygieia.client.transport import Answer, Transport
from hygieia.errors import (
    CertificateChanged,
    HygieiaError,
    InvalidInput,
    NotFound,
    StaleRevision,
    Unavailable,
    Unreachable,
)
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.packets import pkesk_digest
from hygieia.recovery.driving import BlockSource, read_from
from hygieia.vault.index import PutContact, PutReport
from hygieia.vault.people import ContactState
from hygieia.vault.reading import Reading
from hygieia.vault.report import Report
from hygieia.vault.share_note import Readers
from tests.unit.client.conftest import Person
from tests.unit.client.people import contact_of, content_of, meet, share, stored, unshare
from tests.unit.client.vaults import file_in

pytestmark = pytest.mark.timeout(300)

EMAIL = "ingrid@example.org"


@dataclass
class Lost:
    """Ingrid, before and after she lost her key, and Boris, who reads two of her three reports."""

    ingrid: Vault
    boris: Vault
    former: UnlockedKey
    shared: list[str]
    never_shared: str

    async def compared(self) -> str:
        """Both have the number of the new key before them; Ingrid has verified Boris."""
        seen = await self.ingrid.contacts.look_up("boris@example.org")
        number = await self.ingrid.contacts.safety_number(seen)
        await self.ingrid.contacts.verify("boris@example.org", number)
        return number


@pytest.fixture
async def lost(person: Person, new_key: Person, tmp_path: Path) -> Lost:
    before, boris = await person("Ingrid"), await person("Boris")
    await meet(before, boris)
    entries = [await stored(before, tmp_path, content) for content in (b"one!", b"two!", b"six!")]
    for entry in entries[:2]:
        await share(before, entry, boris)
    await boris.inbox.look()
    ids = [entry.id for entry in entries]
    return Lost(await new_key("Ingrid"), boris, before.session.key, ids[:2], ids[2])


async def test_she_reads_exactly_what_he_held_and_owns_it_again(lost: Lost, tmp_path: Path) -> None:
    ingrid, boris = lost.ingrid, lost.boris
    assert list(ingrid.list().reports) == []
    [request] = await boris.giving_back.requests()
    assert request.contact.state is ContactState.CHANGED, "the server's list hinted at it"
    assert {entry.id for entry in request.reports} == set(lost.shared)
    number = await lost.compared()
    done = await boris.giving_back.give_back(EMAIL, number)
    assert done.failed == {}
    assert {each.entry.id for each in done.shared} == set(lost.shared)
    assert await boris.giving_back.requests() == []
    # She sees them by the key that they belonged to; none is hers until she says so.
    await repair(ingrid.index)
    refused = {each.report: each.error for each in ingrid.index.refused}
    assert {each.code for each in refused.values()} == {"key-mismatch", "envelope-refused"}
    assert all("give-back" in str(refused[each].hint) for each in lost.shared)
    assert list(ingrid.list().reports) == []
    [found] = await ingrid.giving_back.found()
    assert found.former.key == lost.former.key_id
    assert [giver.email for giver in found.givers] == ["boris@example.org"]
    await ingrid.giving_back.confirm(found)
    await ingrid.index.refresh()
    entries = {entry.id: entry for entry in ingrid.list().reports}
    assert set(entries) == set(lost.shared), "what was never shared stays lost"
    assert await content_of(ingrid, entries[lost.shared[0]], tmp_path) == b"one!"
    assert (await ingrid.read(entries[lost.shared[0]])).verdict is Verdict.VALID
    assert await ingrid.giving_back.found() == []
    readers = [await ingrid.index.readers(each) for each in lost.shared]
    assert [[one.key for one in each.readers] for each in readers] == [
        [boris.session.key.key_id]
    ] * 2


async def test_what_an_index_took_for_somebody_elses_is_hers_again_too(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A doctor had stored it, whom she verified before a page looked (as pages did once)."""
    ingrid = lost.ingrid
    await lost.boris.giving_back.give_back(EMAIL, await lost.compared())
    [before] = await ingrid.giving_back.found()
    await ingrid.index.change([PutReport(entry) for entry in before.reports])
    [found] = await ingrid.giving_back.found()
    # Once the key is hers such a report is not found any more: without its readers none is entered.
    with no_readers(lost.shared[0], NotFound("not now"), monkeypatch), pytest.raises(NotFound):
        await ingrid.giving_back.confirm(found)
    await ingrid.giving_back.confirm(found)
    his = {lost.boris.session.key.key_id}
    assert await readers_by_index(ingrid) == dict.fromkeys(lost.shared, his)
    people = ingrid.index.state.people(ingrid.session.key.certificate)
    assert all(people.is_me(entry.owner) for entry in ingrid.list().reports)
    assert await ingrid.giving_back.found() == []


async def test_what_was_given_back_is_changed_shared_and_re_keyed_under_the_new_key(
    lost: Lost, person: Person, tmp_path: Path
) -> None:
    ingrid, boris = lost.ingrid, lost.boris
    await boris.giving_back.give_back(EMAIL, await lost.compared())
    [found] = await ingrid.giving_back.found()
    await ingrid.giving_back.confirm(found)
    me = ingrid.session.key.key_id
    entry = await ingrid.edit(ingrid.find(lost.shared[0]), title="Mine again")
    assert (entry.owner, entry.author, entry.revision) == (me, me, 2)
    # Somebody who never knew the former key can check it.
    cleo = await person("Cleo")
    await meet(ingrid, cleo)
    await share(ingrid, entry, cleo)
    [theirs] = await cleo.inbox.look()
    assert theirs.entry is not None
    assert (await cleo.read(theirs.entry)).verdict is Verdict.VALID
    assert await content_of(cleo, theirs.entry, tmp_path) == b"one!"
    # Boris, who gave it back, follows.
    await boris.inbox.look()
    assert boris.find(entry.id).title == "Mine again"
    assert boris.find(entry.id).owner == me
    # The packet of her former key is one that nobody noted: it ends with a new session key.
    assert len((await ingrid.read(ingrid.find(entry.id))).packets) == 4
    done = await ingrid.rekeying.rekey(ingrid.find(entry.id))
    assert (done.going_on.left_out, done.going_on.unnamed) == ((), 1)
    assert len((await ingrid.read(done.entry)).packets) == 3
    await boris.inbox.look()
    assert await content_of(boris, boris.find(entry.id), tmp_path) == b"one!"
    # Of the other one, the version that he gave back opens for him after he was taken off.
    his = boris.session.key.key_id
    other = await unshare(ingrid, ingrid.find(lost.shared[1]), boris)
    other = await ingrid.update(other, file_in(tmp_path, "n.txt", b"newer"))
    assert (await ingrid.index.readers(other.id)).earlier == (his,)
    assert {each.id for each in await ingrid.delegations.still_read([his])} == set(lost.shared)


async def test_a_server_that_only_pretends_a_lost_key_gets_nothing(
    person: Person, new_key: Person, tmp_path: Path
) -> None:
    """The true Ingrid reads out her number; the server's key has another."""
    ingrid, boris = await person("Ingrid"), await person("Boris")
    await meet(ingrid, boris)
    entry = await share(ingrid, await stored(ingrid, tmp_path), boris)
    await boris.inbox.look()
    true_number = await ingrid.contacts.safety_number(
        await ingrid.contacts.look_up("boris@example.org")
    )
    thief = await new_key("Ingrid")  # the server's own, under her email
    [request] = await boris.giving_back.requests()
    assert request.contact.key == ingrid.session.key.key_id, "the pin stays"
    for number, error in (
        (None, CertificateChanged),
        (true_number, CertificateChanged),
        ("12345 " * 8, CertificateChanged),
        ("12345", InvalidInput),
    ):
        with pytest.raises(error):
            await boris.giving_back.give_back(EMAIL, number)
    before = boris.find(entry.id)
    assert boris.find(entry.id) == before
    assert contact_of(boris, ingrid).state is ContactState.CHANGED
    assert await thief.giving_back.found() == []
    # Even accepted without comparing, the new key is given nothing and believed nothing.
    accepted = await boris.contacts.accept(EMAIL)
    assert not accepted.is_confirmed
    with pytest.raises(CertificateChanged):
        await boris.giving_back.give_back(EMAIL)
    with pytest.raises(CertificateChanged):
        await boris.sharing.share([boris.find(entry.id)], [accepted])
    people = boris.index.state.people(boris.session.key.certificate)
    assert people.certificate(thief.session.key.key_id) is None
    assert people.certificate(ingrid.session.key.key_id) is not None
    assert boris.find(entry.id) == before


async def test_what_fails_is_named_and_giving_back_again_goes_on_with_it(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    boris, number = lost.boris, await lost.compared()
    changer = type(boris.sharing.changer)
    replace_root = changer.replace_root

    async def busy(self: object, entry: object, *rest: object) -> None:
        if entry.id == lost.shared[0]:  # type: ignore[attr-defined]  # an entry
            raise StaleRevision("somebody is always faster")
        await replace_root(self, entry, *rest)  # type: ignore[arg-type]  # as it came

    with monkeypatch.context() as patched:
        patched.setattr(changer, "replace_root", busy)
        done = await boris.giving_back.give_back(EMAIL, number)
    assert set(done.failed) == {lost.shared[0]}
    [request] = await boris.giving_back.requests()
    assert [entry.id for entry in request.reports] == [lost.shared[0]]
    again = await boris.giving_back.give_back(EMAIL)
    assert ([each.entry.id for each in again.shared], again.failed) == ([lost.shared[0]], {})
    [found] = await lost.ingrid.giving_back.found()
    assert {entry.id for entry in found.reports} == set(lost.shared)


@contextlib.contextmanager
def no_readers(report: str, error: HygieiaError, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Meanwhile the server does not say who reads ``report``."""
    call = Transport.call

    async def failing(self: Transport, method: str, path: str, **rest: object) -> Answer:
        if path == f"/reports/{report}/shares":
            raise error
        return await call(self, method, path, **rest)  # type: ignore[arg-type]  # as it came

    with monkeypatch.context() as patched:
        patched.setattr(Transport, "call", failing)
        yield


async def readers_by_index(vault: Vault) -> dict[str, set[str]]:
    """Keys of who reads each report besides its owner, as the index names them."""
    ids = [entry.id for entry in vault.list().reports]
    return {each: {one.key for one in (await vault.index.readers(each)).readers} for each in ids}


async def test_confirming_that_was_cut_is_done_by_saying_it_again(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingrid = lost.ingrid
    await lost.boris.giving_back.give_back(EMAIL, await lost.compared())
    [found] = await ingrid.giving_back.found()
    last = found.reports[-1].id
    for error in (Unreachable("the line was cut"), Unavailable("later")):
        with no_readers(last, error, monkeypatch), pytest.raises(type(error)):
            await ingrid.giving_back.confirm(found)
    assert list(ingrid.list().reports) == []
    [again] = await ingrid.giving_back.found()
    assert {entry.id for entry in again.reports} == set(lost.shared)
    assert (await ingrid.giving_back.confirm(again)).failed == {}
    his = {lost.boris.session.key.key_id}
    assert await readers_by_index(ingrid) == dict.fromkeys(lost.shared, his)


async def test_one_report_whose_readers_cannot_be_had_keeps_no_other_from_coming_back(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingrid, (missing, other) = lost.ingrid, lost.shared
    await lost.boris.giving_back.give_back(EMAIL, await lost.compared())
    [found] = await ingrid.giving_back.found()
    with no_readers(missing, NotFound("not now"), monkeypatch):
        done = await ingrid.giving_back.confirm(found)
    assert ([entry.id for entry in done.reports], set(done.failed)) == ([other], {missing})
    his = {lost.boris.session.key.key_id}
    assert await readers_by_index(ingrid) == {other: his}
    [rest] = await ingrid.giving_back.found()
    assert [entry.id for entry in rest.reports] == [missing]
    assert (await ingrid.giving_back.confirm(rest)).failed == {}
    assert await readers_by_index(ingrid) == dict.fromkeys(lost.shared, his)
    assert await ingrid.giving_back.found() == []


async def test_who_was_added_since_she_looked_reads_it_by_her_index_too(
    lost: Lost, person: Person
) -> None:
    ingrid, boris = lost.ingrid, lost.boris
    await boris.giving_back.give_back(EMAIL, await lost.compared())
    [found] = await ingrid.giving_back.found()
    cleo = await person("Cleo")
    await meet(boris, cleo)
    first, second = lost.shared
    entry = await share(boris, boris.find(first), cleo)
    done = await ingrid.giving_back.confirm(found)
    assert {each.id: each.cid for each in done.reports}[first] == entry.cid
    his, hers = boris.session.key.key_id, cleo.session.key.key_id
    assert await readers_by_index(ingrid) == {first: {his, hers}, second: {his}}


async def test_to_share_what_was_hers_with_her_new_key_is_to_give_it_back(
    lost: Lost, person: Person
) -> None:
    ingrid, boris = lost.ingrid, lost.boris
    number = await lost.compared()
    await boris.contacts.look_up(EMAIL)
    await boris.contacts.accept(EMAIL)
    await boris.contacts.verify(EMAIL, number)
    cleo = await person("Cleo")
    await meet(boris, cleo)
    first, second = lost.shared
    done = await boris.sharing.share(
        [boris.find(first)], [contact_of(boris, ingrid), contact_of(boris, cleo)]
    )
    assert [each.changed for each in done] == [True]
    [request] = await boris.giving_back.requests()
    assert [entry.id for entry in request.reports] == [second]
    [found] = await ingrid.giving_back.found()
    assert found.former.key == lost.former.key_id
    assert [entry.id for entry in found.reports] == [first]
    await ingrid.giving_back.confirm(found)
    his, hers = boris.session.key.key_id, cleo.session.key.key_id
    assert await readers_by_index(ingrid) == {first: {his, hers}}
    # To Cleo nothing is given back: she had no key before.
    assert await cleo.giving_back.found() == []
    [received] = await cleo.inbox.look()
    assert received.error is None


async def test_a_report_comes_back_that_somebody_else_had_shared_with_her_new_key(
    lost: Lost, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cleo never knew her former key: two packets are for the new one, and one gives back."""
    ingrid, boris, cleo = lost.ingrid, lost.boris, await person("Cleo")
    await meet(boris, cleo)
    await meet(ingrid, cleo)
    first = lost.shared[0]
    await share(boris, boris.find(first), cleo)
    [received] = await cleo.inbox.look()
    [shared] = await cleo.sharing.share(
        [await cleo.inbox.accept(received)], [contact_of(cleo, ingrid)]
    )
    [plain] = [each for each in shared.readers.readers if each.key == ingrid.session.key.key_id]
    assert await ingrid.giving_back.found() == []
    assert (await boris.giving_back.give_back(EMAIL, await lost.compared())).failed == {}

    async def by_the_other(reading: Reading[Report], source: BlockSource) -> Report:
        report = await read_from(reading, source)
        others = [each for each in report.packets if pkesk_digest(each) == plain.pkesk]
        return replace(report, own_packet=others[0]) if others else report

    monkeypatch.setattr("hygieia.client.giving_back.read_from", by_the_other)
    [found] = await ingrid.giving_back.found()
    assert {entry.id for entry in found.reports} == set(lost.shared)
    assert (await ingrid.giving_back.confirm(found)).failed == {}
    assert {entry.id for entry in ingrid.list().reports} == set(lost.shared)


async def test_what_lies_in_her_trash_is_given_back_once_she_has_taken_it_out(lost: Lost) -> None:
    in_trash, other = lost.shared
    await lost.ingrid.session.transport.call("DELETE", f"/reports/{in_trash}")
    [request] = await lost.boris.giving_back.requests()
    assert [each.id for each in request.reports] == [other], (
        "nobody is asked for what nobody can do"
    )
    done = await lost.boris.giving_back.give_back(EMAIL, await lost.compared())
    assert [each.entry.id for each in done.shared] == [other]
    assert set(done.failed) == {in_trash}
    failed = done.failed[in_trash]
    assert f"in the trash of {EMAIL}" in str(failed)
    assert failed.hint is not None
    assert f"hygieia restore {in_trash}" in failed.hint
    for name, error in (("abc", InvalidInput), ("f" * 32, NotFound), (other, NotFound)):
        with pytest.raises(error):
            await lost.ingrid.giving_back.take_out(name)
    assert await lost.ingrid.giving_back.take_out(in_trash[:8]) == in_trash
    [request] = await lost.boris.giving_back.requests()
    assert [each.id for each in request.reports] == [in_trash]
    assert (await lost.boris.giving_back.give_back(EMAIL)).failed == {}
    [found] = await lost.ingrid.giving_back.found()
    assert {each.id for each in found.reports} == {in_trash, other}


@pytest.mark.parametrize("taken_off", [False, True])
async def test_an_unshare_is_not_undone_by_giving_back(
    taken_off: bool, lost: Lost, tmp_path: Path
) -> None:
    """She wrote it, and he, whose report it is, took her off it before she lost her key."""
    boris, old = lost.boris, lost.former.key_id
    written = replace(await stored(boris, tmp_path), author=old)
    removed = (old,) if taken_off else ()
    await boris.index.change([PutReport(written, Readers(written.id, removed=removed))])
    [request] = await boris.giving_back.requests()
    expected = {*lost.shared} if taken_off else {*lost.shared, written.id}
    assert {entry.id for entry in request.reports} == expected


async def test_only_a_verified_contact_gives_anything_back(lost: Lost) -> None:
    await lost.boris.giving_back.give_back(EMAIL, await lost.compared())
    boris = contact_of(lost.ingrid, lost.boris)
    for state in (ContactState.UNVERIFIED, ContactState.CHANGED):
        await lost.ingrid.index.change([PutContact(replace(boris, state=state))])
        assert await lost.ingrid.giving_back.found() == [], state
    await lost.ingrid.index.change([PutContact(boris)])
    assert len(await lost.ingrid.giving_back.found()) == 1


async def test_nobody_gives_back_to_somebody_whose_key_is_the_same(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    await share(ana, await stored(ana, tmp_path), boris)
    await boris.inbox.look()
    assert await boris.giving_back.requests() == []
    with pytest.raises(InvalidInput):
        await boris.giving_back.give_back("ana@example.org")
    with pytest.raises(NotFound):
        await boris.giving_back.give_back("nobody@example.org")


async def test_a_former_key_is_believed_for_what_it_signed_in_its_time(lost: Lost) -> None:
    boris = lost.boris
    await boris.giving_back.give_back(EMAIL, await lost.compared())
    assert (await boris.read(boris.find(lost.shared[0]))).verdict is Verdict.VALID
    people = boris.index.state.people(boris.session.key.certificate)
    assert people.same(lost.former.key_id, lost.ingrid.session.key.key_id)
    assert people.is_former(lost.former.key_id)
    assert not people.is_former(lost.ingrid.session.key.key_id)
