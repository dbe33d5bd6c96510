"""Envelopes: who may read (the recipients header) before what they read (the payload).

docs/spec/04. The header changes when readers are added or dropped; the payload's octets, hence its
CID, do not. Both parts together are one OpenPGP message (RFC 9580 §10.3).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from hygieia.errors import EnvelopeRefused, IntegrityError, InvalidInput
from hygieia.limits import AEAD_CHUNK_BYTES, CHUNK_BYTES, MAX_HEADER_BYTES
from hygieia.openpgp.packets import parse_header_leaf, pkesk_digest, split_header
from hygieia.openpgp.payload import PayloadReader, decrypt_bytes
from hygieia.openpgp.session_keys import SessionKey, unwrap_each, wrap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from hygieia.openpgp.certificates import Certificate
    from hygieia.openpgp.keys import UnlockedKey

_OPENING_BYTES: Final = MAX_HEADER_BYTES + AEAD_CHUNK_BYTES + 1024
"""Enough of an envelope to hold its whole header and the payload's first chunk."""


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """A new recipients header, and the digests of the packets added, in the order asked for."""

    octets: bytes
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A small envelope's content, its session key and the PKESK packet that gave it."""

    content: bytes = field(repr=False)
    session_key: SessionKey
    packet: bytes = field(repr=False)


def make_header(session_key: SessionKey, certificates: Iterable[Certificate]) -> bytes:
    """Wrap ``session_key`` to each certificate: the recipients header, in random order.

    Raises:
        CertificateRefused: a certificate may not be encrypted to.
        LimitExceeded: more recipients than a header holds.
    """
    return _join([wrap(session_key, certificate) for certificate in certificates])


def rewrap(
    header: bytes,
    session_key: SessionKey,
    *,
    add: Sequence[Certificate] = (),
    drop: Collection[str] = (),
) -> Rewrapped:
    """Add readers and drop packets by digest; the other packets stay byte for byte.

    ``session_key`` is the one that ``header`` wraps: the caller has opened it. The order is random
    again, so that a packet's place tells nothing about when it came.

    Raises:
        InvalidInput: a digest to drop is not in the header.
        CertificateRefused: a certificate may not be encrypted to.
        EnvelopeRefused: ``header`` is malformed, or nobody could read the result.
        LimitExceeded: more recipients than a header holds.
    """
    packets = {pkesk_digest(packet): packet for packet in parse_header_leaf(header)}
    for digest in drop:
        if packets.pop(digest, None) is None:
            raise InvalidInput("The recipients header does not hold the packet to be dropped.")
    added = [wrap(session_key, certificate) for certificate in add]
    octets = _join([*packets.values(), *added])
    return Rewrapped(octets, tuple(pkesk_digest(packet) for packet in added))


def _join(packets: list[bytes]) -> bytes:
    secrets.SystemRandom().shuffle(packets)
    header = b"".join(packets)
    parse_header_leaf(header)
    return header


def open_small(header: bytes, payload: bytes, key: UnlockedKey, max_bytes: int) -> Opened:
    """Open an envelope held in memory with a secret key.

    Anyone who has the certificate can slip in a packet that opens to another session key, so each
    packet that the key opens is tried until the payload verifies.

    Raises:
        EnvelopeRefused: the key is not among the recipients, or this is no envelope.
        IntegrityError: the payload does not verify.
        LimitExceeded: the content is longer than ``max_bytes``, or the header too long.
    """
    refusal: IntegrityError = EnvelopeRefused("This key is not among the recipients.")
    for candidate in unwrap_each(parse_header_leaf(header), key):
        try:
            content = decrypt_bytes(payload, candidate.session_key, max_bytes)
        except IntegrityError as error:
            refusal = error
        else:
            return Opened(content, candidate.session_key, candidate.packet)
    raise refusal


class EnvelopeReader:
    """Opens one envelope from a stream of octets, with a secret key or its session key.

    What it returns is authentic, but complete only once :meth:`finish` has returned.

    Public, as is ``open_envelope``: for programs that have a whole ``data.pgp`` in hand
    (docs/spec/04-envelope.md §2-3, vectors ``envelopes``). Our clients have the header first.
    """

    def __init__(self, key: UnlockedKey | SessionKey) -> None:
        self._key = key
        self._start = bytearray()
        self._payload: PayloadReader | None = None

    def update(self, data: bytes | bytearray | memoryview) -> list[memoryview]:
        """Take more octets; the content that is authentic by now. Errors as :meth:`finish`."""
        if self._payload is not None:
            return self._payload.update(data)
        self._start += data
        if len(self._start) < _OPENING_BYTES:
            return []
        return self._begin()

    def finish(self) -> list[memoryview]:
        """End the envelope; the rest of the content.

        Raises:
            EnvelopeRefused: not an envelope, or the key is not among its recipients.
            LimitExceeded: the recipients header is too long.
            IntegrityError: altered or cut short.
        """
        if self._payload is None:
            return self._begin(whole=True)
        return self._payload.finish()

    def _begin(self, *, whole: bool = False) -> list[memoryview]:
        """Find the session key that opens the payload's first chunk, or all of a short one."""
        start = bytes(self._start)
        self._start.clear()
        packets, offset = split_header(start)
        refusal: IntegrityError = EnvelopeRefused("This key is not among the recipients.")
        for session_key in self._candidates(packets):
            self._payload = PayloadReader(session_key)
            try:
                content = self._payload.update(start[offset:])
                return content + (self._payload.finish() if whole else [])
            except IntegrityError as error:
                refusal = error
        raise refusal

    def _candidates(self, packets: tuple[bytes, ...]) -> Iterator[SessionKey]:
        if isinstance(self._key, SessionKey):
            yield self._key
            return
        for unwrapped in unwrap_each(packets, self._key):
            yield unwrapped.session_key


def open_envelope(source: BinaryIO, key: UnlockedKey | SessionKey) -> Iterator[memoryview]:
    """Yield the content of the envelope in ``source``; it is complete when the generator ends.

    Raises:
        IntegrityError: as :meth:`EnvelopeReader.finish`; discard what was yielded before.
    """
    reader = EnvelopeReader(key)
    while data := source.read(CHUNK_BYTES):
        yield from reader.update(data)
    yield from reader.finish()
