"""What anyone may check about a vault object without a key: packet headers, PKESKs, payload start.

Public only: the server imports this module. docs/spec/04; RFC 9580 §4.2 (packet headers), §5.1.2
(PKESK version 6), §5.13.2 (SEIPD version 2). Bytes come from strangers: each length is checked
before it is used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from hygieia.errors import EnvelopeRefused, LimitExceeded
from hygieia.limits import AEAD_CHUNK_OCTET, MAX_HEADER_BYTES, MAX_PKESKS


class Tag(IntEnum):
    """Packet types of RFC 9580 §5 that a message may hold."""

    PKESK = 1
    SIGNATURE = 2
    SKESK = 3
    ONE_PASS_SIGNATURE = 4
    COMPRESSED = 8
    SED = 9
    MARKER = 10
    LITERAL = 11
    SEIPD = 18
    PADDING = 21


DATA_TAGS: Final = frozenset({Tag.COMPRESSED, Tag.SED, Tag.LITERAL, Tag.SEIPD})
"""The only packets whose length may be partial (RFC 9580 §4.2.1.4)."""

MIN_FIRST_PARTIAL_BYTES: Final = 512
ECDH: Final = 18
AES_256: Final = 9
GCM: Final = 3

ANONYMOUS_ECDH_V6: Final = bytes([6, 0, ECDH])
"""How every PKESK body of a vault object begins: version 6, no recipient, ECDH (docs/spec/04)."""

_POINT_MPI: Final = b"\x01\x07\x40"  # 263 bits, prefix 0x40: a native Curve25519 point follows
_WRAPPED_KEY_BYTES: Final = 48  # AES key wrap of 40: session key, checksum, padding
_PKESK_BODY_BYTES: Final = 3 + 3 + 32 + 1 + _WRAPPED_KEY_BYTES

SEIPD_START: Final = bytes([2, AES_256, GCM, AEAD_CHUNK_OCTET])
"""How every payload's body begins: SEIPD version 2, AES-256, GCM, 256 KiB chunks (docs/spec/04)."""
SALT_BYTES: Final = 32
AEAD_TAG_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class BodyLength:
    """A packet body's length, or that of its next part; ``octets`` is how long its encoding was.

    ``body_bytes`` is None for the indeterminate length of the legacy format.
    """

    body_bytes: int | None
    partial: bool
    octets: int


@dataclass(frozen=True, slots=True)
class PacketHeader:
    """A packet's type and first length. ``octets`` counts the whole header."""

    tag: int
    legacy: bool
    length: BodyLength
    octets: int


def write_length(body_bytes: int) -> bytes:
    """Encode a definite body length as shortly as possible (RFC 9580 §4.2.1)."""
    if body_bytes < 192:
        return bytes([body_bytes])
    if body_bytes < 8384:
        return (body_bytes - 192 + 0xC000).to_bytes(2, "big")
    return b"\xff" + body_bytes.to_bytes(4, "big")


def write_header(tag: int, body_bytes: int) -> bytes:
    """Encode the header of a packet whose length is known (RFC 9580 §4.2)."""
    return bytes([0xC0 | tag]) + write_length(body_bytes)


def read_length(data: bytes | memoryview, offset: int = 0) -> BodyLength | None:
    """Decode the length at ``offset``; None when it is cut short (RFC 9580 §4.2.1)."""
    if offset >= len(data):
        return None
    first = data[offset]
    if first < 192:
        return BodyLength(first, partial=False, octets=1)
    if first < 224:
        if offset + 2 > len(data):
            return None
        return BodyLength(((first - 192) << 8) + data[offset + 1] + 192, partial=False, octets=2)
    if first < 255:
        return BodyLength(1 << (first & 31), partial=True, octets=1)
    if offset + 5 > len(data):
        return None
    value = int.from_bytes(data[offset + 1 : offset + 5], "big")
    return BodyLength(value, partial=False, octets=5)


def _read_legacy_length(kind: int, data: bytes | memoryview, offset: int) -> BodyLength | None:
    """Decode a length of the legacy format (RFC 9580 §4.2.2)."""
    if kind == 3:
        return BodyLength(None, partial=False, octets=0)
    octets = 1 << kind
    if offset + octets > len(data):
        return None
    value = int.from_bytes(data[offset : offset + octets], "big")
    return BodyLength(value, partial=False, octets=octets)


def read_header(data: bytes | memoryview, offset: int = 0) -> PacketHeader | None:
    """Decode the packet header at ``offset``; None when more bytes are needed.

    Raises:
        EnvelopeRefused: these bytes start no packet, or a partial length stands where RFC 9580
            §4.2.1.4 forbids one.
    """
    if offset >= len(data):
        return None
    first = data[offset]
    if not first & 0x80:
        raise EnvelopeRefused("These bytes are not an OpenPGP packet.")
    legacy = not first & 0x40
    if legacy:
        tag = (first >> 2) & 15
        length = _read_legacy_length(first & 3, data, offset + 1)
    else:
        tag = first & 63
        length = read_length(data, offset + 1)
    if length is None:
        return None
    if length.partial:
        _check_first_partial(tag, length)
    return PacketHeader(tag, legacy, length, 1 + length.octets)


