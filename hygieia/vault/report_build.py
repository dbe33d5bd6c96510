"""Making a report: plaintext in, blocks out (docs/spec/12-report.md §2-5).

Two envelopes under one session key share one header leaf. Nothing here touches a file or a
network: a caller feeds pieces, sends the blocks that come back, and gets root and index entry at
the end. A long content goes through ``PayloadWriter`` and ``FileBuilder``, as many threads as the
caller likes, and then ``finish_report``; a short one through ``seal_report``.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hygieia.errors import InvalidInput, LimitExceeded
from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, FileBuilder, directory, join, leaf
from hygieia.ipld.shapes import DATA_NAME, META_NAME
from hygieia.limits import MAX_NOTE_BYTES, MAX_PKESKS
from hygieia.openpgp.packets import pkesk_digest
from hygieia.openpgp.payload import encrypt_bytes, make_salt
from hygieia.openpgp.session_keys import SessionKey, make_session_key, wrap
from hygieia.openpgp.signing import sign_note
from hygieia.vault import words
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_meta import META_CONTEXT, Draft, ReportMeta

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hygieia.openpgp.certificates import Certificate
    from hygieia.openpgp.keys import UnlockedKey

_SHUFFLE: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class ReportSecrets:
    """What encrypting a report's content again must be given to yield the same blocks.

    A client keeps them sealed while an upload is under way and drops them after (docs/spec/12 §6).
    They belong to one content: give another one and two plaintexts share a nonce.
    """

    session_key: SessionKey
    salt: bytes

    @classmethod
    def make(cls) -> ReportSecrets:
        """New random secrets for one content."""
        return cls(make_session_key(), make_salt())


@dataclass(frozen=True, slots=True)
class Revision:
    """Which revision is being made, of which report, and what came before."""

    id: str
    number: int = 1
    previous: str | None = None
    origin: Mapping[str, Any] | None = None

    @classmethod
    def first(cls, report_id: str | None = None) -> Revision:
        """Revision 1 of a new report."""
        return cls(report_id or words.make_id())


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whose packet in a header is which; ``pkesk`` is the packet's digest."""

    key: str
    pkesk: str


@dataclass(frozen=True, slots=True)
class Header:
    """A recipients header as one leaf, shared by both of a report's envelopes."""

    block: Block
    built: Built
    recipients: tuple[Recipient, ...] = ()


@dataclass(frozen=True, slots=True)
class SealedData:
    """An encrypted content: where its payload is, and what its plaintext was."""

    payload: Built
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BuiltReport:
    """A finished revision. ``blocks`` are those not handed out before, the root last."""

    root: Built
    blocks: tuple[Block, ...]
    meta: ReportMeta
    note: bytes = field(repr=False)
    entry: ReportEntry
    recipients: tuple[Recipient, ...]


def make_header(session_key: SessionKey, certificates: Iterable[Certificate]) -> Header:
    """Wrap ``session_key`` to each certificate once, in random order.

    Raises ``CertificateRefused`` for one without a usable encryption key, ``LimitExceeded`` above
    1,024 recipients.
    """
    people = {certificate.key_id: certificate for certificate in certificates}
    if not people:
        raise InvalidInput("A report needs a recipient.")
    if len(people) > MAX_PKESKS:
        raise LimitExceeded(f"A report has at most {MAX_PKESKS} recipients.")
    packets = [(key_id, wrap(session_key, certificate)) for key_id, certificate in people.items()]
    _SHUFFLE.shuffle(packets)
    block, built = leaf(b"".join(packet for _, packet in packets))
    recipients = tuple(Recipient(key_id, pkesk_digest(packet)) for key_id, packet in packets)
    return Header(block, built, recipients)


def finish_report(
    draft: Draft,
    revision: Revision,
    data: SealedData,
    header: Header,
    *,
    session_key: SessionKey,
    key: UnlockedKey,
    created: str,
) -> BuiltReport:
    """Sign the meta, encrypt it under a fresh salt and tie both envelopes together.

    ``blocks`` of the result: header leaf, meta's payload, the two file nodes, the directory.
    ``created`` is the note's time. Raises ``InvalidInput`` for an impossible title or name.
    """
    draft.check()
    if draft.author != key.key_id:
        raise InvalidInput("A report is signed by its author.")
    meta = _meta(draft, revision, data, created)
    note = sign_note(key, META_CONTEXT, meta.to_body())
    if len(note) > MAX_NOTE_BYTES:
        raise LimitExceeded("A report's note is longer than it may be.")
    return assemble(meta, note, data.payload, header, session_key)


def assemble(
    meta: ReportMeta, note: bytes, data_payload: Built, header: Header, session_key: SessionKey
) -> BuiltReport:
    """Encrypt a signed meta under a fresh salt and build the report's directory around it."""
    blocks, meta_payload = seal_content(note, session_key)
    data_block, data_file = join(header.built, data_payload)
    meta_block, meta_file = join(header.built, meta_payload)
    root_block, root = directory([(DATA_NAME, data_file), (META_NAME, meta_file)])
    return BuiltReport(
        root=root,
        blocks=(header.block, *blocks, data_block, meta_block, root_block),
        meta=meta,
        note=note,
        entry=ReportEntry.of(meta, cid=str(root.cid), meta_payload_cid=str(meta_payload.cid)),
        recipients=header.recipients,
    )


def seal_report(
    draft: Draft,
    content: bytes,
    recipients: Iterable[Certificate],
    *,
    key: UnlockedKey,
    created: str,
    revision: Revision | None = None,
    secrets: ReportSecrets | None = None,
) -> BuiltReport:
    """Make a whole report out of a short content; ``blocks`` are all of them, the root last."""
    secrets = secrets or ReportSecrets.make()
    header = make_header(secrets.session_key, recipients)
    blocks, payload = seal_content(content, secrets.session_key, salt=secrets.salt)
    data = SealedData(payload, len(content), hashlib.sha256(content).hexdigest())
    built = finish_report(
        draft,
        revision or Revision.first(),
        data,
        header,
        session_key=secrets.session_key,
        key=key,
        created=created,
    )
    return BuiltReport(
        built.root, (*blocks, *built.blocks), built.meta, built.note, built.entry, built.recipients
    )


def seal_content(
    content: bytes, session_key: SessionKey, *, floor: int = 0, salt: bytes | None = None
) -> tuple[list[Block], Built]:
    """Encrypt ``content`` as one payload; its blocks and its root. Fresh salt unless given."""
    builder = FileBuilder()
    blocks = builder.update(encrypt_bytes(content, session_key, floor, salt=salt))
    rest, built = builder.finish()
    return blocks + rest, built


def origin_of(note: bytes, meta: ReportMeta) -> Mapping[str, Any]:
    """What the next revision with the same content carries as ``origin``, verbatim."""
    if meta.origin is not None:
        return meta.origin
    origin: dict[str, Any] = json.loads(note)
    return origin


def _meta(draft: Draft, revision: Revision, data: SealedData, created: str) -> ReportMeta:
    return ReportMeta(
        id=revision.id,
        kind=draft.kind,
        owner=draft.owner,
        subject=draft.subject,
        author=draft.author,
        profession=draft.profession,
        revision=revision.number,
        previous=revision.previous,
        title=draft.title,
        file_name=draft.file_name,
        media_type=draft.media_type,
        size_bytes=data.size_bytes,
        sha256=data.sha256,
        data_payload_cid=str(data.payload.cid),
        category=draft.category,
        links=draft.links,
        created=created,
        origin=revision.origin,
        extra=draft.extra,
    )
