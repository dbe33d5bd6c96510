"""People, reports and indexes to test with: real keys, real blocks, kept in a dictionary."""

from __future__ import annotations

import functools
import itertools
import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hygieia.errors import BlockMissing
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.keys import UnlockedKey, generate_key
from hygieia.openpgp.signing import sign_note
from hygieia.openpgp.times import format_time, now
from hygieia.vault.index import (
    Change,
    IndexState,
    PutReport,
    apply,
    load_for,
    make_keys_file,
    new_index,
    open_index,
)
from hygieia.vault.ipns import IpnsKey
from hygieia.vault.people import Contact, ContactState, People
from hygieia.vault.reading import read_now
from hygieia.vault.report import ContentReader, Expected, Report
from hygieia.vault.report_build import (
    BuiltReport,
    ReportSecrets,
    Revision,
    assemble,
    make_header,
    seal_report,
)
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_meta import META_CONTEXT, Draft
from hygieia.vault.report_read import read_report

# A little ahead, so that no key is younger than what it signs; clocks may differ by ten minutes.
NOW = format_time(now() + timedelta(minutes=1))
ANY_CID = str(CID.of(0x70, b"of nothing"))
PARTS = {"recovery_key": "a key", "recovery_mac": "a mac", "revocation": "a revocation"}


@functools.cache
def key_of(name: str) -> UnlockedKey:
    """One key a person and test run: making one is slow."""
    return generate_key(name, f"{name.lower()}@example.org")


def ana() -> UnlockedKey:
    return key_of("Ana")


def boris() -> UnlockedKey:
    return key_of("Boris")


def contact(key: UnlockedKey, **changes: Any) -> Contact:  # noqa: ANN401  (whatever JSON or arguments it is)
    fields: dict[str, Any] = {
        "key": key.key_id,
        "certificate": key.certificate.armored,
        "state": ContactState.VERIFIED,
        "name": key.certificate.name,
        "email": key.certificate.email,
    }
    return Contact(**fields | changes)


def people(*known: UnlockedKey, me: UnlockedKey | None = None) -> People:
    return People((me or ana()).certificate, (), [contact(key) for key in known])


@dataclass
class Blocks:
    """A store of verified blocks that says which it was asked for."""

    blocks: dict[CID, Block] = field(default_factory=dict)
    asked: list[CID] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        self.blocks |= {block.cid: block for block in blocks}

    def get(self, cid: CID) -> Block:
        self.asked.append(cid)
        if cid not in self.blocks:
            raise BlockMissing("no such block")
        return self.blocks[cid]


def draft(author: UnlockedKey | None = None, **changes: Any) -> Draft:  # noqa: ANN401  (whatever JSON or arguments it is)
    me = ana().key_id
    fields: dict[str, Any] = {
        "title": "Blutbild März",
        "file_name": "blutbild.pdf",
        "media_type": "application/pdf",
        "owner": me,
        "author": (author or ana()).key_id,
        "subject": me,
        "category": "lab",
    }
    return Draft(**fields | changes)


def make_report(
    content: bytes = b"Hb 13.9 g/dl",
    *,
    author: UnlockedKey | None = None,
    recipients: list[Certificate] | None = None,
    revision: Revision | None = None,
    secrets: ReportSecrets | None = None,
    **changes: Any,  # noqa: ANN401  (whatever JSON or arguments it is)
) -> BuiltReport:
    author = author or ana()
    return seal_report(
        draft(author, **changes),
        content,
        recipients or [ana().certificate],
        key=author,
        created=NOW,
        revision=revision,
        secrets=secrets,
    )


def blocks_of(*built: BuiltReport) -> Blocks:
    blocks = Blocks()
    for each in built:
        blocks.add(*each.blocks)
    return blocks


def open_built(
    built: BuiltReport, expected: Expected | None = None, known: People | None = None
) -> Report:
    """Open a report from the blocks it was built of."""
    return open_in(blocks_of(built), built.root.cid, expected, known)


def open_in(
    blocks: Blocks, root: CID, expected: Expected | None = None, known: People | None = None
) -> Report:
    return read_now(read_report(root, ana(), known or people(), expected), blocks.get)


def resigned(built: BuiltReport, report: Report, **changes: object) -> BuiltReport:
    """The same report with another signed meta, under its own session key."""
    meta = replace(built.meta, **changes)  # type: ignore[arg-type]  # fields by name
    note = sign_note(ana(), META_CONTEXT, meta.to_body())
    header = make_header(report.session_key, [ana().certificate])
    return assemble(meta, note, report.encrypted.data, header, report.session_key)


def content_of(report: Report, blocks: Blocks) -> bytes:
    reader = ContentReader(report)
    pieces = [*reader.update(blocks.get(report.encrypted.data.cid).data), *reader.finish()]
    return b"".join(pieces)


_NUMBERS = itertools.count(1)


def entry(**changes: Any) -> ReportEntry:  # noqa: ANN401  (whatever JSON or arguments it is)
    """An index entry of a made-up report: an index does not look at what its CIDs hold."""
    number = next(_NUMBERS)
    rnd = random.Random(number)
    me = ana().key_id
    fields: dict[str, Any] = {
        "id": rnd.randbytes(16).hex(),
        "cid": str(CID.of(0x70, rnd.randbytes(8))),
        "revision": 1,
        "kind": "document",
        "title": f"Befund {number}",
        "file_name": f"befund-{number:06d}.pdf",
        "media_type": "application/pdf",
        "size_bytes": rnd.randrange(1, 1 << 23),
        "category": "imaging",
        "subject": me,
        "author": me,
        "owner": me,
        "created": "2026-11-21T10:00:00Z",
        "deleted": None,
        "data_payload_cid": str(CID.of(0x55, rnd.randbytes(8))),
        "meta_payload_cid": str(CID.of(0x55, rnd.randbytes(8))),
    }
    return ReportEntry(**fields | changes)


def puts(count: int) -> list[Change]:
    """Enter so many made-up reports."""
    return [PutReport(entry()) for _ in range(count)]


def ipns_key() -> IpnsKey:
    return IpnsKey(bytes(range(32)))


@dataclass
class Vault:
    """An index that changes, and every block it ever wrote."""

    state: IndexState
    blocks: Blocks
    key: UnlockedKey

    @classmethod
    def new(cls, key: UnlockedKey | None = None) -> Vault:
        key = key or ana()
        keys = make_keys_file(key, ipns_key(), NOW).with_digests(PARTS)
        update = new_index(keys, key=key, created=NOW)
        blocks = Blocks()
        blocks.add(*update.blocks)
        return cls(update.state, blocks, key)

    def change(self, *changes: Change, above: int = 0) -> tuple[Block, ...]:
        """Apply changes; the blocks that are new."""
        self.state = read_now(load_for(self.state, changes), self.blocks.get)
        update = apply(self.state, changes, key=self.key, created=NOW, above=above)
        if update is None:
            return ()
        self.state = update.state
        self.blocks.add(*update.blocks)
        return update.blocks

    def reopen(self, **options: Any) -> IndexState:  # noqa: ANN401  (whatever JSON or arguments it is)
        return read_now(open_index(self.state.root, self.key, **options), self.blocks.get)

    def copy(self) -> Vault:
        """The same vault as a second device has it."""
        return replace(self)