def _check_first_partial(tag: int, length: BodyLength) -> None:
    if tag not in DATA_TAGS:
        raise EnvelopeRefused("A packet that carries no data has a partial length.")
    if length.body_bytes is not None and length.body_bytes < MIN_FIRST_PARTIAL_BYTES:
        raise EnvelopeRefused("The first partial length of a packet is too short.")


def parse_header_leaf(leaf: bytes | memoryview) -> tuple[bytes, ...]:
    """Take a recipients header apart into its PKESK packets, tag and length octets included.

    Vault objects only (docs/spec/04): every packet is a PKESK version 6, anonymous, X25519 ECDH,
    with a definite length; at least one, at most ``MAX_PKESKS`` in ``MAX_HEADER_BYTES``.

    Raises:
        LimitExceeded: too many packets or bytes.
        EnvelopeRefused: anything else stands here.
    """
    if len(leaf) > MAX_HEADER_BYTES:
        raise LimitExceeded("The recipients header is too long.")
    packets: list[bytes] = []
    offset = 0
    while offset < len(leaf):
        if len(packets) == MAX_PKESKS:
            raise LimitExceeded("The recipients header names too many recipients.")
        end = _pkesk_end(leaf, offset)
        packets.append(bytes(leaf[offset:end]))
        offset = end
    if not packets:
        raise EnvelopeRefused("The recipients header is empty.")
    return tuple(packets)


def split_header(data: bytes | memoryview) -> tuple[tuple[bytes, ...], int]:
    """Split an envelope's first bytes into PKESK packets and the offset of its payload.

    The rules are those of :func:`parse_header_leaf`. ``data`` holds the whole header and at least
    the first octet of the payload.

    Raises:
        LimitExceeded: too many packets or bytes.
        EnvelopeRefused: not a header followed by a SEIPD packet.
    """
    seipd = 0xC0 | Tag.SEIPD
    offset = 0
    while offset < len(data) and data[offset] != seipd:
        if offset > MAX_HEADER_BYTES:
            raise LimitExceeded("The recipients header is too long.")
        offset = _pkesk_end(data, offset)
    if offset >= len(data):
        raise EnvelopeRefused("The envelope has no payload.")
    return parse_header_leaf(data[:offset]), offset


def _pkesk_end(data: bytes | memoryview, offset: int) -> int:
    """Check the PKESK packet at ``offset`` and return where it ends."""
    header = read_header(data, offset)
    if header is None:
        raise EnvelopeRefused("The recipients header is cut short.")
    if header.tag != Tag.PKESK or header.legacy:
        raise EnvelopeRefused("The recipients header holds something else than recipients.")
    start = offset + header.octets
    body = bytes(data[start : start + _PKESK_BODY_BYTES])
    well_formed = (
        header.length.body_bytes == len(body) == _PKESK_BODY_BYTES
        and body.startswith(ANONYMOUS_ECDH_V6 + _POINT_MPI)
        and body[38] == _WRAPPED_KEY_BYTES
    )
    if not well_formed:
        raise EnvelopeRefused("A recipient is not an anonymous version 6 X25519 packet.")
    return start + _PKESK_BODY_BYTES


def check_payload_start(first: bytes | memoryview) -> None:
    """Check that ``first``, a payload's first leaf, begins the SEIPD packet of docs/spec/04.

    Raises:
        EnvelopeRefused: plaintext, SEIPD version 1, another cipher, mode or chunk size, or a
            packet too short to hold even an empty message.
    """
    header = read_header(first)
    if header is None or header.tag != Tag.SEIPD or header.legacy:
        raise EnvelopeRefused("This is not an encrypted payload.")
    start = header.octets
    shortest = len(SEIPD_START) + SALT_BYTES + AEAD_TAG_BYTES
    body_bytes = header.length.body_bytes
    if len(first) - start < shortest or body_bytes is None or body_bytes < shortest:
        raise EnvelopeRefused("The payload is cut short.")
    if bytes(first[start : start + len(SEIPD_START)]) != SEIPD_START:
        raise EnvelopeRefused("The payload is not encrypted as the vault's format demands.")


def pkesk_digest(packet: bytes) -> str:
    """SHA-256 of one PKESK packet, tag and length octets included, 64 hex digits (docs/spec/04 §2)."""
    return hashlib.sha256(packet).hexdigest()


def pkesk_fields(packet: bytes) -> bytes:
    """The ECDH fields of one packet that :func:`parse_header_leaf` returned (RFC 9580 §5.1.5)."""
    return packet[len(ANONYMOUS_ECDH_V6) - _PKESK_BODY_BYTES :]
