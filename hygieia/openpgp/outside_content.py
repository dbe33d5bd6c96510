"""What is inside a message from outside: found, unpacked and bounded (RFC 9580 §10.3).

At most one Compressed packet, exactly one Literal packet, and signatures, which are counted and
named but never trusted: authorship comes from signed notes alone (docs/spec/04).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from hygieia.errors import EnvelopeRefused, LimitExceeded
from hygieia.limits import (
    MAX_DECOMPRESSED_BYTES,
    MAX_DECOMPRESSION_RATIO,
    MAX_INLINE_SIGNATURES,
    MAX_PACKETS_IN_MESSAGE,
    MAX_SIGNATURE_BYTES,
)
from hygieia.openpgp.decompression import Decompressor
from hygieia.openpgp.framing import PacketSplitter
from hygieia.openpgp.packets import Tag, read_length

if TYPE_CHECKING:
    from hygieia.openpgp.framing import BodyPiece

SKIPPED: Final = frozenset({Tag.MARKER, Tag.PADDING})
_SIGNATURES: Final = frozenset({Tag.SIGNATURE, Tag.ONE_PASS_SIGNATURE})
_MAX_LITERAL_START_BYTES: Final = 2 + 255 + 4


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """How much a message from outside may unfold to."""

    max_content_bytes: int = 1 << 40
    max_decompressed_bytes: int = MAX_DECOMPRESSED_BYTES
    max_decompression_ratio: int = MAX_DECOMPRESSION_RATIO


@dataclass(frozen=True, slots=True)
class InlineSignature:
    """A signature found in a message; **not verified**. ``issuer`` is what it claims, in hex."""

    issuer: str | None


@dataclass(frozen=True, slots=True)
class OutsideContent:
    """What was found around the content. All of it is the sender's claim."""

    content_bytes: int
    file_name: bytes
    compressed: bool
    signatures: tuple[InlineSignature, ...]


