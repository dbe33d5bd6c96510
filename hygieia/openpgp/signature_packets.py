"""Version 4 EdDSA signature packets (RFC 9580 §5.2): parsed, hashed, composed and verified.

One strict reader serves notes and certificates alike. ``cryptography`` does the Ed25519; pgpy's
reader is not used, because it checks none of what is checked here and costs ten times as much.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hygieia.openpgp.key_packets import (
    ALGORITHM_EDDSA,
    POINT_BYTES,
    fingerprint_of,
    read_mpi,
    write_mpi,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Signature types (RFC 9580 §5.2.1).
BINARY_DOCUMENT: Final = 0x00
CERTIFICATIONS: Final = (0x10, 0x11, 0x12, 0x13)
POSITIVE_CERTIFICATION: Final = 0x13
SUBKEY_BINDING: Final = 0x18
DIRECT_KEY: Final = 0x1F
KEY_REVOCATION: Final = 0x20
SUBKEY_REVOCATION: Final = 0x28
CERTIFICATION_REVOCATION: Final = 0x30

# Signature subpackets (RFC 9580 §5.2.3.7).
CREATION_TIME: Final = 2
SIGNATURE_EXPIRATION: Final = 3
KEY_EXPIRATION: Final = 9
PREFERRED_CIPHERS: Final = 11
ISSUER_KEY_ID: Final = 16
NOTATION: Final = 20
PREFERRED_HASHES: Final = 21
PREFERRED_COMPRESSION: Final = 22
PRIMARY_USER_ID: Final = 25
KEY_FLAGS: Final = 27
REVOCATION_REASON: Final = 29
FEATURES: Final = 30
ISSUER_FINGERPRINT: Final = 33
PREFERRED_AEAD_SUITES: Final = 39

# A critical subpacket outside this set makes its signature invalid (RFC 9580 §5.2.3.7). Critical
# notations are never understood here: ours are not critical, since sq 1.3 dies on one.
_UNDERSTOOD: Final = frozenset((*range(2, 8), 9, 11, 16, *range(21, 31), 32, 33, 34, 35, 39))

HASHES: Final[dict[int, str]] = {8: "sha256", 9: "sha384", 10: "sha512"}
SHA256: Final = 8
SHA512: Final = 10

_VERSION: Final = 4
_HUMAN_READABLE: Final = b"\x80\0\0\0"
_MAX_SUBPACKETS: Final = 64


@dataclass(frozen=True, slots=True)
class Subpacket:
    """One signature subpacket: its type, whether it is critical, its body."""

    kind: int
    critical: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class SignaturePacket:
    """A parsed signature; nothing in it is verified until :func:`verifies` says so."""

    body: bytes
    kind: int
    hash_algorithm: int
    hashed: tuple[Subpacket, ...]
    unhashed: tuple[Subpacket, ...]
    hashed_octets: bytes
    digest_prefix: bytes
    value: bytes

    def find(self, kind: int) -> bytes | None:
        """Body of the hashed subpacket of this kind; the last one counts, as everywhere."""
        return next((each.body for each in reversed(self.hashed) if each.kind == kind), None)

    @property
    def created(self) -> datetime | None:
        """Creation time from the hashed area, or None."""
        body = self.find(CREATION_TIME)
        return None if body is None or len(body) != 4 else from_seconds(int.from_bytes(body, "big"))

    @property
    def expires_after_seconds(self) -> int:
        """Lifetime of the signature itself in seconds; 0 means it does not expire."""
        return seconds_of(self.find(SIGNATURE_EXPIRATION))

    def names_issuer(self, fingerprint: bytes) -> bool:
        """Whether the signature says that the key with this v4 fingerprint made it."""
        subpackets = (*self.hashed, *self.unhashed)
        full = [each.body for each in subpackets if each.kind == ISSUER_FINGERPRINT]
        if full:
            return all(body == b"\x04" + fingerprint for body in full)
        short = [each.body for each in subpackets if each.kind == ISSUER_KEY_ID]
        return bool(short) and all(body == fingerprint[-8:] for body in short)

    def notations(self) -> list[tuple[str, str]]:
        """Human-readable notations of the hashed area as (name, value), in order."""
        return [
            _read_notation(each.body)
            for each in self.hashed
            if each.kind == NOTATION and each.body[:4] == _HUMAN_READABLE
        ]

    @property
    def has_unknown_critical(self) -> bool:
        """Whether a critical hashed subpacket is one that this reader does not understand."""
        return any(each.critical and each.kind not in _UNDERSTOOD for each in self.hashed)


def from_seconds(seconds: int) -> datetime:
    """An aware datetime from OpenPGP's seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds_of(body: bytes | None) -> int:
    """The four-octet number of a time subpacket; 0 when absent or malformed."""
    return int.from_bytes(body, "big") if body is not None and len(body) == 4 else 0


def parse_signature(body: bytes) -> SignaturePacket:
    """Parse a v4 EdDSA signature packet body; raises ValueError for any other or malformed one."""
    if len(body) < 6 or body[0] != _VERSION or body[2] != ALGORITHM_EDDSA:
        raise ValueError("not a v4 EdDSA signature")
    hashed, hashed_end = _read_area(body, 4)
    unhashed, unhashed_end = _read_area(body, hashed_end)
    r, offset = read_mpi(body, unhashed_end + 2, max_bytes=POINT_BYTES)
    s, end = read_mpi(body, offset, max_bytes=POINT_BYTES)
    if end != len(body):
        raise ValueError("octets after the signature")
    return SignaturePacket(
        body=body,
        kind=body[1],
        hash_algorithm=body[3],
        hashed=hashed,
        unhashed=unhashed,
        hashed_octets=body[:hashed_end],
        digest_prefix=body[unhashed_end : unhashed_end + 2],
        value=r.rjust(POINT_BYTES, b"\0") + s.rjust(POINT_BYTES, b"\0"),
    )


