"""Changing who reads a report: the content stays, only small keys move."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygieia.errors import (
    EnvelopeRefused,
    Forbidden,
    IntegrityError,
    InvalidInput,
    MetaMismatch,
    NoteRefused,
    RecipientRefused,
)
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.packets import pkesk_digest
from hygieia.vault.people import FormerKey, People
from hygieia.vault.reading import read_now
from hygieia.vault.report import Expected, Ownership
from hygieia.vault.report_read import read_report
from hygieia.vault.share_note import Readers, open_share
from hygieia.vault.sharing import (
    add_readers,
    drop_readers,
    packets_of,
    with_added,
    without,
)
from tests.unit.vault.factories import (
    NOW,
    ana,
    blocks_of,
    boris,
    contact,
    content_of,
    key_of,
    make_report,
    open_built,
    people,
)


def test_a_reader_added_opens_the_same_content_and_sees_whose_it_is() -> None:
    built = make_report(b"Hb 13.9 g/dl")
    report = open_built(built)
    shared = add_readers(report, [boris().certificate], key=ana(), created=NOW)
    blocks = blocks_of(built)
    blocks.add(*shared.blocks)
    known = people(ana(), me=boris())
    theirs = read_now(read_report(shared.root.cid, boris(), known), blocks.get)
    assert content_of(theirs, blocks) == b"Hb 13.9 g/dl"
    assert (theirs.verdict, theirs.ownership) == (Verdict.VALID, Ownership.CONFIRMED)


def test_sharing_writes_four_blocks_and_leaves_both_payloads() -> None:
    small, large = make_report(b"x"), make_report(bytes(3 << 20))
    for built in (small, large):
        report = open_built(built)
        shared = add_readers(report, [boris().certificate], key=ana(), created=NOW)
        assert len(shared.blocks) == 4
        assert sum(len(block.data) for block in shared.blocks) < 1500
        assert shared.entry.data_payload_cid == built.entry.data_payload_cid
        assert shared.entry.meta_payload_cid == built.entry.meta_payload_cid


def test_a_change_of_readers_is_no_roll_back_to_the_owner() -> None:
    built = make_report()
    shared = add_readers(open_built(built), [boris().certificate], key=ana(), created=NOW)
    blocks = blocks_of(built)
    blocks.add(*shared.blocks)
    for expected in (Expected(entry=built.entry), Expected(entry=shared.entry)):
        for root in (built.root.cid, shared.root.cid):
            read_now(read_report(root, ana(), people(), expected), blocks.get)


def test_each_packet_added_has_its_note_and_the_others_stay_octet_for_octet() -> None:
    report = open_built(make_report(recipients=[ana().certificate, key_of("Dora").certificate]))
    shared = add_readers(
        report, [boris().certificate, key_of("Cleo").certificate], key=ana(), created=NOW
    )
    digests = {pkesk_digest(packet) for packet in report.packets}
    header = shared.blocks[0].data
    assert all(packet in header for packet in report.packets)
    for note, reader in zip(shared.notes, shared.added, strict=True):
        said = open_share(note, report=report.meta.id, signer=ana().key_id, people=people())
        assert said.verdict is Verdict.VALID
        assert (said.share.reader, said.share.pkesk) == (reader.key, reader.pkesk)
        assert reader.pkesk not in digests


def test_a_reader_passes_it_on_and_the_third_opens_it() -> None:
    built = make_report()
    blocks = blocks_of(built)
    to_boris = add_readers(open_built(built), [boris().certificate], key=ana(), created=NOW)
    blocks.add(*to_boris.blocks)
    at_boris = read_now(
        read_report(to_boris.root.cid, boris(), people(ana(), me=boris())), blocks.get
    )
    cleo = key_of("Cleo")
    to_cleo = add_readers(at_boris, [cleo.certificate], key=boris(), created=NOW)
    blocks.add(*to_cleo.blocks)
    known = people(boris(), me=cleo)
    at_cleo = read_now(read_report(to_cleo.root.cid, cleo, known), blocks.get)
    assert content_of(at_cleo, blocks) == b"Hb 13.9 g/dl"
    assert at_cleo.verdict is Verdict.UNKNOWN_SIGNER
    assert at_cleo.ownership is Ownership.CLAIMED
    note = open_share(to_cleo.notes[0], report=at_cleo.meta.id, signer=boris().key_id, people=known)
    assert note.verdict is Verdict.VALID


def test_nobody_shares_with_herself_or_with_no_one() -> None:
    report = open_built(make_report())
    for certificates in ([], [ana().certificate]):
        with pytest.raises(InvalidInput):
            add_readers(report, certificates, key=ana(), created=NOW)


def test_who_was_taken_off_no_longer_opens_the_new_root() -> None:
    built = make_report()
    blocks = blocks_of(built)
    shared = add_readers(open_built(built), [boris().certificate], key=ana(), created=NOW)
    blocks.add(*shared.blocks)
    report = read_now(read_report(shared.root.cid, ana(), people()), blocks.get)
    readers = with_added(Readers(report.meta.id), shared.added, people())
    known = people(boris())
    dropped = drop_readers(report, packets_of(readers, known, boris().key_id), known)
    blocks.add(*dropped.blocks)
    read_now(read_report(dropped.root.cid, ana(), people()), blocks.get)
    with pytest.raises(EnvelopeRefused):
        read_now(read_report(dropped.root.cid, boris(), people(me=boris())), blocks.get)
    after = without(readers, known, boris().key_id)
    assert (after.readers, after.removed) == ((), (boris().key_id,))
    again = with_added(after, shared.added, known)
    assert again.removed == ()
    packets = tuple(each.pkesk for each in shared.added)
    assert after.removed_packets == again.removed_packets == packets, "never to be served again"
    assert Readers.from_json(after.to_json()) == after


@pytest.mark.parametrize("packets", ["no list", ["AB" * 32], ["ab"], [7]])
def test_dropped_packets_are_digests(packets: object) -> None:
    entry = Readers(open_built(make_report()).meta.id).to_json()
    assert "removed_packets" not in entry, "absent when empty, as older clients write it"
    with pytest.raises(IntegrityError):
        Readers.from_json(entry | {"removed_packets": packets})


def test_only_the_owner_takes_readers_off() -> None:
    built = make_report(recipients=[ana().certificate, boris().certificate])
    known = people(ana(), me=boris())
    report = read_now(read_report(built.root.cid, boris(), known), blocks_of(built).get)
    with pytest.raises(Forbidden):
        drop_readers(report, [pkesk_digest(report.packets[0])], known)


def test_the_owners_own_packet_is_never_dropped_and_a_stranger_to_the_header_is_named() -> None:
    report = open_built(make_report(recipients=[ana().certificate, boris().certificate]))
    every = [pkesk_digest(packet) for packet in report.packets]
    own = pkesk_digest(report.own_packet or b"")
    for packets in ([own], every):
        with pytest.raises(RecipientRefused):
            drop_readers(report, packets, people())
    for nothing in ([], ["00" * 32]):
        with pytest.raises(InvalidInput):
            drop_readers(report, nothing, people())


def test_a_person_is_taken_off_under_all_her_keys() -> None:
    old, new = key_of("Old"), key_of("New")
    former = FormerKey(old.key_id, old.certificate.armored)
    known = People(ana().certificate, (), [contact(new, former_keys=(former,))])
    report = open_built(make_report())
    first = add_readers(report, [old.certificate], key=ana(), created=NOW)
    second = add_readers(report, [new.certificate], key=ana(), created=NOW)
    readers = Readers(report.meta.id)
    for step in (first, second):
        readers = with_added(readers, step.added, known)
    assert len(packets_of(readers, known, new.key_id)) == 2
    after = without(readers, known, new.key_id)
    assert set(after.removed) == {old.key_id, new.key_id}
    # Shared again on purpose, she is taken off under none of her keys.
    assert with_added(after, second.added, known).removed == ()


@settings(max_examples=20)
@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_any_order_of_adding_and_dropping_keeps_who_should_read(count: int, rnd: object) -> None:
    names = [f"Reader{number}" for number in range(count)]
    built = make_report()
    blocks, root = blocks_of(built), built.root.cid
    known = people(*(key_of(name) for name in names))
    readers, reading = Readers(built.entry.id), set[str]()
    order = names * 2
    rnd.shuffle(order)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    for name in order:
        report = read_now(read_report(root, ana(), known), blocks.get)
        key = key_of(name)
        if name in reading:
            step = drop_readers(report, packets_of(readers, known, key.key_id), known)
            readers = without(readers, known, key.key_id)
        else:
            step = add_readers(report, [key.certificate], key=ana(), created=NOW)
            readers = with_added(readers, step.added, known)
        reading ^= {name}
        blocks.add(*step.blocks)
        root = step.root.cid
        for each in names:
            theirs = people(ana(), me=key_of(each))
            if each in reading:
                read_now(read_report(root, key_of(each), theirs), blocks.get)
            else:
                with pytest.raises(EnvelopeRefused):
                    read_now(read_report(root, key_of(each), theirs), blocks.get)


def test_a_note_for_another_report_or_by_another_is_refused() -> None:
    one, two = open_built(make_report()), open_built(make_report())
    shared = add_readers(one, [boris().certificate], key=ana(), created=NOW)
    with pytest.raises(NoteRefused):
        open_share(shared.notes[0], report=two.meta.id, signer=ana().key_id, people=people())
    with pytest.raises(NoteRefused):
        open_share(
            shared.notes[0], report=one.meta.id, signer=boris().key_id, people=people(boris())
        )


def test_a_header_put_on_another_report_opens_nothing() -> None:
    one, two = make_report(b"one"), make_report(b"two")
    swapped = add_readers(open_built(two), [boris().certificate], key=ana(), created=NOW)
    blocks = blocks_of(one, two)
    blocks.add(*swapped.blocks)
    reading = read_report(swapped.root.cid, ana(), people(), Expected(entry=one.entry))
    with pytest.raises(MetaMismatch):
        read_now(reading, blocks.get)