class OutsideContentReader:
    """Takes decrypted packets apart and writes the content to ``out``."""

    def __init__(self, out: BinaryIO, limits: ImportLimits) -> None:
        self._out = out
        self._limits = limits
        self._packets = PacketSplitter(legacy=True)
        self._unpacked = PacketSplitter(legacy=True)
        self._decompressor: Decompressor | None = None
        self._packet_count = 0
        self._literal_start: bytearray | None = None
        self._literal_ended = False
        self._content_bytes = 0
        self._file_name: bytes | None = None
        self._signature = bytearray()
        self._signatures: list[InlineSignature] = []

    def update(self, octets: bytes) -> None:
        """Take more decrypted octets.

        Raises:
            EnvelopeRefused: packets that a message does not hold, or in no order that it has.
            LimitExceeded: too many packets, signatures or decompressed octets.
        """
        for piece in self._packets.feed(octets):
            self._take(piece, packed=False)

    def finish(self) -> OutsideContent:
        """End the message; raises IntegrityError or EnvelopeRefused when it was not whole."""
        last = self._packets.finish()
        if last is not None:
            self._take(last, packed=False)
        if not self._literal_ended:
            raise EnvelopeRefused("The message holds no content.")
        return OutsideContent(
            self._content_bytes,
            self._file_name or b"",
            self._decompressor is not None,
            tuple(self._signatures),
        )

    def _take(self, piece: BodyPiece, *, packed: bool) -> None:
        if piece.starts:
            self._check_start(piece.tag, packed=packed)
        if piece.tag == Tag.LITERAL:
            self._take_literal(piece)
        elif piece.tag == Tag.COMPRESSED:
            self._take_compressed(piece)
        elif piece.tag in _SIGNATURES:
            self._take_signature(piece)

    def _check_start(self, tag: int, *, packed: bool) -> None:
        self._packet_count += 1
        if self._packet_count > MAX_PACKETS_IN_MESSAGE:
            raise LimitExceeded("The message holds too many packets.")
        if tag in SKIPPED or tag in _SIGNATURES:
            return
        first = self._literal_start is None and (self._decompressor is None or packed)
        if not first or tag not in {Tag.LITERAL, Tag.COMPRESSED}:
            raise EnvelopeRefused("The message holds something else than one content.")
        if tag == Tag.COMPRESSED and packed:
            raise EnvelopeRefused("The message is compressed twice.")

    def _take_compressed(self, piece: BodyPiece) -> None:
        octets = bytes(piece.octets)
        if self._decompressor is None and octets:
            self._decompressor = Decompressor(
                octets[0],
                max_bytes=self._limits.max_decompressed_bytes,
                max_ratio=self._limits.max_decompression_ratio,
            )
            octets = octets[1:]
        if self._decompressor is not None and octets:
            for unpacked in self._decompressor.update(octets):
                for inner in self._unpacked.feed(unpacked):
                    self._take(inner, packed=True)
        if piece.ends:
            self._end_compressed()

    def _end_compressed(self) -> None:
        if self._decompressor is None:
            raise EnvelopeRefused("The message is not compressed as it claims.")
        self._decompressor.finish()
        last = self._unpacked.finish()
        if last is not None:
            self._take(last, packed=True)

    def _take_literal(self, piece: BodyPiece) -> None:
        octets = piece.octets
        if self._file_name is None:
            start = bytes(self._literal_start or b"")
            joined = start + bytes(octets[: _MAX_LITERAL_START_BYTES - len(start)])
            used = 6 + joined[1] if len(joined) > 1 else 6
            if len(joined) < used:
                if piece.ends:
                    raise EnvelopeRefused("The content's label is cut short.")
                self._literal_start = bytearray(joined)
                return
            self._literal_start = bytearray(joined[:used])
            self._file_name = joined[2 : used - 4]
            octets = octets[used - len(start) :]
        self._content_bytes += len(octets)
        if self._content_bytes > self._limits.max_content_bytes:
            raise LimitExceeded("The content is longer than it may be.")
        self._out.write(octets)
        self._literal_ended = piece.ends

    def _take_signature(self, piece: BodyPiece) -> None:
        self._signature += piece.octets
        if len(self._signature) > MAX_SIGNATURE_BYTES:
            raise LimitExceeded("The message holds a signature that is too long.")
        if not piece.ends:
            return
        if piece.tag == Tag.SIGNATURE:
            self._signatures.append(InlineSignature(claimed_issuer(bytes(self._signature))))
        if len(self._signatures) > MAX_INLINE_SIGNATURES:
            raise LimitExceeded("The message holds too many signatures.")
        self._signature.clear()


def claimed_issuer(signature: bytes) -> str | None:
    """Who a signature packet's body says made it: fingerprint or key id in hex, or None.

    Issuer Fingerprint and Issuer Key ID subpackets (RFC 9580 §5.2.3.12, §5.2.3.35); nothing is
    verified.
    """
    if signature[:1] == b"\x03":
        return signature[7:15].hex() or None
    if signature[:1] not in {b"\x04", b"\x06"}:
        return None
    count_octets = 2 if signature[0] == 4 else 4
    found: dict[int, str] = {}
    offset = 4
    for _ in ("hashed", "unhashed"):
        size = int.from_bytes(signature[offset : offset + count_octets], "big")
        offset += count_octets
        found |= _issuers(signature[offset : offset + size])
        offset += size
    return found.get(33) or found.get(16)


def _issuers(area: bytes) -> dict[int, str]:
    found: dict[int, str] = {}
    offset = 0
    while (length := _subpacket_length(area, offset)) is not None:
        size, octets = length
        body = area[offset + octets : offset + octets + size]
        if body[:1] == b"\x21":
            found[33] = body[2:].hex()
        elif body[:1] == b"\x10":
            found[16] = body[1:].hex()
        offset += octets + size
    return found


def _subpacket_length(area: bytes, offset: int) -> tuple[int, int] | None:
    """Length of a subpacket and of its encoding: as packets', but never partial (§5.2.3.7)."""
    if offset < len(area) and 224 <= area[offset] < 255 and offset + 1 < len(area):
        return ((area[offset] - 192) << 8) + area[offset + 1] + 192, 2
    length = read_length(area, offset)
    if length is None or length.body_bytes is None:
        return None
    return length.body_bytes, length.octets
