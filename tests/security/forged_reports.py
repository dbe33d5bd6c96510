"""Reports put together by somebody who holds the blocks and all public keys, but not hers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, directory, join, leaf
from hygieia.ipld.cid import CID
from hygieia.ipld.shapes import DATA_NAME, META_NAME
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.envelope import make_header
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.session_keys import SessionKey, make_session_key
from hygieia.openpgp.signing import sign_note
from hygieia.openpgp.times import format_time, now
from hygieia.recovery.driving import read_from
from hygieia.vault.people import People
from hygieia.vault.report import Report
from hygieia.vault.report_build import seal_content, seal_report
from hygieia.vault.report_change import edit_report
from hygieia.vault.report_meta import META_CONTEXT, Draft
from hygieia.vault.report_read import read_report
from tests.people import key_of
from tests.running import Person
from tests.security.victims import Victim, in_vault

BLOOD_TEST, LETTER = "blood-test.txt", "letter.txt"


@dataclass(frozen=True)
class Known:
    """What there is to forge with: both reports opened, and the owner's key where a forgery needs
    something that she once signed."""

    victim: Victim
    report: Report
    first: Report
    other: Report
    key: UnlockedKey
    people: People

    @property
    def owner(self) -> Certificate:
        return self.key.certificate


@dataclass(frozen=True)
class Forged:
    """A root, and the blocks that the real server does not have."""

    root: str
    blocks: tuple[Block, ...] = ()


Forgery = Callable[[Known], Forged]


def known_to(person: Person, victim: Victim) -> Known:
    """Open the reports once, while everybody behaves."""

    async def work(session: Session, index: IndexSync, reader: GatewayReader) -> Known:
        people = index.state.people(session.key.certificate)

        async def open_at(root: str) -> Report:
            return await read_from(read_report(CID.parse(root), session.key, people), reader)

        roots = [victim.cid(BLOOD_TEST), victim.first_root, victim.cid(LETTER)]
        report, first, other = await asyncio.gather(*[open_at(root) for root in roots])
        return Known(victim, report, first, other, session.key, people)

    return in_vault(person, work)


def eve() -> UnlockedKey:
    return key_of("eve@example.org")


# -- roots of reports ------------------------------------------------------------------------------


def another_report(known: Known) -> Forged:
    """MS-13: report B under A's id."""
    return Forged(known.victim.cid(LETTER))


def older_root(known: Known) -> Forged:
    """MS-14: what A was before its last change."""
    return Forged(known.victim.first_root)


def sibling_revision(known: Known) -> Forged:
    """MS-14: another revision 2 that she once signed on another device and that lost the race."""
    built = edit_report(
        known.first, key=known.key, people=known.people, created=_now(), title="Sibling"
    )
    return Forged(str(built.root.cid), built.blocks)


def eves_data(known: Known) -> Forged:
    """MS-15: a header and a payload of Eve's own as data.pgp, the true meta.pgp beside them."""
    session_key = make_session_key()
    header_block, header = leaf(make_header(session_key, [known.owner]))
    blocks, payload = seal_content(b"Haemoglobin 4.0 g/dl", session_key)
    node, data_file = join(header, payload)
    return _directory(data_file, known.report.encrypted.meta_file, header_block, *blocks, node)


def eves_data_under_one_header(known: Known) -> Forged:
    """MS-15: both packets in one header, so that the envelopes share it and either key opens."""
    session_key = make_session_key()
    packets = known.report.packets[0] + make_header(session_key, [known.owner])
    return _new_data(known, session_key, packets)


def payloads_exchanged(known: Known) -> Forged:
    """MS-16: data's payload in meta.pgp, meta's in data.pgp."""
    encrypted = known.report.encrypted
    data_node, data_file = join(encrypted.header, encrypted.meta)
    meta_node, meta_file = join(encrypted.header, encrypted.data)
    return _directory(data_file, meta_file, data_node, meta_node)


def meta_twice(known: Known) -> Forged:
    """MS-16: meta.pgp under both names."""
    meta_file = known.report.encrypted.meta_file
    return _directory(meta_file, meta_file)


def new_data_under_the_known_session_key(known: Known) -> Forged:
    """RC-01: by a reader, who knows the session key for ever."""
    blocks, payload = seal_content(b"Haemoglobin 4.0 g/dl", known.report.session_key)
    node, data_file = join(known.report.encrypted.header, payload)
    return _directory(data_file, known.report.encrypted.meta_file, *blocks, node)


def resigned_by_a_reader(known: Known) -> Forged:
    """RC-02: a later revision in the owner's name, signed by a reader."""
    meta = replace(known.report.meta, revision=3, title="Blood (corrected)", created=_now())
    note = sign_note(eve(), META_CONTEXT, meta.to_body())
    return _with_note(known, note)


def resigned_as_the_author(known: Known) -> Forged:
    """RC-02: a later revision by a reader in her own name, the owner left as she was."""
    meta = replace(
        known.report.meta,
        revision=3,
        author=eve().key_id,
        profession=None,
        created=_now(),
        origin=None,
    )
    return _with_note(known, sign_note(eve(), META_CONTEXT, meta.to_body()))


def taken_over(known: Known) -> Forged:
    """RC-02: a later revision that names another owner, who signs it rightly."""
    me = eve().key_id
    meta = replace(
        known.report.meta, revision=3, owner=me, author=me, subject=me, created=_now(), origin=None
    )
    return _with_note(known, sign_note(eve(), META_CONTEXT, meta.to_body()))


def note_of_another_context(known: Known) -> Forged:
    """SN-04: what she signed as something else."""
    meta = replace(known.report.meta, revision=3, created=_now())
    return _with_note(known, sign_note(known.key, "hygieia share 1", meta.to_body()))


# -- reports from strangers ------------------------------------------------------------------------


def strangers_report(known: Known) -> tuple[str, Forged]:
    """MS-18: Eve's own report, encrypted to the victim: its id and its root."""
    return _by_eve(known, owner=eve().key_id)


def forwarded_report(known: Known) -> tuple[str, Forged]:
    """RC-02: Eve writes a report that names the victim as its owner, without a right to."""
    return _by_eve(known, owner=known.key.key_id)


def _by_eve(known: Known, owner: str) -> tuple[str, Forged]:
    draft = Draft(
        title="You have won",
        file_name="prize.html",
        media_type="text/html",
        owner=owner,
        author=eve().key_id,
        subject=owner,
    )
    built = seal_report(draft, b"<script>", [known.owner], key=eve(), created=_now())
    return built.entry.id, Forged(built.entry.cid, built.blocks)


# -- pieces ----------------------------------------------------------------------------------------


def _with_note(known: Known, note: bytes) -> Forged:
    encrypted = known.report.encrypted
    blocks, payload = seal_content(note, known.report.session_key)
    node, meta_file = join(encrypted.header, payload)
    return _directory(encrypted.data_file, meta_file, *blocks, node)


def _new_data(known: Known, session_key: SessionKey, packets: bytes) -> Forged:
    header_block, header = leaf(packets)
    blocks, payload = seal_content(b"Haemoglobin 4.0 g/dl", session_key)
    data_node, data_file = join(header, payload)
    meta_node, meta_file = join(header, known.report.encrypted.meta)
    return _directory(data_file, meta_file, header_block, *blocks, data_node, meta_node)


def _directory(data_file: Built, meta_file: Built, *blocks: Block) -> Forged:
    block, root = directory([(DATA_NAME, data_file), (META_NAME, meta_file)])
    return Forged(str(root.cid), (*blocks, block))


def _now() -> str:
    return format_time(now())
