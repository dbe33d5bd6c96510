"""Packets of certificates and keys: framing, MPIs and the two algorithms accepted.

RFC 9580 §4.2 (packet headers), §3.2 (multiprecision integers), §5.5 (key packets). Only the v4
algorithms of docs/spec/03 are read: Ed25519 as EdDSALegacy (22) and Curve25519 ECDH (18).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from hygieia.errors import CertificateRefused

TAG_SIGNATURE: Final = 2
TAG_SECRET_KEY: Final = 5
TAG_PUBLIC_KEY: Final = 6
TAG_SECRET_SUBKEY: Final = 7
TAG_USER_ID: Final = 13
TAG_PUBLIC_SUBKEY: Final = 14
TAG_USER_ATTRIBUTE: Final = 17

ALGORITHM_ECDH: Final = 18
ALGORITHM_EDDSA: Final = 22

POINT_BYTES: Final = 32
_VERSION: Final = 4
_ED25519_OID: Final = bytes.fromhex("092b06010401da470f01")
_CURVE25519_OID: Final = bytes.fromhex("0a2b060104019755010501")
_NATIVE_POINT_PREFIX: Final = 0x40  # RFC 9580 §11.2.1: a point in the curve's own format
_HEADER_BYTES: Final = 6  # version, creation time, algorithm
_KDF_HASHES: Final = (8, 9, 10)  # SHA-256, SHA-384, SHA-512
_KEK_CIPHERS: Final = (7, 8, 9)  # AES-128, AES-192, AES-256


@dataclass(frozen=True, slots=True)
class KeyPacket:
    """A framed packet: its tag and body."""

    tag: int
    body: bytes


@dataclass(frozen=True, slots=True)
class EcdhParams:
    """How an ECDH secret becomes a wrapping key (RFC 9580 §11.5): OpenPGP algorithm numbers."""

    hash_algorithm: int
    cipher_algorithm: int


OWN_ECDH_PARAMS: Final = EcdhParams(hash_algorithm=8, cipher_algorithm=7)


def split_packets(data: bytes, *, max_packets: int) -> list[KeyPacket]:
    """Cut binary OpenPGP into packets; old and new headers, definite lengths only.

    Raises CertificateRefused when it is cut short, has partial lengths or too many packets.
    """
    packets: list[KeyPacket] = []
    offset = 0
    while offset < len(data):
        if len(packets) == max_packets:
            raise CertificateRefused(f"A certificate has more than {max_packets} packets.")
        tag, start, length = _read_header(data, offset)
        if start + length > len(data):
            raise CertificateRefused("A certificate or key is cut short.")
        packets.append(KeyPacket(tag, data[start : start + length]))
        offset = start + length
    return packets


def _read_header(data: bytes, offset: int) -> tuple[int, int, int]:
    """Tag, start of the body, length of the body."""
    first = data[offset]
    if not first & 0x80:
        raise CertificateRefused("A certificate or key is not made of OpenPGP packets.")
    if first & 0x40:
        length_octets, length = _new_length(data[offset + 1 : offset + 6])
        return first & 0x3F, offset + 1 + length_octets, length
    length_octets = (1, 2, 4, 0)[first & 3]
    field = data[offset + 1 : offset + 1 + length_octets]
    if length_octets == 0 or len(field) < length_octets:
        raise CertificateRefused("A certificate or key has a packet of unknown length.")
    return (first >> 2) & 0x0F, offset + 1 + length_octets, int.from_bytes(field, "big")


def _new_length(field: bytes) -> tuple[int, int]:
    """Octets used and the length they say (RFC 9580 §4.2.1), without partial lengths."""
    if field[:1] and field[0] < 192:
        return 1, field[0]
    if len(field) >= 2 and field[0] < 224:
        return 2, ((field[0] - 192) << 8) + field[1] + 192
    if len(field) == 5 and field[0] == 255:
        return 5, int.from_bytes(field[1:], "big")
    raise CertificateRefused("A certificate or key has a packet of unknown length.")


def write_packet(tag: int, body: bytes) -> bytes:
    """One packet with a new-format header."""
    length = len(body)
    if length < 192:
        head = bytes((length,))
    elif length < 8384:
        head = bytes((192 + ((length - 192) >> 8), (length - 192) & 0xFF))
    else:
        head = b"\xff" + length.to_bytes(4, "big")
    return bytes((0xC0 | tag,)) + head + body


def write_mpi(value: bytes) -> bytes:
    """An MPI: bit count, then the big-endian octets without leading zeros."""
    stripped = value.lstrip(b"\0")
    bits = len(stripped) * 8 - (8 - stripped[0].bit_length()) if stripped else 0
    return bits.to_bytes(2, "big") + stripped


def read_mpi(data: bytes, offset: int, *, max_bytes: int) -> tuple[bytes, int]:
    """An MPI's octets and the offset after it; raises ValueError unless written canonically."""
    if offset + 2 > len(data):
        raise ValueError("MPI cut short")
    length = (int.from_bytes(data[offset : offset + 2], "big") + 7) // 8
    value = data[offset + 2 : offset + 2 + length]
    end = offset + 2 + length
    if length > max_bytes or len(value) != length or write_mpi(value) != data[offset:end]:
        raise ValueError("MPI is not canonical")
    return value, end


