"""Sharing between people's own devices over a real server: the record stays, small keys move."""

from __future__ import annotations

from pathlib import Path

import pytest

from hygieia.client.received import Standing
from hygieia.errors import (
    CertificateChanged,
    Conflict,
    EnvelopeRefused,
    Forbidden,
    InvalidInput,
    LimitExceeded,
    NotFound,
    StaleRevision,
)
from hygieia.openpgp.notes import Verdict
from hygieia.vault.index import Purge
from hygieia.vault.people import ContactState
from hygieia.vault.report_entry import ReportEntry
from tests.unit.client.conftest import Person
from tests.unit.client.people import (
    CONTENT,
    contact_of,
    content_of,
    meet,
    received,
    share,
    stored,
    two_who_share,
    unshare,
)
from tests.unit.client.vaults import file_in


async def test_both_see_the_same_safety_number_and_become_verified(person: Person) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    at_ana = await ana.contacts.look_up("BORIS@example.org")
    assert at_ana.contact.state is ContactState.UNVERIFIED
    at_boris = await boris.contacts.look_up("ana@example.org")
    number = await ana.contacts.safety_number(at_ana)
    assert number == await boris.contacts.safety_number(at_boris)
    with pytest.raises(CertificateChanged):
        await ana.contacts.verify("boris@example.org", "12345 " * 8)
    with pytest.raises(InvalidInput):
        await ana.contacts.verify("boris@example.org", "12345")
    assert (await ana.contacts.verify("boris@example.org", number)).state is ContactState.VERIFIED
    await ana.index.refresh()
    assert [each.state for each in ana.contacts.list()] == [ContactState.VERIFIED]


async def test_nobody_and_oneself_are_said_plainly(person: Person) -> None:
    ana = await person("Ana")
    with pytest.raises(NotFound):
        await ana.contacts.look_up("nobody@example.org")
    with pytest.raises(InvalidInput):
        await ana.contacts.look_up("ana@example.org")


