"""Share notes, reset notes, IPNS keys and lists."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hygieia.errors import IntegrityError, InvalidInput, LimitExceeded, NoteRefused, NotFound
from hygieia.ipld.cid import CID, DAG_PB
from hygieia.ipld.ipns import parse_record
from hygieia.ipld.unixfs import Child
from hygieia.openpgp.kdf import DEFAULT_KDF
from hygieia.openpgp.notes import Verdict, parse_note, require_valid
from hygieia.openpgp.packets import parse_header_leaf, pkesk_digest
from hygieia.openpgp.session_keys import make_session_key
from hygieia.vault.index import PutReport
from hygieia.vault.ipns import IpnsKey
from hygieia.vault.listing import find_report, list_reports
from hygieia.vault.people import FormerKey
from hygieia.vault.reading import read_payload
from hygieia.vault.report_build import Recipient, make_header
from hygieia.vault.reset_note import RESET_CONTEXT, Reset, login_digest, sign_reset
from hygieia.vault.share_note import Reader, Readers, Share, open_share, sign_share, unnoted_packets
from tests.unit.vault.factories import NOW, Vault, ana, boris, entry, key_of, people


class TestShareNotes:
    share = Share("a" * 32, "b" * 64, "c" * 64, None, NOW)

    def test_a_note_by_a_contact_is_valid(self) -> None:
        data = sign_share(boris(), self.share)
        opened = open_share(data, report="a" * 32, signer=boris().key_id, people=people(boris()))
        assert opened.share == self.share
        assert opened.verdict is Verdict.VALID

    def test_a_strangers_note_says_so(self) -> None:
        data = sign_share(boris(), self.share)
        opened = open_share(data, report="a" * 32, signer=boris().key_id, people=people())
        assert opened.verdict is Verdict.UNKNOWN_SIGNER

    def test_a_note_for_another_report_is_refused(self) -> None:
        data = sign_share(ana(), self.share)
        with pytest.raises(NoteRefused):
            open_share(data, report="f" * 32, signer=ana().key_id, people=people())

    def test_a_note_by_another_than_its_signer_is_refused(self) -> None:
        data = sign_share(ana(), self.share)
        with pytest.raises(NoteRefused):
            open_share(data, report="a" * 32, signer=boris().key_id, people=people(boris()))

    def test_a_changed_note_is_refused(self) -> None:
        data = sign_share(boris(), self.share).replace(b"c" * 64, b"d" * 64)
        with pytest.raises(NoteRefused):
            open_share(data, report="a" * 32, signer=boris().key_id, people=people(boris()))

    def test_packets_without_a_note_are_found(self) -> None:
        """RC-04."""
        header = make_header(
            make_session_key(), [key.certificate for key in (ana(), boris(), key_of("Cora"))]
        )
        packets = parse_header_leaf(header.block.data)
        by_key = {each.key: each for each in header.recipients}
        own = self.packet(packets, by_key[ana().key_id])
        noted = [Reader(boris().key_id, by_key[boris().key_id].pkesk)]
        ghost = self.packet(packets, by_key[key_of("Cora").key_id])
        assert unnoted_packets(packets, noted, own) == [ghost]

    @staticmethod
    def packet(packets: tuple[bytes, ...], recipient: Recipient) -> bytes:
        return next(each for each in packets if pkesk_digest(each) == recipient.pkesk)

    def test_readers_keep_fields_of_later_versions(self) -> None:
        reader = {"key": "b" * 64, "pkesk": "c" * 64, "delegation": None, "later": 2}
        body = Readers("a" * 32).to_json() | {"readers": [reader], "later": 1}
        assert Readers.from_json(body).to_json() == body

    def test_former_keys_keep_fields_of_later_versions(self) -> None:
        body = {"key": "b" * 64, "certificate": "…", "later": [1]}
        assert FormerKey.from_json(body).to_json() == body

    @pytest.mark.parametrize(
        "change",
        [
            {"readers": {}},
            {"readers": ["x"]},
            {"removed": ["x"]},
            {"readers": [{"key": "x"}]},
            {"earlier": "x"},
            {"earlier": ["x"]},
            {"earlier": [7]},
        ],
    )
    def test_malformed_readers_are_refused(self, change: dict[str, object]) -> None:
        with pytest.raises(IntegrityError):
            Readers.from_json(Readers("a" * 32).to_json() | change)


def test_a_payload_beyond_its_limit_is_not_even_asked_for() -> None:
    promised = Child(CID.of(DAG_PB, b"a node"), 10_000_000, 10_000_100)
    with pytest.raises(LimitExceeded):
        next(read_payload(promised, 1000))


def test_a_reset_note_names_everything_that_it_is_for() -> None:
    digest = login_digest("s" * 64)
    reset = Reset(
        "https://vault.example.org", "a" * 32, "nonce", "b" * 64, DEFAULT_KDF, digest, NOW
    )
    note = require_valid(parse_note(sign_reset(ana(), reset), RESET_CONTEXT), ana().certificate)
    assert note.body["kdf"] == {"m": 65536, "t": 3, "p": 1}
    assert note.body["login"] == digest
    assert note.body["nonce"] == "nonce"


class TestIpnsKeys:
    def test_a_record_outlives_everybody_and_is_fresh_by_its_sequence(self) -> None:
        key = IpnsKey.make()
        root = CID.of(0x70, b"root")
        at = datetime(2026, 11, 21, tzinfo=UTC)
        record = parse_record(key.name, key.sign_record(root, 7, at), at)
        assert record.value == f"/ipfs/{root}"
        assert record.sequence == 7
        assert record.ttl_seconds == 300
        assert record.validity.year == 2126

    def test_a_key_shows_only_its_name(self) -> None:
        key = IpnsKey.make()
        assert key.secret.hex() not in repr(key)
        with pytest.raises(TypeError):
            pickle.dumps(key)
        with pytest.raises(InvalidInput):
            IpnsKey(b"short")


class TestLists:
    @staticmethod
    def vault() -> Vault:
        vault = Vault.new()
        words = [
            ("Blutbild März", "lab", "2026-01-01T10:00:00Z"),
            ("MRT Knie", "imaging", "2026-01-03T10:00:00Z"),
            ("Arztbrief", "letter", "2026-01-02T10:00:00Z"),
        ]
        vault.change(*(PutReport(entry(title=t, category=c, created=when)) for t, c, when in words))
        return vault

    def titles(self, **options: object) -> list[str]:
        listed = list_reports(self.vault().state.reports(), **options)  # type: ignore[arg-type]  # fields by name
        return [found.title for found in listed.reports]

    def test_newest_first(self) -> None:
        assert self.titles() == ["MRT Knie", "Arztbrief", "Blutbild März"]

    def test_by_category_and_by_words_without_case_or_accents(self) -> None:
        assert self.titles(category="lab") == ["Blutbild März"]
        assert self.titles(search="MARZ blut") == ["Blutbild März"]
        assert self.titles(search="blut knie") == []
        assert self.titles(category="constructor") == []

    def test_page_by_page(self) -> None:
        entries = list(self.vault().state.reports())
        seen: list[str] = []
        after: str | None = None
        while True:
            page = list_reports(entries, limit=2, after=after)
            seen += [found.title for found in page.reports]
            after = page.next
            if after is None:
                break
        assert seen == ["MRT Knie", "Arztbrief", "Blutbild März"]

    @pytest.mark.parametrize("cursor", ["", "x", "!!", "aGVsbG8"])
    def test_a_false_cursor_is_refused(self, cursor: str) -> None:
        with pytest.raises(InvalidInput):
            list_reports([], after=cursor)

    def test_the_trash_is_a_list_of_its_own(self) -> None:
        gone = replace(entry(), deleted=NOW)
        assert list_reports([gone, entry()], trash=True).reports == (gone,)

    def test_a_report_is_named_by_id_prefix_or_cid(self) -> None:
        state = self.vault().state
        wanted = next(state.reports())
        for name in (wanted.id, wanted.id[:6], wanted.cid):
            assert find_report(state, name) == wanted

    def test_short_unknown_and_ambiguous_names_are_told_apart(self) -> None:
        vault = Vault.new()
        vault.change(*(PutReport(entry(id="abcdef" + f"{n:026x}")) for n in range(2)))
        with pytest.raises(InvalidInput, match="more"):
            find_report(vault.state, "abcde")
        with pytest.raises(InvalidInput, match="More than one"):
            find_report(vault.state, "abcdef")
        with pytest.raises(NotFound):
            find_report(vault.state, "fedcba")
