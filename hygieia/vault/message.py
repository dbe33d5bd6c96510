"""A note on its way to somebody's inbox: one envelope, one file node (docs/spec/17-delegations.md §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.ipld.block import Block
from hygieia.ipld.builder import Built, join
from hygieia.ipld.shapes import read_envelope
from hygieia.limits import MAX_NOTE_BYTES, TABLE_SEGMENT_FLOOR_BYTES
from hygieia.openpgp.envelope import open_small
from hygieia.openpgp.session_keys import make_session_key
from hygieia.vault.reading import Reading, fetch, read_payload
from hygieia.vault.report_build import make_header, seal_content

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hygieia.ipld.cid import CID
    from hygieia.openpgp.certificates import Certificate
    from hygieia.openpgp.keys import UnlockedKey

FLOOR_BYTES: Final = TABLE_SEGMENT_FLOOR_BYTES


@dataclass(frozen=True, slots=True)
class SealedMessage:
    """A message's blocks, the file node last, and that node."""

    root: Built
    blocks: tuple[Block, ...]


def seal_message(note: bytes, certificates: Iterable[Certificate]) -> SealedMessage:
    """Encrypt a signed note to each certificate, under a session key of its own.

    Raises ``CertificateRefused`` for one without a usable encryption key.
    """
    session_key = make_session_key()
    header = make_header(session_key, certificates)
    blocks, payload = seal_content(note, session_key, floor=FLOOR_BYTES)
    node, root = join(header.built, payload)
    return SealedMessage(root, (header.block, *blocks, node))


def read_message(root: CID, key: UnlockedKey) -> Reading[bytes]:
    """Read and decrypt the note of a message; whose it is, its signature tells.

    Raises ``DagRefused``, ``EnvelopeRefused``, ``LimitExceeded``, ``IntegrityError``.
    """
    [node] = yield from fetch([root])
    envelope = read_envelope(node.data)
    [header] = yield from fetch([envelope.header.cid])
    payload = yield from read_payload(envelope.payload, MAX_NOTE_BYTES)
    return open_small(header.data, payload, key, MAX_NOTE_BYTES).content