async def test_a_shared_report_is_read_by_the_other_and_enters_her_index(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, entry = await two_who_share(person, tmp_path)
    theirs = await received(boris)
    assert theirs.owner == ana.session.key.key_id
    assert await content_of(boris, theirs, tmp_path) == CONTENT
    assert (await boris.read(theirs)).verdict is Verdict.VALID
    await boris.index.refresh()
    assert [each.id for each in boris.list().reports] == [entry.id]
    assert await content_of(ana, ana.find(entry.id), tmp_path) == CONTENT
    readers = await ana.index.readers(entry.id)
    assert [each.key for each in readers.readers] == [boris.session.key.key_id]


async def test_from_someone_she_does_not_know_it_waits_until_she_says_so(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await share(ana, await stored(ana, tmp_path), boris)
    [waiting] = await boris.inbox.look()
    assert waiting.standing is Standing.STRANGER
    assert list(boris.list().reports) == []
    taken = await boris.inbox.accept(waiting)
    assert await content_of(boris, taken, tmp_path) == CONTENT
    assert (await boris.read(taken)).verdict is Verdict.UNKNOWN_SIGNER


async def test_a_stranger_who_shares_many_hides_nobody_she_knows(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hygieia.client.received.MOST_FROM_STRANGERS", 2)
    ana, boris, mallory = [await person(name) for name in ("Ana", "Boris", "Mallory")]
    await meet(ana, boris)
    mine = await share(ana, await stored(ana, tmp_path), boris)
    spam = [await stored(mallory, tmp_path, content) for content in (b"one", b"two", b"three")]
    for each in spam:
        await share(mallory, each, boris)
    inbox = boris.inbox
    found = {each.id: each.standing for each in await inbox.look()}
    assert found[mine.id] is Standing.ACCEPTED
    assert sorted(found.values()) == ["accepted", "stranger", "stranger"]
    assert inbox.unopened == 1
    await boris.contacts.look_up("mallory@example.org")
    assert {each.id for each in await inbox.look()} == {mine.id, *(each.id for each in spam)}
    assert inbox.unopened == 0


async def test_it_goes_from_hand_to_hand(person: Person, tmp_path: Path) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(boris, cleo)
    mine = await stored(ana, tmp_path)
    await share(ana, mine, boris)
    await share(boris, await received(boris), cleo)
    [waiting] = await cleo.inbox.look()
    assert waiting.standing is Standing.STRANGER, "she does not know the author"
    assert await content_of(cleo, await cleo.inbox.accept(waiting), tmp_path) == CONTENT
    # The owner still reads it, and sees who reads it, once she has met them.
    await meet(ana, cleo)
    current = await ana.sharing.changer.current(ana.find(mine.id))
    readers = await ana.sharing.changer.readers(current, await ana.index.readers(mine.id))
    assert {each.key for each in readers.readers} == {
        boris.session.key.key_id,
        cleo.session.key.key_id,
    }


async def test_an_unverified_contact_gets_one_report_at_a_time(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    contact = (await ana.contacts.look_up("boris@example.org")).contact
    entries = [await stored(ana, tmp_path, content) for content in (b"one!", b"two!")]
    with pytest.raises(Forbidden):
        await ana.sharing.share(entries, [contact])
    assert await boris.inbox.look() == []
    assert len(await ana.sharing.share(entries[:1], [contact])) == 1


async def test_sharing_again_with_the_same_person_writes_nothing(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, entry = await two_who_share(person, tmp_path)
    sequence = ana.index.state.sequence
    [again] = await ana.sharing.share([entry], [contact_of(ana, boris)])
    assert (again.entry.cid, again.before) == (entry.cid, None)
    assert ana.index.state.sequence == sequence


async def test_in_the_trash_or_with_a_crowd_it_is_refused(person: Person, tmp_path: Path) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    entry = await stored(ana, tmp_path)
    [contact] = ana.contacts.list()
    with pytest.raises(LimitExceeded):
        await ana.sharing.share([entry], [contact] * 1000)
    [trashed] = await ana.trash([entry])
    with pytest.raises(Conflict):
        await ana.sharing.share([trashed], [contact])
    assert await boris.inbox.look() == []


async def test_who_was_unshared_reads_no_new_version(person: Person, tmp_path: Path) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    entry = await share(ana, await stored(ana, tmp_path), boris, cleo)
    before = await received(boris)
    contact = next(c for c in ana.contacts.list() if c.email == "boris@example.org")
    [done] = await ana.sharing.unshare([ana.find(entry.id)], contact)
    assert done.readers.removed == (boris.session.key.key_id,)
    assert await boris.inbox.look() == []
    # What he could open before he may have kept: the words say so.
    assert await content_of(boris, before, tmp_path) == CONTENT
    newer = await ana.update(ana.find(entry.id), file_in(tmp_path, "new.txt", b"Hb 14.1 g/dl"))
    with pytest.raises((EnvelopeRefused, NotFound)):
        await boris.sharing.changer.current(before)
    with pytest.raises(EnvelopeRefused):
        await boris.read(newer)
    still = await received(cleo)
    assert await content_of(cleo, still, tmp_path) == b"Hb 14.1 g/dl"
    readers = await ana.index.readers(entry.id)
    assert [each.key for each in readers.readers] == [cleo.session.key.key_id]
    assert readers.removed == ()


async def test_what_was_shared_with_me_leaves_my_list_and_nobody_elses(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, entry = await two_who_share(person, tmp_path)
    theirs = await received(boris)
    [gone] = await boris.trash([theirs])
    assert gone.deleted is not None
    assert not boris.list().reports
    assert list(await boris.inbox.look()) == [], "still shared, and still out of his list"
    assert not boris.list().reports
    await ana.index.refresh()
    assert await content_of(ana, ana.find(entry.id), tmp_path) == CONTENT
    [back] = await boris.restore([gone])
    assert await content_of(boris, back, tmp_path) == CONTENT

    await unshare(ana, ana.find(entry.id), boris)
    await boris.trash([back])
    assert not boris.list().reports, "also what is not his to read any more"


async def test_what_was_deleted_for_good_is_shared_in_vain_but_not_unseen(
    person: Person, tmp_path: Path
) -> None:
    _, boris, entry = await two_who_share(person, tmp_path)
    await received(boris)
    await boris.index.change([Purge(entry.id)])
    [found] = await boris.inbox.look()
    assert (found.id, found.sharer) == (entry.id, "ana@example.org")
    assert found.standing is Standing.REFUSED
    assert isinstance(found.error, Conflict)
    assert "for good" in str(found.error)
    assert list(boris.list().reports) == []


async def test_two_devices_sharing_at_once_lose_nothing(person: Person, tmp_path: Path) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    entry = await share(ana, await stored(ana, tmp_path), boris)
    at_boris = await received(boris)
    await meet(boris, cleo)
    await share(boris, at_boris, cleo)
    # Ana's device still holds the root before: the server's is read, and shared on.
    done = await share(ana, entry, cleo)
    assert done.revision == entry.revision
    assert len((await ana.read(ana.find(entry.id))).packets) == 3


async def test_a_stale_share_is_a_conflict_and_an_explicit_retry_goes_through(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    entry = await stored(ana, tmp_path)
    contacts = ana.contacts.list()
    changer = type(ana.sharing.changer)
    current = changer.current
    edits = iter(["first", "second"])

    async def changed_after(self: object, of: ReportEntry) -> object:
        found = await current(self, of)  # type: ignore[arg-type]  # the method, unbound
        title = next(edits, None)
        if title is not None:
            with monkeypatch.context() as undone:
                undone.setattr(changer, "current", current)
                await ana.edit(of, title=title)
        return found

    monkeypatch.setattr(changer, "current", changed_after)
    with pytest.raises(StaleRevision):
        await ana.sharing.share([entry], contacts)
    assert await boris.inbox.look() == []
    [done] = await ana.sharing.share([ana.find(entry.id)], contacts, retry=True)
    assert done.entry.title == "second"
    assert done.before is not None
    assert done.before.title == "first", "so it can be shown what changed"
    assert (await received(boris)).title == "second"
