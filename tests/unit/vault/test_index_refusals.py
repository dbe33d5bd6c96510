"""An index never goes back or sideways, and a forged part is refused."""

from __future__ import annotations

import pytest

from hygieia.errors import (
    DagRefused,
    EnvelopeRefused,
    Fork,
    IntegrityError,
    NoteRefused,
    Rollback,
)
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, directory, join
from hygieia.ipld.cid import DAG_PB
from hygieia.ipld.shapes import read_envelope, read_index_root
from hygieia.openpgp.session_keys import make_session_key
from hygieia.openpgp.signing import sign_note
from hygieia.vault.index import (
    DelegationNote,
    Floor,
    PutReport,
    SetDeleted,
    make_keys_file,
    open_index,
)
from hygieia.vault.index.note import INDEX_CONTEXT
from hygieia.vault.reading import read_now
from hygieia.vault.report_build import make_header, seal_content
from tests.unit.vault.factories import (
    NOW,
    Vault,
    ana,
    boris,
    entry,
    ipns_key,
    puts,
)
from tests.unit.vault.forgeries import (
    contents_of,
    envelope,
    first_segments,
    header_of,
    linked,
    root_over,
    with_contents,
    with_note,
    with_segment,
    with_segments,
)


class TestFloor:
    """A device never goes to a lower or sibling index (threat MS-22)."""

    def test_a_lower_sequence_is_a_roll_back(self) -> None:
        vault = Vault.new()
        old = vault.state.root
        vault.change(PutReport(entry()))
        with pytest.raises(Rollback):
            read_now(open_index(old, ana(), floor=vault.state.floor), vault.blocks.get)

    def test_an_equal_sequence_with_another_root_is_a_fork(self) -> None:
        vault = Vault.new()
        other = vault.copy()
        vault.change(PutReport(entry()))
        other.change(PutReport(entry()))
        with pytest.raises(Fork):
            read_now(open_index(other.state.root, ana(), floor=vault.state.floor), vault.blocks.get)

    def test_the_next_index_has_to_follow_from_the_known_one(self) -> None:
        vault = Vault.new()
        other = vault.copy()
        vault.change(PutReport(entry()))
        other.change(PutReport(entry()))
        other.change(PutReport(entry()))
        with pytest.raises(Fork):
            read_now(open_index(other.state.root, ana(), floor=vault.state.floor), vault.blocks.get)

    def test_the_known_one_and_its_successors_are_accepted(self) -> None:
        vault = Vault.new()
        floor = vault.state.floor
        vault.reopen(floor=floor)
        vault.change(PutReport(entry()))
        vault.reopen(floor=floor)
        vault.change(PutReport(entry()))
        vault.reopen(floor=floor)
        vault.reopen(floor=Floor(3))

    def test_above_a_restored_server_the_sequence_goes_on(self) -> None:
        vault = Vault.new()
        vault.change(above=41)
        assert vault.state.sequence == 42


