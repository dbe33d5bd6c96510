"""Opening a report and judging what it says (docs/spec/12-report.md §7).

State is in the types: an ``EncryptedReport`` has the right shape and nothing more; a ``Report``
has a meta whose signature was looked at, and carries the verdict; content is only released
through ``ContentReader``, which compares it with the signed meta before it ends.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from hygieia.errors import MetaMismatch, NoteRefused, Rollback
from hygieia.ipld.builder import Built
from hygieia.ipld.cid import CID
from hygieia.ipld.shapes import ReportNode, read_envelope, read_report
from hygieia.ipld.unixfs import Child
from hygieia.ipld.walk import Part, payload_part
from hygieia.limits import MAX_NOTE_BYTES
from hygieia.openpgp.certificates import CLOCK_SKEW
from hygieia.openpgp.envelope import open_small
from hygieia.openpgp.notes import Note, Verdict, parse_note, read_note
from hygieia.openpgp.packets import parse_header_leaf
from hygieia.openpgp.payload import PayloadReader, decrypt_bytes
from hygieia.openpgp.session_keys import SessionKey
from hygieia.openpgp.times import now
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_meta import META_CONTEXT, ReportMeta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hygieia.ipld.block import Block
    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.vault.people import People


class Ownership(StrEnum):
    """Whether the owner named in a meta has herself signed that the report is hers."""

    CONFIRMED = "confirmed"
    CLAIMED = "claimed"


class UploadRight(Protocol):
    """The owner's judgement of someone else's upload for her."""

    def __call__(self, author: str, meta: ReportMeta, /) -> bool:
        """Whether ``author`` held her right to upload when ``meta`` was made."""


@dataclass(frozen=True, slots=True)
class EncryptedReport:
    """A report's structure, read from its three nodes: nothing is decrypted.

    ``data`` and ``meta`` are the payloads' roots with their sizes, ``header`` the leaf both
    envelopes share; the ``…_file`` are the file nodes as the directory links them.
    """

    root: CID
    header: Built
    data: Built
    meta: Built
    data_file: Built
    meta_file: Built

    @classmethod
    def read(cls, root: Block, data_node: Block, meta_node: Block) -> EncryptedReport:
        """Read the three nodes, already verified against their CIDs. Raises ``DagRefused``."""
        links = read_report(root.data)
        if (data_node.cid, meta_node.cid) != (links.data.cid, links.meta.cid):
            raise MetaMismatch("The blocks given are not those that the report names.")
        data = read_envelope(data_node.data, links.data)
        meta = read_envelope(meta_node.data, links.meta)
        if data.header != meta.header:
            raise MetaMismatch("The report's two envelopes do not share one header.")
        return cls(
            root=root.cid,
            header=_built(data.header.cid, data.header.size_bytes, data.header.tsize),
            data=_built(data.payload.cid, data.payload.size_bytes, data.payload.tsize),
            meta=_built(meta.payload.cid, meta.payload.size_bytes, meta.payload.tsize),
            data_file=_built(links.data.cid, data.size_bytes, data.tsize),
            meta_file=_built(links.meta.cid, meta.size_bytes, meta.tsize),
        )

    @property
    def content(self) -> Part:
        """Where a walk over the content's ciphertext starts (``FileWalk``)."""
        return payload_part(Child(self.data.cid, self.data.size_bytes, self.data.tsize))

    @staticmethod
    def nodes(root: Block) -> ReportNode:
        """The two nodes to get next. Raises ``DagRefused``."""
        return read_report(root.data)


