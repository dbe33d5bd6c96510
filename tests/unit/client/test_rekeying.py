"""Re-key, and every other new session key: who was taken off opens nothing that comes after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.client import Vault
from hygieia.client.changing import Changer
from hygieia.client.passing import Pipe
from hygieia.errors import (
    BlockMissing,
    Conflict,
    EnvelopeRefused,
    Forbidden,
    HygieiaError,
    InvalidInput,
    NotFound,
    StaleRevision,
)
from hygieia.ipld.cid import CID
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.payload import decrypt_bytes
from hygieia.openpgp.session_keys import SessionKey
from hygieia.recovery.driving import read_from
from hygieia.vault.index import PutContact
from hygieia.vault.people import ContactState
from hygieia.vault.report import Expected
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_read import read_report
from hygieia.vault.sharing import NextReaders, Why
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

pytestmark = pytest.mark.timeout(300)

LARGE = bytes(range(256)) * (5 << 12)  # 5 MiB: several leaves, several pieces


async def session_key_kept_by(vault: Vault, entry: ReportEntry) -> SessionKey:
    """What an adversary writes down while she may read."""
    return (await vault.read(entry)).session_key


async def opens(vault: Vault, kept: SessionKey, root: str) -> bool:
    """Whether an old session key, or the vault's own key, opens a root had from any gateway."""
    people = vault.index.state.people(vault.session.key.certificate)
    for key in (kept, vault.session.key):
        try:
            reading = read_report(CID.parse(root), key, people, Expected())
            await read_from(reading, vault.reader)
        except HygieiaError:
            continue
        return True
    return False


