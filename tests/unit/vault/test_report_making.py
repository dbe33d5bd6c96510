"""What making a report yields, and what is refused before anything is signed."""

from __future__ import annotations

from typing import Any

import pytest

from hygieia.errors import (
    InvalidInput,
)
from hygieia.ipld.walk import FileWalk
from hygieia.openpgp.notes import Verdict
from hygieia.openpgp.packets import parse_header_leaf, pkesk_digest
from hygieia.openpgp.session_keys import make_session_key
from hygieia.vault.report import ContentReader, Ownership
from hygieia.vault.report_build import (
    ReportSecrets,
    make_header,
    seal_report,
)
from hygieia.vault.report_meta import ReportLink
from tests.unit.vault.factories import (
    NOW,
    ana,
    blocks_of,
    boris,
    content_of,
    draft,
    make_report,
    open_built,
)


class TestMaking:
    def test_a_report_opens_to_what_was_stored(self) -> None:
        built = make_report(b"content", links=(ReportLink("part-of", "a" * 32),))
        report = open_built(built)
        assert report.meta == built.meta
        assert report.verdict is Verdict.VALID
        assert report.ownership is Ownership.CONFIRMED
        assert content_of(report, blocks_of(built)) == b"content"

    @pytest.mark.parametrize("size", [0, 1, 185, 262_138, 1_048_576, 3_000_000])
    def test_every_size_comes_back(self, size: int) -> None:
        content = bytes(size)
        built = make_report(content)
        report = open_built(built)
        reader, blocks = ContentReader(report), blocks_of(built)
        walk, pieces = FileWalk(report.encrypted.content), []
        while not walk.finished:
            for cid in walk.wanted(4):
                for octets in walk.feed(blocks.get(cid)):
                    pieces += [bytes(piece) for piece in reader.update(octets)]
        pieces += [bytes(piece) for piece in reader.finish()]
        assert b"".join(pieces) == content

    def test_both_envelopes_share_one_header_leaf(self) -> None:
        built = make_report()
        assert len(built.blocks) == 6, "header, two payloads, two files, one directory"
        assert open_built(built).encrypted.header.cid in {block.cid for block in built.blocks}

    def test_the_same_secrets_give_the_same_content_blocks_and_fresh_ones_do_not(self) -> None:
        secrets = ReportSecrets.make()
        first, again, other = (
            make_report(secrets=secrets),
            make_report(secrets=secrets),
            make_report(),
        )
        assert first.meta.data_payload_cid == again.meta.data_payload_cid
        assert first.entry.meta_payload_cid != again.entry.meta_payload_cid
        assert first.meta.data_payload_cid != other.meta.data_payload_cid

    def test_no_block_holds_title_name_or_content(self) -> None:
        built = make_report(b"canary in the content", title="canary title")
        assert not [block for block in built.blocks if b"canary" in block.data]

    def test_every_recipient_gets_one_packet_that_is_named_by_its_digest(self) -> None:
        header = make_header(make_session_key(), [ana().certificate, boris().certificate])
        digests = {pkesk_digest(packet) for packet in parse_header_leaf(header.block.data)}
        assert {recipient.pkesk for recipient in header.recipients} == digests
        assert {recipient.key for recipient in header.recipients} == {
            ana().key_id,
            boris().key_id,
        }

    def test_the_order_of_recipients_tells_nothing(self) -> None:
        certificates = [ana().certificate, boris().certificate]
        firsts = {
            make_header(make_session_key(), certificates).recipients[0].key for _ in range(64)
        }
        assert firsts == {ana().key_id, boris().key_id}

    def test_a_report_without_a_recipient_is_not_made(self) -> None:
        with pytest.raises(InvalidInput):
            make_header(make_session_key(), [])

    @pytest.mark.parametrize(
        "changes",
        [
            {"title": ""},
            {"title": "a\nb"},
            {"file_name": "a/b"},
            {"media_type": "pdf"},
            {"category": "Lab"},
            {"profession": "Dr."},
            {"subject": "ana"},
            {"owner": "ana"},
            {"links": (ReportLink("x", "a" * 32),) * 65},
        ],
    )
    def test_an_impossible_draft_is_refused_before_anything_is_signed(
        self, changes: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidInput):
            make_report(**changes)

    def test_nobody_signs_for_somebody_else(self) -> None:
        with pytest.raises(InvalidInput):
            seal_report(draft(boris()), b"", [ana().certificate], key=ana(), created=NOW)