def _built(cid: CID, size_bytes: int, tsize: int) -> Built:
    return Built(cid, size_bytes, tsize)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the caller already knows, so that a server cannot answer with something else.

    ``id``: which report was asked for. ``entry``: what the index says about it. ``upload_right``
    judges an author who is not the owner; None where only the signature is judged, because the
    right was judged when the report was entered or is the owner's to judge.
    """

    id: str | None = None
    entry: ReportEntry | None = None
    upload_right: UploadRight | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report whose meta has been opened and judged.

    ``verdict`` says what became of the author's signature (a stranger's cannot be verified, and
    whoever shows the report has to say so), ``origin`` the meta of the revision that introduced
    the content with ``origin_verdict``, None when it is this one.
    """

    encrypted: EncryptedReport
    meta: ReportMeta
    note: bytes = field(repr=False)
    verdict: Verdict
    ownership: Ownership
    session_key: SessionKey
    packets: tuple[bytes, ...]
    own_packet: bytes | None
    origin: ReportMeta | None = None
    origin_verdict: Verdict | None = None


def open_report(
    encrypted: EncryptedReport,
    header_leaf: bytes,
    meta_payload: bytes,
    key: UnlockedKey | SessionKey,
    people: People,
    expected: Expected | None = None,
) -> Report:
    """Open a report's meta and judge it against what is known.

    ``header_leaf`` and ``meta_payload`` are the bytes of ``encrypted.header`` and
    ``encrypted.meta``, verified block by block.

    Raises:
        EnvelopeRefused: not an envelope, or ``key`` is not among its recipients.
        NoteRefused: no valid note of a report, or its author may not have made it.
        MetaMismatch: the note speaks of another report or of other content.
        Rollback: an older revision than the known one, or an equal one with other content.
    """
    expected = expected or Expected()
    packets = parse_header_leaf(header_leaf)
    note_bytes, session_key, own_packet = _decrypt_meta(header_leaf, meta_payload, key)
    note = parse_note(note_bytes, META_CONTEXT)
    meta = ReportMeta.from_body(note.body)
    _check_binding(meta, encrypted, expected)
    verdict = judge(note, meta.author, people)
    _check_author(meta, people, expected)
    _refuse_former_key(meta, verdict, people, expected)
    origin, origin_verdict = _open_origin(meta, people)
    return Report(
        encrypted=encrypted,
        meta=meta,
        note=note_bytes,
        verdict=verdict,
        ownership=_ownership(meta, verdict, people),
        session_key=session_key,
        packets=packets,
        own_packet=own_packet,
        origin=origin,
        origin_verdict=origin_verdict,
    )


def judge(note: Note, signer: str, people: People) -> Verdict:
    """The verdict on ``note`` by ``signer``, who may be a stranger. Raises ``NoteRefused``."""
    if people.certificate(signer) is None:
        return Verdict.UNKNOWN_SIGNER
    verdict = people.judge(note, signer)
    if verdict is Verdict.INVALID and note.created > now() + CLOCK_SKEW:
        raise NoteRefused(
            "The report's note is of a time to come: this clock is behind, or its author's ahead.",
            is_early=True,
        )
    if verdict in (Verdict.INVALID, Verdict.UNKNOWN_SIGNER):
        raise NoteRefused("The report's note is not signed by the author it names.")
    return verdict


def _decrypt_meta(
    header_leaf: bytes, payload: bytes, key: UnlockedKey | SessionKey
) -> tuple[bytes, SessionKey, bytes | None]:
    if isinstance(key, SessionKey):
        return decrypt_bytes(payload, key, MAX_NOTE_BYTES), key, None
    opened = open_small(header_leaf, payload, key, MAX_NOTE_BYTES)
    return opened.content, opened.session_key, opened.packet


def _check_binding(meta: ReportMeta, encrypted: EncryptedReport, expected: Expected) -> None:
    entry = expected.entry
    wanted = entry.id if entry is not None else expected.id
    if wanted is not None and meta.id != wanted:
        raise MetaMismatch("What was served is another report than the one asked for.")
    if meta.data_payload_cid != str(encrypted.data.cid):
        raise MetaMismatch("The report's content is not the one that its note names.")
    if entry is None:
        return
    if meta.revision < entry.revision:
        raise Rollback(
            f"What was served is revision {meta.revision} of the report; "
            f"revision {entry.revision} is known."
        )
    payloads = (str(encrypted.data.cid), str(encrypted.meta.cid))
    same = payloads == (entry.data_payload_cid, entry.meta_payload_cid)
    if meta.revision == entry.revision and not same:
        raise Rollback(f"What was served is another revision {meta.revision} than the known one.")