def _read_area(body: bytes, offset: int) -> tuple[tuple[Subpacket, ...], int]:
    length_end = offset + 2
    end = length_end + int.from_bytes(body[offset:length_end], "big")
    if length_end > len(body) or end > len(body):
        raise ValueError("subpackets cut short")
    subpackets: list[Subpacket] = []
    position = length_end
    while position < end:
        length, start = _read_subpacket_length(body, position)
        if length == 0 or start + length > end or len(subpackets) == _MAX_SUBPACKETS:
            raise ValueError("malformed subpacket")
        kind = body[start]
        subpackets.append(
            Subpacket(kind & 0x7F, bool(kind & 0x80), body[start + 1 : start + length])
        )
        position = start + length
    return tuple(subpackets), end


def _read_subpacket_length(body: bytes, position: int) -> tuple[int, int]:
    """Length and start of a subpacket (RFC 9580 §5.2.3.7)."""
    first = body[position]
    if first < 192:
        return first, position + 1
    if first < 255:
        return ((first - 192) << 8) + sum(body[position + 1 : position + 2]) + 192, position + 2
    return int.from_bytes(body[position + 1 : position + 5], "big"), position + 5


def _read_notation(body: bytes) -> tuple[str, str]:
    name_end = 8 + int.from_bytes(body[4:6], "big")
    value_end = name_end + int.from_bytes(body[6:8], "big")
    if len(body) < 8 or value_end != len(body):
        return "", ""
    name, value = body[8:name_end], body[name_end:]
    return name.decode(errors="replace"), value.decode(errors="replace")


def verifies(signature: SignaturePacket, point: bytes, signed: Iterable[bytes]) -> bool:
    """Whether ``signature`` over the pieces ``signed`` is by the Ed25519 key ``point``.

    False for every hash outside SHA-256, SHA-384 and SHA-512 and for unknown critical subpackets.
    """
    if signature.hash_algorithm not in HASHES or signature.has_unknown_critical:
        return False
    digest = _digest(signature.hash_algorithm, signed, signature.hashed_octets)
    if digest[:2] != signature.digest_prefix:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(point).verify(signature.value, digest)
    except (InvalidSignature, ValueError):
        return False
    return True


def compose_signature(
    kind: int,
    signed: Iterable[bytes],
    *,
    primary_body: bytes,
    sign: Callable[[bytes], bytes],
    created: datetime,
    subpackets: Iterable[Subpacket] = (),
) -> bytes:
    """The body of a v4 EdDSA signature with SHA-512 by the primary key.

    ``sign`` maps a digest to the 64 octets of Ed25519. Issuer and creation time are added.
    """
    fingerprint = fingerprint_of(primary_body)
    seconds = int(created.timestamp()).to_bytes(4, "big")
    hashed = _write_area(
        (
            Subpacket(CREATION_TIME, False, seconds),
            Subpacket(ISSUER_FINGERPRINT, False, b"\x04" + fingerprint),
            *subpackets,
        )
    )
    unhashed = _write_area((Subpacket(ISSUER_KEY_ID, False, fingerprint[-8:]),))
    hashed_octets = bytes((_VERSION, kind, ALGORITHM_EDDSA, SHA512)) + hashed
    digest = _digest(SHA512, signed, hashed_octets)
    value = sign(digest)
    mpis = write_mpi(value[:POINT_BYTES]) + write_mpi(value[POINT_BYTES:])
    return hashed_octets + unhashed + digest[:2] + mpis


def _digest(hash_algorithm: int, signed: Iterable[bytes], hashed_octets: bytes) -> bytes:
    """RFC 9580 §5.2.4: what is signed, the hashed octets, and the v4 trailer."""
    state = hashlib.new(HASHES[hash_algorithm])
    for piece in signed:
        state.update(piece)
    state.update(hashed_octets)
    state.update(b"\x04\xff" + len(hashed_octets).to_bytes(4, "big"))
    return state.digest()


def _write_area(subpackets: Iterable[Subpacket]) -> bytes:
    octets = b"".join(map(_write_subpacket, subpackets))
    return len(octets).to_bytes(2, "big") + octets


def _write_subpacket(subpacket: Subpacket) -> bytes:
    content = bytes((subpacket.kind | (0x80 if subpacket.critical else 0),)) + subpacket.body
    if len(content) < 192:
        return bytes((len(content),)) + content
    return b"\xff" + len(content).to_bytes(4, "big") + content


def notation(name: str, value: str) -> Subpacket:
    """A human-readable notation that is not critical (RFC 9580 §5.2.3.24)."""
    octets = name.encode(), value.encode()
    lengths = b"".join(len(each).to_bytes(2, "big") for each in octets)
    return Subpacket(NOTATION, False, _HUMAN_READABLE + lengths + b"".join(octets))


def signed_key(primary_body: bytes) -> tuple[bytes, ...]:
    """What a direct-key signature or key revocation covers (RFC 9580 §5.2.4)."""
    return (b"\x99" + len(primary_body).to_bytes(2, "big"), primary_body)


def signed_user_id(primary_body: bytes, user_id: bytes) -> tuple[bytes, ...]:
    """What a certification of a user id covers."""
    return (*signed_key(primary_body), b"\xb4" + len(user_id).to_bytes(4, "big"), user_id)


def signed_subkey(primary_body: bytes, subkey_body: bytes) -> tuple[bytes, ...]:
    """What a subkey's binding or revocation covers."""
    return (*signed_key(primary_body), *signed_key(subkey_body))