class TestForgeries:
    def test_an_index_that_somebody_else_signed_is_refused(self) -> None:
        vault = Vault.new()
        note = sign_note(boris(), INDEX_CONTEXT, vault.state.note.to_body())
        root = with_note(vault, note)
        with pytest.raises(NoteRefused):
            read_now(open_index(root, ana()), vault.blocks.get)

    def test_contents_that_the_note_does_not_name_are_refused(self) -> None:
        vault = Vault.new()
        old = read_index_root(vault.blocks.get(vault.state.root).data)
        vault.change(PutReport(entry()))
        new = read_index_root(vault.blocks.get(vault.state.root).data)
        root, _ = directory(
            [
                ("index.pgp", Built(new.index.cid, 0, new.index.tsize)),
                ("contents", Built(old.contents.cid, 0, old.contents.tsize)),
            ]
        )
        vault.blocks.add(root)
        with pytest.raises(IntegrityError):
            read_now(open_index(root.cid, ana()), vault.blocks.get)

    def test_a_segment_encrypted_to_the_owner_by_somebody_else_is_refused(self) -> None:
        """Whoever has the certificate can do this; so segments open by the session key alone."""
        vault = Vault.new()
        vault.change(PutReport(entry()))
        key = make_session_key()
        header = make_header(key, [ana().certificate])
        blocks, payload = seal_content(b"[]", key, floor=32768)
        node, forged = join(header.built, payload)
        vault.blocks.add(header.block, *blocks, node)
        root = with_segment(vault, forged)
        with pytest.raises(EnvelopeRefused):
            read_now(open_index(root, ana()), vault.blocks.get)

    def test_a_segment_under_another_session_key_and_the_right_header_is_refused(self) -> None:
        vault = Vault.new()
        vault.change(PutReport(entry()))
        forged = envelope(vault, b"[]", make_session_key())
        root = with_segment(vault, forged)
        with pytest.raises(IntegrityError):
            read_now(open_index(root, ana()), vault.blocks.get)

    def test_another_key_does_not_open_it(self) -> None:
        vault = Vault.new()
        with pytest.raises(EnvelopeRefused):
            read_now(open_index(vault.state.root, boris()), vault.blocks.get)

    @pytest.mark.parametrize("name", ["x.pgp", "03.pgp"])
    def test_a_directory_with_a_segment_too_many_is_refused(self, name: str) -> None:
        vault = Vault.new()
        vault.change(*puts(70))
        entries = first_segments(vault)
        root = with_segments(vault, [*entries, (name, entries[0][1])])
        with pytest.raises(DagRefused):
            read_now(open_index(root, ana()), vault.blocks.get)

    def test_contents_with_a_false_size_are_refused(self) -> None:
        vault = Vault.new()
        contents = contents_of(vault)
        root = with_contents(vault, Built(contents.cid, 0, contents.tsize + 1))
        with pytest.raises(DagRefused):
            read_now(open_index(root, ana()), vault.blocks.get)

    def test_a_segment_with_a_false_size_is_refused(self) -> None:
        vault = Vault.new()
        vault.change(PutReport(entry()))
        [(_, file)] = first_segments(vault)
        payload = read_envelope(vault.blocks.get(file.cid).data).payload
        false = Built(payload.cid, payload.size_bytes + 1, payload.tsize + 1)
        node, built = join(header_of(vault), false)
        vault.blocks.add(node)
        root = with_segment(vault, built)
        with pytest.raises(DagRefused):
            read_now(open_index(root, ana()), vault.blocks.get)

    def test_older_contents_of_the_same_counts_are_refused(self) -> None:
        vault = Vault.new()
        report = entry()
        vault.change(PutReport(report))
        older = linked(contents_of(vault))
        vault.change(SetDeleted(report.id, NOW))
        index = linked(read_index_root(vault.blocks.get(vault.state.root).data).index)
        root = root_over(vault, index, older)
        with pytest.raises(IntegrityError, match="not those that its owner signed"):
            read_now(open_index(root, ana()), vault.blocks.get)

    def test_readers_that_are_more_than_the_reports_are_refused(self) -> None:
        vault = Vault.new()
        vault.change(PutReport(entry()))
        tables = vault.state.note.to_body()["tables"] | {"readers": {"segments": 1, "entries": 2}}
        root = with_contents(vault, linked(contents_of(vault)), tables=tables)
        with pytest.raises(IntegrityError, match="parallel"):
            read_now(open_index(root, ana()), vault.blocks.get)

    def test_blocks_in_another_order_than_asked_are_refused(self) -> None:
        vault = Vault.new()
        reading = open_index(vault.state.root, ana())
        [root] = next(reading)
        wanted = reading.send([vault.blocks.get(root)])
        with pytest.raises(DagRefused, match="than those asked for"):
            reading.send([Block.of(DAG_PB, b"") for _ in wanted])

    @pytest.mark.parametrize(
        "text", ["", "{}", '{"id":1}', "[" * 100_000, '{"id":"' + "a" * 32 + '","id":"x"}']
    )
    def test_a_delegation_whose_note_cannot_be_read_is_refused(self, text: str) -> None:
        note = {"note": f"hygieia delegation 1\n{text}", "signature": "…"}
        with pytest.raises(IntegrityError):
            DelegationNote.from_json(note)

    def test_no_repr_shows_the_ipns_key(self) -> None:
        state = Vault.new().state
        secret = ipns_key().secret.hex()
        assert secret in state.keys.to_bytes().decode()
        assert secret not in repr(state)

    def test_an_ipns_key_that_the_owner_did_not_sign_is_refused(self) -> None:
        """MS-09."""
        forged = make_keys_file(boris(), ipns_key(), NOW)
        with pytest.raises(NoteRefused):
            forged.ipns_key(ana().certificate)