async def test_after_a_re_key_a_former_reader_opens_nothing_with_key_or_session_key(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    entry = await share(ana, await stored(ana, tmp_path, LARGE), boris, cleo)
    kept = await session_key_kept_by(boris, await received(boris))
    entry = await unshare(ana, entry, boris)
    assert await opens(boris, kept, entry.cid), "until the re-key, as the words say"
    done = await ana.rekeying.rekey(entry)
    assert done.entry.revision == entry.revision + 1
    assert (done.going_on.left_out, done.going_on.unnamed) == ((), 0)
    assert [each.key for each in done.readers.readers] == [cleo.session.key.key_id]
    assert not await opens(boris, kept, done.entry.cid)
    data = await boris.reader.get(CID.parse(done.entry.meta_payload_cid))
    with pytest.raises(HygieiaError):
        decrypt_bytes(data.data, kept, 1 << 20)
    assert await content_of(cleo, await received(cleo), tmp_path) == LARGE
    assert await content_of(ana, ana.find(entry.id), tmp_path) == LARGE
    await ana.index.refresh()
    assert (await ana.index.readers(entry.id)).removed == ()


async def test_who_is_left_out_of_a_new_version_is_named_for_the_earlier_one(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, entry = await two_who_share(person, tmp_path)
    cleo = await person("Cleo")
    await meet(boris, cleo)
    await share(boris, await received(boris), cleo)
    await cleo.contacts.look_up(ana.session.profile.email)
    theirs = await received(cleo)
    entry = await ana.update(entry, file_in(tmp_path, "n.txt", b"newer"))
    assert (await cleo.read(theirs)).meta.revision == 1
    listed = await ana.index.readers(entry.id)
    assert [each.key for each in listed.readers] == [boris.session.key.key_id]
    assert listed.earlier == (cleo.session.key.key_id,), "whom her index had not heard of"
    await ana.rekeying.rekey(entry)
    assert (await ana.index.readers(entry.id)).earlier == ()


async def test_a_re_key_carries_who_introduced_the_content_and_what_was_said(
    person: Person, tmp_path: Path
) -> None:
    ana = await person("Ana")
    entry = await stored(ana, tmp_path)
    entry = await ana.edit(entry, title="Blood", category="lab")
    done = await ana.rekeying.rekey(entry)
    report = await ana.read(done.entry)
    assert (report.meta.title, report.meta.category, report.meta.revision) == ("Blood", "lab", 3)
    assert report.origin is not None
    assert (report.origin.revision, report.origin_verdict) == (1, Verdict.VALID)
    assert report.meta.previous == entry.meta_payload_cid


async def test_earlier_revisions_are_dropped_or_issued_again_in_order(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    contents = [b"one", b"two", b"three"]
    entry = await stored(ana, tmp_path, contents[0])
    for content in contents[1:]:
        entry = await ana.update(entry, file_in(tmp_path, "next.txt", content))
    old = [version.cid for version in await ana.versions(entry)]
    entry = await share(ana, entry, boris)
    done = await ana.rekeying.rekey(entry, earlier=True)
    assert (done.issued_again, done.dropped, done.entry.revision) == (2, 0, 6)
    versions = await ana.versions(done.entry)
    assert [each.report.meta.revision for each in versions] == [6, 5, 4]
    for number, content in zip((4, 5, 6), contents, strict=True):
        report = await ana.read(done.entry, revision=number)
        assert (await ana.get(report, tmp_path / f"r{number}")).read_bytes() == content
    assert {each.cid for each in versions}.isdisjoint(old)
    assert await content_of(boris, await received(boris), tmp_path) == b"three"
    people = boris.index.state.people(boris.session.key.certificate)
    earlier = read_report(CID.parse(versions[2].cid), boris.session.key, people, Expected())
    with pytest.raises(EnvelopeRefused):
        await read_from(earlier, boris.reader)
    again = await ana.rekeying.rekey(done.entry)
    assert (again.issued_again, again.dropped, again.entry.revision) == (0, 2, 7)
    assert [each.report.meta.revision for each in await ana.versions(again.entry)] == [7]
    with pytest.raises(NotFound):
        await ana.read(again.entry, revision=5)


async def test_readers_she_does_not_know_are_named_and_dropped_unless_she_keeps_them(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(boris, cleo)
    for kept in (False, True):
        entry = await share(ana, await stored(ana, tmp_path, CONTENT + bytes([kept])), boris)
        [theirs] = [each for each in await boris.inbox.look() if each.id == entry.id]
        assert theirs.entry is not None
        await share(boris, theirs.entry, cleo)
        keep = [(await ana.contacts.look_up("cleo@example.org")).contact] if kept else []
        done = await ana.rekeying.rekey(ana.find(entry.id), keep=keep)
        stranger = [(each.key, each.why) for each in done.going_on.left_out]
        expected = [] if kept else [(cleo.session.key.key_id, Why.STRANGER)]
        assert stranger == expected
        reading = {each.key for each in done.readers.readers}
        assert (cleo.session.key.key_id in reading) is kept
        assert boris.session.key.key_id in reading


async def test_a_changed_contact_is_named_and_gets_no_new_session_key(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, entry = await two_who_share(person, tmp_path)
    changed = replace(contact_of(ana, boris), state=ContactState.CHANGED)
    await ana.index.change([PutContact(changed)])
    told: list[NextReaders] = []
    await ana.update(entry, file_in(tmp_path, "n.txt", b"newer"), left_out=told.append)
    [left_out] = told[0].left_out
    assert (left_out.why, left_out.contact) == (Why.CHANGED, changed)
    assert await boris.inbox.look() == []


async def test_an_edit_after_an_unshare_makes_a_new_session_key_by_itself(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    entry = await share(ana, await stored(ana, tmp_path, LARGE), boris, cleo)
    kept = await session_key_kept_by(boris, await received(boris))
    entry = await unshare(ana, entry, boris)
    edited = await ana.edit(entry, title="Only for Cleo")
    assert edited.data_payload_cid != entry.data_payload_cid
    assert not await opens(boris, kept, edited.cid)
    theirs = await received(cleo)
    assert theirs.title == "Only for Cleo"
    assert await content_of(cleo, theirs, tmp_path) == LARGE
    assert (await ana.index.readers(entry.id)).removed == ()
    # The next one touches the meta alone again.
    again = await ana.edit(edited, title="Again")
    assert again.data_payload_cid == edited.data_payload_cid


async def test_only_the_owner_re_keys_and_only_what_is_there(
    person: Person, tmp_path: Path
) -> None:
    ana, boris, entry = await two_who_share(person, tmp_path)
    theirs = await received(boris)
    with pytest.raises(Forbidden):
        await boris.rekeying.rekey(theirs)
    with pytest.raises(Forbidden):
        await boris.update(theirs, file_in(tmp_path, "mine.txt", b"mine"))
    cleo = await person("Cleo")
    stranger = (await ana.contacts.look_up(cleo.session.profile.email)).contact
    with pytest.raises(InvalidInput):
        await ana.rekeying.rekey(ana.find(entry.id), keep=[stranger])
    [trashed] = await ana.trash([ana.find(entry.id)])
    with pytest.raises(Conflict):
        await ana.rekeying.rekey(trashed)
    assert ana.find(entry.id).revision == 1


async def test_interrupted_it_goes_on_under_the_same_session_key(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await person("Ana")
    entry = await stored(ana, tmp_path, LARGE)
    sent: list[str] = []

    async def lost(_self: Changer, built: ReportEntry, *_: object) -> None:
        sent.append(built.data_payload_cid)
        raise StaleRevision("somebody was faster")

    with monkeypatch.context() as patched:
        patched.setattr(Changer, "replace_root", lost)
        with pytest.raises(StaleRevision):
            await ana.rekeying.rekey(entry)
    assert ana.find(entry.id) == entry
    done = await ana.rekeying.rekey(entry)
    assert done.entry.data_payload_cid == sent[0]
    assert await content_of(ana, done.entry, tmp_path) == LARGE
    again = await ana.rekeying.rekey(done.entry)
    assert again.entry.data_payload_cid != sent[0]


async def test_resumed_without_somebody_it_takes_another_session_key(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first run wrapped for her may be with the server already."""
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    entry = await share(ana, await stored(ana, tmp_path, LARGE), boris)
    sent: list[str] = []

    async def lost(_self: Changer, built: ReportEntry, *_: object) -> None:
        sent.append(built.data_payload_cid)
        raise StaleRevision("somebody was faster")

    with monkeypatch.context() as patched:
        patched.setattr(Changer, "replace_root", lost)
        with pytest.raises(StaleRevision):
            await ana.rekeying.rekey(entry)
    entry = await unshare(ana, entry, boris)
    done = await ana.rekeying.rekey(entry)
    assert done.entry.data_payload_cid != sent[0]


async def test_content_that_is_not_the_signed_one_is_never_committed(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await person("Ana")
    entry = await stored(ana, tmp_path, LARGE)
    read_file = GatewayReader.read_file

    async def cut_short(self: GatewayReader, *arguments: object, **options: object) -> object:
        pieces = [piece async for piece in read_file(self, *arguments, **options)]  # type: ignore[arg-type]  # as it came
        for piece in pieces[:-1]:
            yield piece
        raise BlockMissing("no gateway has the last block")

    monkeypatch.setattr(GatewayReader, "read_file", cut_short)
    with pytest.raises(BlockMissing):
        await ana.rekeying.rekey(entry)
    monkeypatch.undo()
    await ana.index.refresh()
    assert ana.find(entry.id) == entry
    assert await content_of(ana, entry, tmp_path) == LARGE


def test_a_pipe_gives_what_it_was_given_and_its_writer_stops_with_its_reader() -> None:
    pipe = Pipe(1 << 20)
    pipe.write([memoryview(b"abc"), memoryview(b"defgh")])
    assert [pipe.read(2), pipe.read(10), pipe.read(10)] == [b"ab", b"c", b"defgh"]
    pipe.end()
    assert pipe.read(10) == b""
    with pytest.raises(BrokenPipeError):
        pipe.write([memoryview(b"late")])
    broken = Pipe()
    broken.write([memoryview(b"abc")])
    broken.end(BlockMissing("gone"))
    with pytest.raises(BlockMissing):
        broken.read(1)
