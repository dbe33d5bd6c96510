"""Later revisions: edits and updates, and what they carry over."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hygieia.errors import (
    Forbidden,
    InvalidInput,
    MetaMismatch,
    NoteRefused,
)
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.signing import sign_note
from hygieia.vault.report import Expected
from hygieia.vault.report_change import draft_of, edit_report, needs_new_session_key, next_revision
from hygieia.vault.report_meta import META_CONTEXT, ReportLink
from hygieia.vault.share_note import Readers
from tests.unit.vault.factories import (
    NOW,
    ana,
    blocks_of,
    boris,
    content_of,
    make_report,
    open_built,
    open_in,
    people,
    resigned,
)


class TestRevisions:
    def test_an_edit_writes_a_new_meta_only(self) -> None:
        first = make_report(bytes(300_000))
        edited = edit_report(
            open_built(first), key=ana(), people=people(), created=NOW, title="Neu"
        )
        assert len(edited.blocks) == 3, "meta's payload, its file, the directory"
        assert edited.meta.data_payload_cid == first.meta.data_payload_cid
        report = open_in(blocks_of(first, edited), edited.root.cid, Expected(entry=first.entry))
        assert report.meta.title == "Neu"
        assert report.meta.revision == 2
        assert report.meta.previous == first.entry.meta_payload_cid
        assert content_of(report, blocks_of(first)) == bytes(300_000)

    def test_an_edit_carries_the_note_that_introduced_the_content(self) -> None:
        first = make_report()
        second = edit_report(open_built(first), key=ana(), people=people(), created=NOW, title="2")
        blocks = blocks_of(first, second)
        third = edit_report(
            open_in(blocks, second.root.cid), key=ana(), people=people(), created=NOW, title="3"
        )
        blocks.add(*third.blocks)
        report = open_in(blocks, third.root.cid)
        assert report.origin == first.meta
        assert report.origin_verdict is Verdict.VALID

    def test_an_edit_of_what_someone_else_wrote_shows_both_signers(self) -> None:
        first = make_report(author=boris())
        known = people(boris())
        right = Expected(upload_right=lambda *_: True)
        edited = edit_report(
            open_built(first, right, known), key=ana(), people=known, created=NOW, title="mine"
        )
        report = open_in(blocks_of(first, edited), edited.root.cid, right, known)
        assert report.meta.author == ana().key_id
        assert report.origin is not None
        assert report.origin.author == boris().key_id

    def test_an_origin_of_another_report_is_refused(self) -> None:
        first, other = make_report(b"one"), make_report(b"two")
        report = open_built(first)
        revision = next_revision(open_built(other), same_content=True)
        forged = resigned(
            first, report, revision=2, previous=first.entry.meta_payload_cid, origin=revision.origin
        )
        with pytest.raises(MetaMismatch):
            open_in(blocks_of(first, forged), forged.root.cid)

    def test_an_origin_that_only_the_owner_could_have_made_is_refused_from_others(self) -> None:
        first, known = make_report(), people(boris())
        previous = first.entry.meta_payload_cid
        second = replace(first.meta, author=boris().key_id, revision=2, previous=previous)
        origin = json.loads(sign_note(boris(), META_CONTEXT, second.to_body()))
        forged = resigned(first, open_built(first), revision=3, previous=previous, origin=origin)
        with pytest.raises(NoteRefused):
            open_in(blocks_of(first, forged), forged.root.cid, known=known)

    @pytest.mark.parametrize("later", [False, True], ids=["itself carries one", "is not earlier"])
    def test_an_origin_that_did_not_introduce_the_content_is_refused(self, later: bool) -> None:
        first = make_report()
        report = open_built(first)
        previous = first.entry.meta_payload_cid
        carried = None if later else json.loads(first.note)
        second = replace(first.meta, revision=2, previous=previous, origin=carried)
        origin = json.loads(sign_note(ana(), META_CONTEXT, second.to_body()))
        number = 2 if later else 3
        forged = resigned(first, report, revision=number, previous=previous, origin=origin)
        with pytest.raises(NoteRefused):
            open_in(blocks_of(first, forged), forged.root.cid)

    def test_the_plaintext_of_a_note_is_in_no_repr(self) -> None:
        built = make_report()
        assert built.note.decode()[:20] not in f"{built!r} {open_built(built)!r}"

    def test_an_update_follows_the_known_revision_under_a_new_session_key(self) -> None:
        first = make_report(b"old")
        before = open_built(first)
        second = make_report(b"new", revision=next_revision(before, same_content=False))
        report = open_built(second, Expected(entry=first.entry))
        assert report.meta.revision == 2
        assert report.origin is None
        assert report.session_key != before.session_key

    def test_an_update_carries_over_what_it_does_not_understand(self) -> None:
        link = ReportLink("part-of", "a" * 32, {"page": 7})
        first = make_report(links=(link,), extra={"of_2040": [1, {"x": None}]})
        before = open_built(first)
        kept = draft_of(before.meta, ana().key_id)
        second = make_report(
            b"new",
            revision=next_revision(before, same_content=False),
            extra=kept.extra,
            links=kept.links,
        )
        body = open_built(second, Expected(entry=first.entry)).meta.to_body()
        assert body["of_2040"] == [1, {"x": None}]
        assert body["links"] == [{"rel": "part-of", "id": "a" * 32, "page": 7}]

    def test_a_profession_is_its_authors_and_not_the_next_ones(self) -> None:
        meta = make_report(author=boris(), profession="nurse").meta
        assert draft_of(meta, boris().key_id).profession == "nurse"
        assert draft_of(meta, ana().key_id).profession is None

    def test_whoever_was_unshared_makes_the_next_edit_a_new_key(self) -> None:
        assert not needs_new_session_key(None)
        assert not needs_new_session_key(Readers("a" * 32))
        assert needs_new_session_key(Readers("a" * 32, removed=(boris().key_id,)))

    def test_nobody_but_the_owner_edits(self) -> None:
        built = make_report(owner=boris().key_id, author=boris())
        report = open_built(built)
        with pytest.raises(Forbidden):
            edit_report(report, key=ana(), people=people(), created=NOW, title="x")

    def test_an_edit_that_changes_nothing_is_said_to(self) -> None:
        report = open_built(make_report())
        with pytest.raises(InvalidInput):
            edit_report(report, key=ana(), people=people(), created=NOW, title=report.meta.title)
