"""A report is bound together by its signed meta: whatever is exchanged is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hygieia.errors import (
    DagRefused,
    EnvelopeRefused,
    IntegrityError,
    LimitExceeded,
    MetaMismatch,
    NoteRefused,
    Rollback,
)
from hygieia.ipld.builder import Built, directory, join, leaf
from hygieia.ipld.shapes import DATA_NAME, META_NAME
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.session_keys import make_session_key
from hygieia.openpgp.signing import sign_note
from hygieia.vault.people import Contact, FormerKey, People
from hygieia.vault.report import ContentReader, EncryptedReport, Expected, Ownership
from hygieia.vault.report_build import (
    Revision,
    assemble,
    make_header,
    seal_content,
)
from hygieia.vault.report_change import edit_report
from hygieia.vault.report_meta import META_CONTEXT
from tests.unit.vault.factories import (
    NOW,
    ana,
    blocks_of,
    boris,
    contact,
    make_report,
    open_built,
    open_in,
    people,
    resigned,
)


class TestOpening:
    def test_somebody_else_cannot_open_it(self) -> None:
        built = make_report(recipients=[boris().certificate])
        with pytest.raises(EnvelopeRefused):
            open_built(built)

    def test_a_false_packet_to_the_owner_does_not_keep_her_out(self) -> None:
        built = make_report()
        report = open_built(built)
        decoy = make_header(make_session_key(), [ana().certificate])
        real = next(b for b in built.blocks if b.cid == report.encrypted.header.cid)
        block, header = leaf(decoy.block.data + real.data)
        data_node, data_file = join(header, report.encrypted.data)
        meta_node, meta_file = join(header, report.encrypted.meta)
        root, _ = directory([(DATA_NAME, data_file), (META_NAME, meta_file)])
        blocks = blocks_of(built)
        blocks.add(block, data_node, meta_node, root)
        assert open_in(blocks, root.cid).meta == built.meta

    def test_a_stranger_is_shown_as_one(self) -> None:
        """RC-02 is about owners; an unknown author's signature cannot be verified at all."""
        stranger = make_report(author=boris(), owner=boris().key_id)
        report = open_built(stranger)
        assert report.verdict is Verdict.UNKNOWN_SIGNER
        assert report.ownership is Ownership.CLAIMED

    def test_a_contact_is_verified(self) -> None:
        built = make_report(author=boris(), owner=boris().key_id)
        report = open_built(built, known=people(boris()))
        assert report.verdict is Verdict.VALID
        assert report.ownership is Ownership.CONFIRMED

    def test_an_author_without_a_right_to_upload_is_refused(self) -> None:
        built = make_report(author=boris())
        with pytest.raises(NoteRefused):
            open_built(built, Expected(upload_right=lambda *_: False), people(boris()))

    def test_an_author_with_the_right_to_upload_is_accepted(self) -> None:
        built = make_report(author=boris())
        report = open_built(built, Expected(upload_right=lambda *_: True), people(boris()))
        assert report.meta.author == boris().key_id

    def test_only_the_owner_makes_later_revisions(self) -> None:
        revision = Revision("b" * 32, 2, make_report().entry.meta_payload_cid)
        built = make_report(author=boris(), revision=revision)
        with pytest.raises(NoteRefused):
            open_built(built, Expected(upload_right=lambda *_: True), people(boris()))

    def test_a_confirmed_former_key_counts_as_the_person(self) -> None:
        built = make_report(author=boris(), owner=boris().key_id)
        former = FormerKey(boris().key_id, boris().certificate.armored)
        report = open_built(built, known=People(ana().certificate, [former]))
        assert report.verdict is Verdict.VALID
        assert report.ownership is Ownership.CONFIRMED

    def test_a_note_signed_by_another_than_its_author_is_refused(self) -> None:
        """SN-04: Boris signs a note that names Ana as its author."""
        built = make_report()
        report = open_built(built)
        note = sign_note(boris(), META_CONTEXT, built.meta.to_body())
        header = make_header(report.session_key, [ana().certificate])
        forged = assemble(built.meta, note, report.encrypted.data, header, report.session_key)
        blocks = blocks_of(built, forged)
        with pytest.raises(NoteRefused):
            open_in(blocks, forged.root.cid)

    def test_a_note_of_another_context_is_refused(self) -> None:
        built = make_report()
        report = open_built(built)
        note = sign_note(ana(), "hygieia share 1", built.meta.to_body())
        header = make_header(report.session_key, [ana().certificate])
        forged = assemble(built.meta, note, report.encrypted.data, header, report.session_key)
        with pytest.raises(NoteRefused):
            open_in(blocks_of(built, forged), forged.root.cid)

    @pytest.mark.parametrize(
        "changes",
        [
            {"revision": 0},
            {"revision": 2},
            {"id": "x"},
            {"title": "a\x01b"},
            {"file_name": "../x"},
            {"category": "LAB"},
            {"sha256": "0"},
            {"data_payload_cid": "Qm"},
        ],
    )
    def test_a_note_with_a_wrong_field_is_refused(self, changes: dict[str, object]) -> None:
        built = make_report()
        report = open_built(built)
        meta = built.meta.to_body() | changes
        note = sign_note(ana(), META_CONTEXT, meta)
        header = make_header(report.session_key, [ana().certificate])
        forged = assemble(built.meta, note, report.encrypted.data, header, report.session_key)
        with pytest.raises(NoteRefused):
            open_in(blocks_of(built, forged), forged.root.cid)

    def test_unknown_fields_of_a_note_are_kept(self) -> None:
        built = make_report()
        report = open_built(built)
        changed = resigned(built, report, extra={"later": [1]})
        opened = open_in(blocks_of(built, changed), changed.root.cid)
        assert opened.meta.extra == {"later": [1]}
        edited = edit_report(opened, key=ana(), people=people(), created=NOW, title="x")
        assert edited.meta.extra == {"later": [1]}


