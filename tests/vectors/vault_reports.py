"""Reports, right and wrong (docs/spec/12-report.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hygieia.errors import HygieiaError
from hygieia.ipld.builder import Built, directory, join, leaf
from hygieia.ipld.cid import CID
from hygieia.ipld.shapes import DATA_NAME, META_NAME
from hygieia.openpgp.session_keys import make_session_key
from hygieia.openpgp.signing import sign_detached, sign_note
from hygieia.openpgp.times import parse_time
from hygieia.vault.report import ContentReader, Expected, Report
from hygieia.vault.report_build import (
    BuiltReport,
    Revision,
    assemble,
    make_header,
    seal_content,
)
from hygieia.vault.report_change import edit_report
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_meta import META_CONTEXT
from tests.unit.vault.factories import (
    NOW,
    Blocks,
    ana,
    boris,
    make_report,
    open_built,
    open_in,
    people,
)
from tests.vectors.vault_parts import Recorder, key_parts

CONTENT = b"Hb 13.9 g/dl\n"


class Case:
    """One vector being made: blocks, a root, what is expected of it."""

    def __init__(self, what: str, *built: BuiltReport) -> None:
        self.what = what
        self.blocks = Blocks()
        for each in built:
            self.blocks.add(*each.blocks)
        self.root: CID | None = built[-1].root.cid if built else None
        self.entry: ReportEntry | None = None
        self.contacts = [boris()]

    def over(self, data: Built, meta: Built, *more: tuple[str, Built]) -> Case:
        block, built = directory([(DATA_NAME, data), (META_NAME, meta), *more])
        self.blocks.add(block)
        self.root = built.cid
        return self

    def joined(self, header: Built, payload: Built) -> Built:
        node, built = join(header, payload)
        self.blocks.add(node)
        return built

    def known(self, entry: ReportEntry) -> Case:
        self.entry = entry
        return self

    def vector(self) -> dict[str, Any]:
        assert self.root is not None
        recorder = Recorder(self.blocks)
        vector: dict[str, Any] = {
            "what": self.what,
            "kind": "report",
            "owner": key_parts(ana()),
            "contacts": [key.certificate.armored for key in self.contacts],
            "entry": self.entry.to_json() if self.entry else None,
            "root": str(self.root),
        }
        expected = Expected(entry=self.entry)
        try:
            report = open_in(recorder, self.root, expected, people(*self.contacts))
            reader = ContentReader(report)
            data = recorder.get(report.encrypted.data.cid).data
            _ = [*reader.update(data), *reader.finish()]
        except HygieiaError as error:
            vector["error"] = error.code
        else:
            vector["opens"] = {
                "meta": report.meta.to_body(),
                "verdict": report.verdict.value,
                "ownership": str(report.ownership),
                "origin_author": report.origin.author if report.origin else None,
            }
        return vector | {"blocks": recorder.dump()}


def reports() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, case in _cases():
        yield name, case.vector()


def _cases() -> Iterator[tuple[str, Case]]:
    yield from _right()
    yield from _exchanged()
    yield from _shapes()
    yield from _notes()
    yield from _contents()


def _right() -> Iterator[tuple[str, Case]]:
    first = make_report(CONTENT)
    opened = open_built(first)
    yield "ok-first-revision", Case("a new report", first)
    yield "ok-empty-content", Case("a report of no bytes", make_report(b""))
    edited = edit_report(opened, key=ana(), people=people(), created=NOW, title="Neuer Titel")
    yield "ok-edited", Case("an edit carries the note of the content", first, edited)
    both = make_report(CONTENT, recipients=[ana().certificate, boris().certificate])
    yield "ok-two-readers", Case("two anonymous packets", both)
    theirs = make_report(CONTENT, author=boris(), owner=boris().key_id)
    yield "ok-by-a-contact", Case("owned and signed by a pinned contact", theirs)
    stranger = Case("signed by somebody who is not pinned: unknown signer", theirs)
    stranger.contacts = []
    yield "ok-by-a-stranger", stranger
    case = Case("a false packet to the owner stands first", first)
    header = next(b for b in first.blocks if b.cid == opened.encrypted.header.cid)
    decoy = make_header(make_session_key(), [ana().certificate])
    block, built = leaf(decoy.block.data + header.data)
    case.blocks.add(block)
    data, meta = opened.encrypted.data, opened.encrypted.meta
    yield "ok-false-packet-first", case.over(case.joined(built, data), case.joined(built, meta))
    more = make_header(opened.session_key, [ana().certificate, boris().certificate])
    case = Case("more readers over the known payloads is no roll-back", first).known(first.entry)
    case.blocks.add(more.block)
    yield (
        "ok-reader-added",
        case.over(case.joined(more.built, data), case.joined(more.built, meta)),
    )


def _exchanged() -> Iterator[tuple[str, Case]]:
    first, second = make_report(CONTENT), make_report(b"another content")
    one, two = open_built(first), open_built(second)
    yield (
        "swapped-bodies",
        Case("data.pgp of another report", first, second).over(
            two.encrypted.data_file, one.encrypted.meta_file
        ),
    )
    case = Case("payloads exchanged under one session key", first)
    header = one.encrypted.header
    yield (
        "exchanged-payloads",
        case.over(case.joined(header, one.encrypted.meta), case.joined(header, one.encrypted.data)),
    )
    case = Case("another content under the known session key and header", first)
    blocks, payload = seal_content(b"forged", one.session_key)
    case.blocks.add(*blocks)
    yield (
        "forged-content",
        case.over(case.joined(header, payload), one.encrypted.meta_file),
    )
    yield "another-report", Case("another report than asked for", second).known(first.entry)
    edited = edit_report(one, key=ana(), people=people(), created=NOW, title="Neu")
    yield "older-revision", Case("revision 1 where 2 is known", first).known(edited.entry)
    sibling = edit_report(one, key=ana(), people=people(), created=NOW, title="Anders")
    yield (
        "sibling-revision",
        Case("another revision 2", first, sibling).known(edited.entry),
    )


def _shapes() -> Iterator[tuple[str, Case]]:
    first = make_report(CONTENT)
    one = open_built(first).encrypted
    case = Case("the envelopes have different header leaves", first)
    other = make_header(make_session_key(), [ana().certificate])
    case.blocks.add(other.block)
    yield "two-headers", case.over(one.data_file, case.joined(other.built, one.meta))
    yield (
        "third-entry",
        Case("a third entry", first).over(
            one.data_file, one.meta_file, ("more.pgp", one.meta_file)
        ),
    )
    case = Case("only meta.pgp", first)
    block, built = directory([(META_NAME, one.meta_file)])
    case.blocks.add(block)
    case.root = built.cid
    yield "no-data", case
    false = Built(one.data_file.cid, 0, one.data_file.tsize + 1)
    yield "false-tsize", Case("a false Tsize", first).over(false, one.meta_file)
    yield (
        "not-a-recipient",
        Case("encrypted to somebody else", make_report(recipients=[boris().certificate])),
    )
    case = Case("plaintext where the header should be", first)
    block, built = leaf(b"plain text")
    case.blocks.add(block)
    yield (
        "plaintext-header",
        case.over(case.joined(built, one.data), case.joined(built, one.meta)),
    )
    case = Case("plaintext where the meta should be", first)
    block, built = leaf(first.note)
    case.blocks.add(block)
    yield "plaintext-meta", case.over(one.data_file, case.joined(one.header, built))


def _notes() -> Iterator[tuple[str, Case]]:
    first = make_report(CONTENT)
    report = open_built(first)
    body = first.meta.to_body()

    def signed(what: str, note: bytes) -> Case:
        header = make_header(report.session_key, [ana().certificate])
        data = report.encrypted.data
        return Case(what, first, assemble(first.meta, note, data, header, report.session_key))

    def changed(what: str, **changes: Any) -> Case:  # noqa: ANN401  (whatever JSON or arguments it is)
        return signed(what, sign_note(ana(), META_CONTEXT, body | changes))

    yield (
        "signed-by-another",
        signed("names ana as author, signed by boris", sign_note(boris(), META_CONTEXT, body)),
    )
    yield (
        "wrong-context",
        signed("a share note's context", sign_note(ana(), "hygieia share 1", body)),
    )
    text = f"{META_CONTEXT}\n" + json.dumps(body)[:-1] + ', "title": "twice"}'
    armored = sign_detached(ana(), text.encode(), META_CONTEXT, parse_time(NOW))
    twice = json.dumps({"note": text, "signature": armored}).encode()
    yield "duplicate-key", signed("the title twice", twice)
    yield "later-revision-by-another", _by_another()
    yield "control-character", changed("a title with a control character", title="a\u0007b")
    yield "path-in-file-name", changed("a file name with a slash", file_name="../../.bashrc")
    yield "revision-zero", changed("revision 0", revision=0)
    yield "no-previous", changed("revision 2 without a previous one", revision=2)
    yield "previous-at-first", changed("revision 1 with one", previous=first.entry.meta_payload_cid)
    yield "category-not-a-slug", changed("a category with a capital", category="Lab")
    yield "size-as-text", changed("the size as text", size_bytes="13")
    missing = {name: value for name, value in body.items() if name != "owner"}
    yield "no-owner", signed("no owner", sign_note(ana(), META_CONTEXT, missing))
    other = make_report(b"other")
    yield (
        "origin-of-another",
        changed(
            "an origin of another report",
            revision=2,
            previous=first.entry.meta_payload_cid,
            origin=json.loads(other.note),
        ),
    )
    flipped = json.loads(first.note)
    flipped["note"] = flipped["note"].replace("Blutbild", "Blutbuld")
    yield (
        "origin-altered",
        changed(
            "an origin whose signature does not verify",
            revision=2,
            previous=first.entry.meta_payload_cid,
            origin=flipped,
        ),
    )


def _by_another() -> Case:
    first = make_report(CONTENT)
    revision = Revision(first.meta.id, 2, first.entry.meta_payload_cid)
    second = make_report(CONTENT, author=boris(), revision=revision)
    return Case("revision 2 by somebody who is not the owner", second)


def _contents() -> Iterator[tuple[str, Case]]:
    first = make_report(CONTENT)
    report: Report = open_built(first)
    whole = next(b for b in first.blocks if b.cid == report.encrypted.data.cid).data

    def replaced(what: str, payload: bytes) -> Case:
        block, built = leaf(payload)
        meta = replace(first.meta, data_payload_cid=str(built.cid))
        note = sign_note(ana(), META_CONTEXT, meta.to_body())
        header = make_header(report.session_key, [ana().certificate])
        case = Case(what, first, assemble(meta, note, built, header, report.session_key))
        case.blocks.add(block)
        return case

    yield "content-cut", replaced("the content without its final tag", whole[:-16])
    flipped = bytearray(whole)
    flipped[60] ^= 1
    yield "content-flipped", replaced("one bit of the content flipped", bytes(flipped))
    _, other = seal_content(b"Hb 13.8 g/dl\n", report.session_key)
    blocks, _ = seal_content(b"Hb 13.8 g/dl\n", report.session_key)
    yield "content-not-the-signed", replaced("sound, but not the signed digest", blocks[0].data)
    assert other.size_bytes == len(whole)