def _check_author(meta: ReportMeta, people: People, expected: Expected) -> None:
    """docs/spec/12: the owner, or at revision 1 someone with her delegation to upload."""
    entry = expected.entry
    if entry is not None and not people.same(meta.owner, entry.owner):
        raise NoteRefused("The report's note names another owner than the known one.")
    if people.same(meta.author, meta.owner):
        return
    if meta.revision > 1:
        raise NoteRefused("A later revision of the report is not signed by its owner.")
    if expected.upload_right is not None and not expected.upload_right(meta.author, meta):
        raise NoteRefused("The report's author had no right to upload for its owner.")


def _refuse_former_key(
    meta: ReportMeta, verdict: Verdict, people: People, expected: Expected
) -> None:
    """A key that its person no longer has makes no later revision (docs/spec/19 §6)."""
    entry = expected.entry
    later = entry is not None and meta.revision > entry.revision
    if later and verdict is Verdict.CHANGED_KEY and people.is_former(meta.author):
        raise NoteRefused("A later revision of the report is signed by a key that was given up.")


def _ownership(meta: ReportMeta, verdict: Verdict, people: People) -> Ownership:
    if people.is_me(meta.owner):
        return Ownership.CONFIRMED
    signed = verdict is Verdict.VALID and people.same(meta.author, meta.owner)
    return Ownership.CONFIRMED if signed else Ownership.CLAIMED


def _open_origin(meta: ReportMeta, people: People) -> tuple[ReportMeta | None, Verdict | None]:
    """Check the note that introduced the content, which a later revision carries verbatim."""
    if meta.origin is None:
        return None, None
    note = _read_carried(meta.origin)
    origin = ReportMeta.from_body(note.body)
    agrees = (
        origin.id == meta.id
        and origin.sha256 == meta.sha256
        and origin.size_bytes == meta.size_bytes
        and people.same(origin.owner, meta.owner)
    )
    if not agrees:
        raise MetaMismatch("The report carries an origin that is another report's.")
    if origin.revision >= meta.revision or origin.origin is not None:
        raise NoteRefused("The report carries an origin that is not an earlier revision.")
    if origin.revision > 1 and not people.same(origin.author, origin.owner):
        raise NoteRefused("The report carries an origin that only its owner could have made.")
    return origin, judge(note, origin.author, people)


def _read_carried(carried: Mapping[str, Any]) -> Note:
    text, signature = carried.get("note"), carried.get("signature")
    if len(carried) != 2 or not isinstance(text, str) or not isinstance(signature, str):
        raise NoteRefused("The report carries an origin that is no note.")
    return read_note(text, signature, META_CONTEXT)


class ContentReader:
    """Decrypts ``data.pgp``'s payload and holds it against the signed size and digest.

    What ``update`` returns goes to a temporary name; only after ``finish`` may it be renamed.
    """

    def __init__(self, report: Report) -> None:
        self._reader = PayloadReader(report.session_key)
        self._meta = report.meta
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def update(self, cipher: bytes | bytearray | memoryview) -> list[memoryview]:
        """Take more of the payload; the authenticated content. Raises ``IntegrityError``."""
        return self._count(self._reader.update(cipher))

    def finish(self) -> list[memoryview]:
        """The rest of the content, complete now.

        Raises ``IntegrityError`` if it is cut short, ``MetaMismatch`` if it is not what was signed.
        """
        rest = self._count(self._reader.finish())
        same = hmac.compare_digest(self._digest.hexdigest(), self._meta.sha256)
        if self._size_bytes != self._meta.size_bytes or not same:
            raise MetaMismatch("The content is not the one that the report's author signed.")
        return rest

    def _count(self, pieces: list[memoryview]) -> list[memoryview]:
        for piece in pieces:
            self._digest.update(piece)
            self._size_bytes += len(piece)
        if self._size_bytes > self._meta.size_bytes:
            raise MetaMismatch("The content is longer than what the report's author signed.")
        return pieces