class TestExchanges:
    def test_another_report_is_noticed(self) -> None:
        """MS-13: report B under A's id."""
        first, second = make_report(), make_report()
        with pytest.raises(MetaMismatch):
            open_built(second, Expected(id=first.meta.id))
        with pytest.raises(MetaMismatch):
            open_built(second, Expected(entry=first.entry))

    def test_an_older_root_is_noticed(self) -> None:
        """MS-14."""
        first = make_report()
        second = edit_report(
            open_built(first), key=ana(), people=people(), created=NOW, title="new"
        )
        with pytest.raises(Rollback):
            open_built(first, Expected(entry=second.entry))

    def test_an_equal_revision_with_other_payloads_is_noticed(self) -> None:
        built = make_report()
        report = open_built(built)
        sibling = resigned(built, report, title="Another title")
        with pytest.raises(Rollback):
            open_in(blocks_of(built, sibling), sibling.root.cid, Expected(entry=built.entry))

    def test_a_root_that_only_adds_readers_is_no_roll_back(self) -> None:
        built = make_report()
        report = open_built(built)
        header = make_header(report.session_key, [ana().certificate, boris().certificate])
        data_node, data_file = join(header.built, report.encrypted.data)
        meta_node, meta_file = join(header.built, report.encrypted.meta)
        root, _ = directory([(DATA_NAME, data_file), (META_NAME, meta_file)])
        blocks = blocks_of(built)
        blocks.add(header.block, data_node, meta_node, root)
        assert open_in(blocks, root.cid, Expected(entry=built.entry)).meta == built.meta

    def test_payloads_exchanged_between_meta_and_data_are_noticed(self) -> None:
        """MS-16: one session key opens both, so only the note tells them apart."""
        built = make_report()
        encrypted = open_built(built).encrypted
        blocks = blocks_of(built)
        data_node, data_file = join(encrypted.header, encrypted.meta)
        meta_node, meta_file = join(encrypted.header, encrypted.data)
        root, _ = directory([(DATA_NAME, data_file), (META_NAME, meta_file)])
        blocks.add(data_node, meta_node, root)
        with pytest.raises(NoteRefused):
            open_in(blocks, root.cid)

    def test_a_new_payload_under_the_known_session_key_is_noticed_before_decryption(self) -> None:
        """RC-01, MS-15."""
        built = make_report()
        report = open_built(built)
        new_blocks, payload = seal_content(b"forged", report.session_key)
        data_node, data_file = join(report.encrypted.header, payload)
        root, _ = directory([(DATA_NAME, data_file), (META_NAME, report.encrypted.meta_file)])
        blocks = blocks_of(built)
        blocks.add(*new_blocks, data_node, root)
        with pytest.raises(MetaMismatch):
            open_in(blocks, root.cid)

    def test_envelopes_of_two_reports_do_not_make_one(self) -> None:
        first, second = make_report(), make_report()
        one, two = open_built(first).encrypted, open_built(second).encrypted
        root, _ = directory([(DATA_NAME, two.data_file), (META_NAME, one.meta_file)])
        blocks = blocks_of(first, second)
        blocks.add(root)
        with pytest.raises(MetaMismatch):
            open_in(blocks, root.cid)

    def test_content_that_is_not_the_signed_one_is_not_completed(self) -> None:
        built = make_report(b"content")
        report = open_built(built)
        lying = replace(report, meta=replace(report.meta, sha256="0" * 64))
        reader = ContentReader(lying)
        reader.update(blocks_of(built).get(report.encrypted.data.cid).data)
        with pytest.raises(MetaMismatch):
            reader.finish()

    def test_nodes_that_the_directory_does_not_name_are_refused(self) -> None:
        built = make_report()
        blocks = blocks_of(built)
        root = blocks.get(built.root.cid)
        links = EncryptedReport.nodes(root)
        data, meta = blocks.get(links.data.cid), blocks.get(links.meta.cid)
        assert EncryptedReport.read(root, data, meta).root == built.root.cid
        with pytest.raises(MetaMismatch):
            EncryptedReport.read(root, meta, data)

    def test_content_shorter_than_signed_is_not_completed(self) -> None:
        built = make_report(b"content")
        report = open_built(built)
        lying = replace(report, meta=replace(report.meta, size_bytes=8))
        reader = ContentReader(lying)
        reader.update(blocks_of(built).get(report.encrypted.data.cid).data)
        with pytest.raises(MetaMismatch):
            reader.finish()

    def test_a_report_that_names_another_owner_than_the_known_one_is_refused(self) -> None:
        built = make_report()
        known = replace(built.entry, owner=boris().key_id)
        with pytest.raises(NoteRefused):
            open_in(blocks_of(built), built.root.cid, Expected(entry=known), people(boris()))

    def test_content_longer_than_signed_is_stopped_early(self) -> None:
        built = make_report(bytes(600_000))
        report = open_built(built)
        lying = replace(report, meta=replace(report.meta, size_bytes=5))
        reader = ContentReader(lying)
        with pytest.raises(MetaMismatch):
            reader.update(blocks_of(built).get(report.encrypted.data.cid).data)

    @pytest.mark.parametrize("change", ["cut", "flip"])
    def test_damaged_content_is_refused(self, change: str) -> None:
        """MS-17."""
        built = make_report(bytes(100_000))
        report = open_built(built)
        data = bytearray(blocks_of(built).get(report.encrypted.data.cid).data)
        if change == "flip":
            data[5000] ^= 1
        else:
            del data[-16:]
        reader = ContentReader(report)
        with pytest.raises(IntegrityError):
            _ = [*reader.update(data), *reader.finish()]

    def test_a_meta_too_large_for_a_note_is_not_read(self) -> None:
        built = make_report()
        report = open_built(built)
        new_blocks, payload = seal_content(bytes(2_000_000), report.session_key)
        meta_node, meta_file = join(report.encrypted.header, payload)
        root, _ = directory([(DATA_NAME, report.encrypted.data_file), (META_NAME, meta_file)])
        blocks = blocks_of(built)
        blocks.add(*new_blocks, meta_node, root)
        with pytest.raises(LimitExceeded):
            open_in(blocks, root.cid)

    def test_a_directory_with_a_false_size_is_refused(self) -> None:
        built = make_report()
        encrypted = open_built(built).encrypted
        false = Built(encrypted.data_file.cid, 0, encrypted.data_file.tsize + 1)
        root, _ = directory([(DATA_NAME, false), (META_NAME, encrypted.meta_file)])
        blocks = blocks_of(built)
        blocks.add(root)
        with pytest.raises(DagRefused):
            open_in(blocks, root.cid)


def test_a_pinned_certificate_of_another_key_is_refused() -> None:
    wrong: Contact = contact(boris(), certificate=ana().certificate.armored)
    known = People(ana().certificate, (), [wrong])
    with pytest.raises(IntegrityError):
        known.certificate(boris().key_id)
