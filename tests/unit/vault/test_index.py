"""An index is kept by small changes and read back whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hygieia.errors import (
    InvalidInput,
    NotFound,
)
from hygieia.ipld.builder import directory
from hygieia.ipld.dagpb import Link
from hygieia.ipld.shapes import read_envelope
from hygieia.vault.index import (
    Change,
    DelegationNote,
    Purge,
    Purged,
    PutContact,
    PutDelegation,
    PutReaders,
    PutReport,
    SetCursor,
    SetDeleted,
    SetDigests,
    SetKeys,
    apply,
    digest_of,
    load_all,
    open_index,
    rekey,
)
from hygieia.vault.index.note import TableSize
from hygieia.vault.people import ContactState, FormerKey
from hygieia.vault.reading import read_now
from hygieia.vault.share_note import Reader, Readers
from tests.unit.vault.factories import (
    NOW,
    PARTS,
    Vault,
    ana,
    boris,
    contact,
    entry,
    ipns_key,
    key_of,
    puts,
)
from tests.unit.vault.forgeries import (
    first_segments,
)


class TestReadingBack:
    def test_a_new_index_is_empty_and_holds_the_ipns_key(self) -> None:
        vault = Vault.new()
        state = vault.reopen()
        assert list(state.reports()) == []
        assert state.sequence == 1
        assert state.note.previous is None
        assert state.keys.ipns_key(ana().certificate).name == ipns_key().name
        assert state.keys.digests["revocation"] == digest_of("a revocation")

    @pytest.mark.parametrize("count", [1, 32, 33, 64, 65])
    def test_what_was_entered_is_read_back_in_order(self, count: int) -> None:
        vault = Vault.new()
        changes = puts(count)
        vault.change(*changes)
        state = vault.reopen()
        assert [PutReport(found) for found in state.reports()] == changes
        assert state.note.tables["reports"].segments == -(-count // 32)
        assert (state.root, state.note, state.keys) == (
            vault.state.root,
            vault.state.note,
            vault.state.keys,
        )

    def test_more_than_one_directory_of_segments(self) -> None:
        vault = Vault.new()
        changes = puts(64 * 32 + 5)
        vault.change(*changes)
        assert len(vault.state.table("reports").directories) == 2
        vault.change(PutReport(entry()), SetDeleted(changes[0].entry.id, NOW))  # type: ignore[union-attr]  # it is a PutReport
        state = vault.reopen()
        assert len(list(state.reports())) == 64 * 32 + 6
        assert next(state.reports()).deleted == NOW

    def test_readers_run_parallel_and_are_read_when_needed(self) -> None:
        vault = Vault.new()
        vault.change(*puts(40))
        state = vault.reopen()
        first = next(state.reports())
        with pytest.raises(NotFound):
            state.readers(first.id)
        state = read_now(load_all(state), vault.blocks.get)
        assert all(state.readers(found.id) == Readers(found.id) for found in state.reports())

    def test_unread_segments_of_readers_are_not_fetched(self) -> None:
        vault = Vault.new()
        vault.change(*puts(200))
        vault.blocks.asked.clear()
        vault.reopen()
        # 7 segments of reports (node, leaf), 2 directories each of 2 tables, root, note, keys.
        assert len(vault.blocks.asked) <= 14 + 4 + 8

    def test_of_a_known_index_only_what_changed_is_read(self) -> None:
        vault = Vault.new()
        vault.change(*puts(320))
        known = vault.reopen()
        vault.change(PutReport(entry()))
        vault.blocks.asked.clear()
        state = read_now(open_index(vault.state.root, ana(), known=known), vault.blocks.get)
        assert len(vault.blocks.asked) <= 14
        assert len(list(state.reports())) == 321
        assert list(state.reports()) == list(vault.reopen().reports())

    def test_contacts_delegations_and_former_keys_come_back(self) -> None:
        vault = Vault.new()
        note = {"note": 'hygieia delegation 1\n{"id":"' + "a" * 32 + '"}', "signature": "…"}
        old = key_of("Cora")
        keys = replace(
            vault.state.keys,
            former_keys=(FormerKey(old.key_id, old.certificate.armored),),
        )
        vault.change(
            PutContact(contact(boris())),
            PutDelegation(DelegationNote("a" * 32, note)),
            SetKeys(keys),
        )
        state = vault.reopen()
        assert [found.key for found in state.contacts()] == [boris().key_id]
        assert [found.note for found in state.delegations()] == [note]
        assert state.people(ana().certificate).is_me(old.key_id)


class TestChanges:
    def test_one_change_writes_only_its_segments_and_the_way_to_them(self) -> None:
        vault = Vault.new()
        vault.change(*puts(100))
        new = vault.change(PutReport(entry()))
        assert len(new) == 12, "two segments, two times two directories, contents, note, root"
        renamed = next(vault.state.reports())
        new = vault.change(PutReport(replace(renamed, title="Neu", revision=2)))
        assert len(new) == 8, "the readers stay as they are"

    @pytest.mark.parametrize(("table", "floor_bytes"), [("reports", 32768), ("readers", 8192)])
    def test_a_segment_is_padded_to_its_tables_floor(self, table: str, floor_bytes: int) -> None:
        vault = Vault.new()
        vault.change(PutReport(entry()))
        [(_, file)] = first_segments(vault, table)
        payload = read_envelope(vault.blocks.get(file.cid).data).payload
        assert floor_bytes < payload.size_bytes < floor_bytes + 100

    def test_what_changes_nothing_writes_nothing(self) -> None:
        vault = Vault.new()
        found = entry()
        vault.change(PutReport(found))
        root = vault.state.root
        assert vault.change(PutReport(found), SetDeleted(found.id, None)) == ()
        assert vault.change(SetDeleted("f" * 32, NOW), Purge("f" * 32)) == ()
        assert vault.state.root == root

    def test_a_batch_is_one_change(self) -> None:
        vault = Vault.new()
        vault.change(*puts(50))
        assert vault.state.sequence == 2

    def test_a_lower_revision_is_ignored_and_a_higher_one_taken(self) -> None:
        vault = Vault.new()
        second = entry(revision=2)
        vault.change(PutReport(second))
        assert vault.change(PutReport(replace(second, revision=1, title="old"))) == ()
        vault.change(PutReport(replace(second, revision=3, title="new")))
        assert vault.state.report(second.id).title == "new"

    def test_what_is_in_the_trash_stays_there_until_restored(self) -> None:
        vault = Vault.new()
        found = entry()
        vault.change(PutReport(found), SetDeleted(found.id, NOW))
        vault.change(PutReport(replace(found, revision=2)))
        assert vault.state.report(found.id).deleted == NOW
        vault.change(SetDeleted(found.id, None))
        assert vault.state.report(found.id).deleted is None

    def test_a_purged_report_keeps_its_place_and_never_comes_back(self) -> None:
        vault = Vault.new()
        first, second = entry(), entry()
        vault.change(PutReport(first), PutReport(second))
        vault.change(Purge(first.id))
        assert vault.change(PutReport(replace(first, revision=9))) == ()
        state = vault.reopen()
        assert state.find(first.id) == Purged(first.id)
        assert state.note.tables["reports"].entries == 2
        assert list(state.reports()) == [second]
        with pytest.raises(NotFound):
            state.report(first.id)

    def test_readers_are_replaced_by_report(self) -> None:
        vault = Vault.new()
        found = entry()
        vault.change(PutReport(found))
        readers = Readers(found.id, (Reader(boris().key_id, "a" * 64),), ("b" * 64,))
        vault.change(PutReaders(readers))
        state = read_now(load_all(vault.reopen()), vault.blocks.get)
        assert state.readers(found.id) == readers

    @pytest.mark.parametrize("same_person", [True, False])
    def test_who_reads_again_under_a_new_key_is_no_more_removed(self, same_person: bool) -> None:
        vault, found = Vault.new(), entry()
        old, new = key_of("Old"), key_of("New")
        former = (FormerKey(old.key_id, old.certificate.armored),) if same_person else ()
        removed = Readers(found.id, (), (old.key_id,), removed_packets=("a" * 64,))
        vault.change(PutContact(contact(new, former_keys=former)), PutReport(found, removed))
        reading = Readers(found.id, (Reader(new.key_id, "b" * 64),))
        vault.change(PutReaders(reading))
        state = read_now(load_all(vault.reopen()), vault.blocks.get)
        after = state.readers(found.id)
        assert after.removed == (() if same_person else (old.key_id,))
        assert (after.readers, after.removed_packets) == (reading.readers, ("a" * 64,))

    def test_a_late_judgement_of_a_contact_undoes_no_decision_of_another_device(self) -> None:
        vault = Vault.new()
        old, new = key_of("Old"), key_of("New")
        pinned = contact(old)
        vault.change(PutContact(pinned))
        accepted = replace(contact(new), email=pinned.email)
        vault.change(PutContact(accepted, instead_of=old.key_id))
        late = PutContact(replace(pinned, state=ContactState.CHANGED))
        vault.change(late)
        assert list(vault.state.contacts()) == [accepted]
        vault.state = read_now(load_all(vault.reopen()), vault.blocks.get)
        vault.change(late)
        assert list(vault.state.contacts()) == [accepted]

    @pytest.mark.parametrize("newer", [0, 1])
    def test_a_device_that_had_not_heard_of_it_puts_nobody_back(self, newer: int) -> None:
        vault, found = Vault.new(), entry()
        boris_, cleo, dora = (
            Reader(key.key_id, each * 64)
            for key, each in ((boris(), "a"), (key_of("Cleo"), "b"), (key_of("Dora"), "c"))
        )
        vault.change(PutReport(found, Readers(found.id, (boris_, cleo))))
        without_cleo = replace(found, cid=entry().cid)
        taken_off = Readers(found.id, (boris_,), (cleo.key,), removed_packets=(cleo.pkesk,))
        vault.change(PutReport(without_cleo, taken_off))
        late = replace(found, cid=entry().cid, revision=found.revision + newer)
        vault.change(PutReport(late, Readers(found.id, (boris_, cleo, dora))))
        state = read_now(load_all(vault.reopen()), vault.blocks.get)
        assert state.readers(found.id) == replace(taken_off, readers=(boris_, dora))
        assert state.report(found.id).cid == (late if newer else without_cleo).cid
        vault.change(PutReaders(Readers(found.id, (cleo,))))
        state = read_now(load_all(vault.reopen()), vault.blocks.get)
        assert state.readers(found.id).removed == (cleo.key,)
        again = replace(cleo, pkesk="d" * 64)
        vault.change(PutReaders(Readers(found.id, (boris_, again))))
        state = read_now(load_all(vault.reopen()), vault.blocks.get)
        assert state.readers(found.id).removed == (), "given again, by a packet of its own"

    def test_who_read_under_an_earlier_session_key_is_named_until_a_re_key(self) -> None:
        vault, found = Vault.new(), entry()
        one, two = sorted([boris().key_id, key_of("Cleo").key_id])
        first = Readers(found.id, (Reader(one, "a" * 64), Reader(two, "b" * 64)))
        vault.change(PutReport(found, first))

        def after(*changes: Change) -> Readers:
            vault.change(*changes)
            return read_now(load_all(vault.reopen()), vault.blocks.get).readers(found.id)

        taken_off = Readers(found.id, first.readers[:1], (two,), removed_packets=("b" * 64,))
        assert after(PutReaders(taken_off)) == taken_off, "she has the session key of now"
        nobody = Readers(found.id)
        second = replace(found, revision=2, data_payload_cid=entry().data_payload_cid)
        assert after(PutReport(second, nobody)) == replace(nobody, earlier=(one, two))
        edited = replace(second, revision=3, title="Other")
        assert after(PutReport(edited)).earlier == (one, two), "an edit keeps them"
        for change in (SetDeleted(found.id, NOW), SetDeleted(found.id, None)):
            assert after(change).earlier == (one, two), "so does the trash"
        # Somebody reads again: she is named among the readers, and then, taken off, under removed.
        reading = Readers(found.id, (Reader(one, "c" * 64),))
        assert after(PutReaders(reading)) == replace(reading, earlier=(two,))
        assert after(PutReaders(Readers(found.id, removed=(one,)))).earlier == (two,)
        third = replace(second, revision=4, data_payload_cid=entry().data_payload_cid)
        assert after(PutReport(third, nobody)).earlier == (one, two)
        # A re-key whose index came late, when another device had entered it as any other revision.
        assert after(PutReport(third, nobody, drops_earlier=True)) == nobody
        assert "earlier" not in nobody.to_json(), "absent when empty, as older clients write it"

    def test_a_re_key_names_nobody(self) -> None:
        vault, found = Vault.new(), entry()
        vault.change(PutReport(found, Readers(found.id, (Reader(boris().key_id, "a" * 64),))))
        anew = replace(found, revision=2, data_payload_cid=entry().data_payload_cid)
        vault.change(PutReport(anew, Readers(found.id), drops_earlier=True))
        state = read_now(load_all(vault.reopen()), vault.blocks.get)
        assert state.readers(found.id) == Readers(found.id)

    @pytest.mark.parametrize("same_person", [True, False])
    def test_earlier_readers_are_compared_as_persons(self, same_person: bool) -> None:
        vault, found = Vault.new(), entry()
        old, new = key_of("Old"), key_of("New")
        former = (FormerKey(old.key_id, old.certificate.armored),) if same_person else ()
        reading = Readers(found.id, (Reader(old.key_id, "a" * 64),))
        vault.change(PutContact(contact(new, former_keys=former)), PutReport(found, reading))
        anew = replace(found, revision=2, data_payload_cid=entry().data_payload_cid)
        vault.change(PutReport(anew, Readers(found.id, (Reader(new.key_id, "b" * 64),))))
        state = read_now(load_all(vault.reopen()), vault.blocks.get)
        assert state.readers(found.id).earlier == (() if same_person else (old.key_id,))

    def test_unread_readers_are_not_changed_blindly(self) -> None:
        vault = Vault.new()
        found = entry()
        vault.change(PutReport(found))
        with pytest.raises(InvalidInput):
            apply(vault.reopen(), [Purge(found.id)], key=ana(), created=NOW)

    def test_cursor_and_digests(self) -> None:
        vault = Vault.new()
        vault.change(SetCursor("c" * 256), SetDigests({"revocation": "other"}))
        state = vault.reopen()
        assert state.note.cursor == "c" * 256
        assert state.keys.digests["revocation"] == digest_of("other")
        assert state.keys.digests["recovery_key"] == digest_of(PARTS["recovery_key"])
        with pytest.raises(InvalidInput):
            vault.change(SetCursor("c" * 257))

    def test_a_change_is_applied_again_to_the_winner_of_a_race(self) -> None:
        vault = Vault.new()
        shared = entry()
        vault.change(PutReport(shared))
        other = vault.copy()
        mine, theirs = PutReport(entry()), PutReport(entry())
        other.change(theirs, PutReport(replace(shared, revision=2, title="theirs")))
        vault.state = read_now(
            open_index(other.state.root, ana(), floor=vault.state.floor), vault.blocks.get
        )
        vault.change(mine, SetDeleted(shared.id, NOW))
        state = vault.reopen()
        assert [found.id for found in state.reports()] == [
            shared.id,
            theirs.entry.id,
            mine.entry.id,
        ]
        assert state.report(shared.id).title == "theirs"
        assert state.report(shared.id).deleted == NOW

    def test_the_old_state_is_still_good_after_a_change(self) -> None:
        vault = Vault.new()
        vault.change(*puts(3))
        before = vault.state
        vault.change(*puts(3))
        assert len(list(before.reports())) == 3
        assert len(before.table("reports").places or {}) == 3


class TestCarryingOver:
    def test_unknown_pairs_are_carried_over(self) -> None:
        vault = Vault.new()
        pairs, built = directory([])
        vault.blocks.add(pairs)
        vault.state = replace(vault.state, pairs=Link(built.cid, "pairs", built.tsize))
        vault.change(PutReport(entry()))
        state = vault.reopen()
        assert state.pairs == Link(built.cid, "pairs", built.tsize)

    def test_unknown_tables_and_fields_are_carried_over(self) -> None:
        vault = Vault.new()
        table, built = directory([])
        vault.blocks.add(table)
        note = replace(
            vault.state.note,
            tables={"photos": TableSize(1, 1)},
            extra={"later": "kept"},
            log_head=str(built.cid),
        )
        vault.state = replace(
            vault.state, note=note, foreign={"photos": Link(built.cid, "photos", built.tsize)}
        )
        vault.change(PutReport(replace(entry(), extra={"colour": "red"})))
        state = vault.reopen()
        assert state.foreign == {"photos": Link(built.cid, "photos", built.tsize)}
        assert state.note.extra == {"later": "kept"}
        assert state.note.log_head == str(built.cid)
        assert next(state.reports()).extra == {"colour": "red"}
        with pytest.raises(InvalidInput):
            rekey(state, key=ana(), created=NOW)

    def test_a_new_session_key_rewrites_everything(self) -> None:
        vault = Vault.new()
        vault.change(*puts(70), PutContact(contact(boris())))
        old = read_now(load_all(vault.reopen()), vault.blocks.get)
        update = rekey(old, key=ana(), created=NOW)
        vault.blocks.add(*update.blocks)
        vault.state = update.state
        state = vault.reopen(floor=old.floor)
        assert list(state.reports()) == list(old.reports())
        assert list(state.contacts()) == list(old.contacts())
        assert state.session_key != old.session_key
        assert state.header.cid != old.header.cid

    def test_everything_is_read_before_it_gets_a_new_key(self) -> None:
        vault = Vault.new()
        vault.change(*puts(1))
        with pytest.raises(InvalidInput):
            rekey(vault.reopen(), key=ana(), created=NOW)