def fingerprint_of(body: bytes) -> bytes:
    """The 20-octet v4 fingerprint (RFC 9580 §5.5.4.2): for display, issuers and ECDH only."""
    return hashlib.sha1(_fingerprint_input(body), usedforsecurity=False).digest()


def key_id_of(body: bytes) -> str:
    """docs/spec/01: 64 hex of SHA-256 over the fingerprint's input; the only identity used."""
    return hashlib.sha256(_fingerprint_input(body)).hexdigest()


def _fingerprint_input(body: bytes) -> bytes:
    return b"\x99" + len(body).to_bytes(2, "big") + body


def creation_time(body: bytes) -> int:
    """Seconds since 1970 at which a v4 key says it was made."""
    return int.from_bytes(body[1:5], "big")


def algorithm_of(body: bytes) -> int:
    """The algorithm number of a v4 key packet; raises CertificateRefused for other versions."""
    if len(body) < _HEADER_BYTES or body[0] != _VERSION:
        raise CertificateRefused("A key is not of OpenPGP version 4.")
    return body[5]


def read_ed25519(body: bytes) -> bytes:
    """The 32-octet point of an Ed25519 key packet; raises CertificateRefused for all others."""
    point, end = _read_point(body, ALGORITHM_EDDSA, _ED25519_OID)
    if end != len(body):
        raise CertificateRefused("An Ed25519 key packet has octets too many.")
    return point


def read_curve25519(body: bytes) -> tuple[bytes, EcdhParams]:
    """Point and ECDH parameters of a Curve25519 key packet; raises CertificateRefused."""
    point, end = _read_point(body, ALGORITHM_ECDH, _CURVE25519_OID)
    if len(body) != end + 4 or body[end : end + 2] != b"\x03\x01":
        raise CertificateRefused("A Curve25519 key has malformed ECDH parameters.")
    params = EcdhParams(body[end + 2], body[end + 3])
    if params.hash_algorithm not in _KDF_HASHES or params.cipher_algorithm not in _KEK_CIPHERS:
        raise CertificateRefused("A Curve25519 key asks for ECDH algorithms that are not accepted.")
    return point, params


def is_curve25519(body: bytes) -> bool:
    """Whether :func:`read_curve25519` accepts this packet body."""
    try:
        read_curve25519(body)
    except CertificateRefused:
        return False
    return True


def _read_point(body: bytes, algorithm: int, oid: bytes) -> tuple[bytes, int]:
    if algorithm_of(body) != algorithm or not body.startswith(oid, _HEADER_BYTES):
        raise CertificateRefused(
            "A key is of an algorithm that is not accepted: only Ed25519 with Curve25519 is."
        )
    try:
        value, end = read_mpi(body, _HEADER_BYTES + len(oid), max_bytes=1 + POINT_BYTES)
    except ValueError:
        raise CertificateRefused("A key's point is malformed.") from None
    if len(value) != 1 + POINT_BYTES or value[0] != _NATIVE_POINT_PREFIX:
        raise CertificateRefused("A key's point is malformed.")
    return value[1:], end


def ed25519_body(created: int, point: bytes) -> bytes:
    """The public packet body of an Ed25519 primary key."""
    return _body(created, ALGORITHM_EDDSA, _ED25519_OID, point)


def curve25519_body(created: int, point: bytes) -> bytes:
    """The public packet body of a Curve25519 subkey, with the parameters all of ours have."""
    params = bytes((3, 1, OWN_ECDH_PARAMS.hash_algorithm, OWN_ECDH_PARAMS.cipher_algorithm))
    return _body(created, ALGORITHM_ECDH, _CURVE25519_OID, point) + params


def _body(created: int, algorithm: int, oid: bytes, point: bytes) -> bytes:
    header = bytes((_VERSION,)) + created.to_bytes(4, "big") + bytes((algorithm,))
    return header + oid + write_mpi(bytes((_NATIVE_POINT_PREFIX,)) + point)
