"""Makes OpenPGP keys, signatures and seals that our own code would never write.

Everything is derived from a name, so that a test can say `Person("Ana")` and get the same key
each time. Used by the tests and by the maker of the vectors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.armor import PUBLIC_KEY, SIGNATURE, armor
from hygieia.openpgp.keys import UnlockedKey, assemble_key
from hygieia.openpgp.signature_packets import Subpacket

BORN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

SHA1 = 2
HASH_NAMES = {SHA1: "sha1", 8: "sha256", 9: "sha384", 10: "sha512"}

Packet = tuple[int, bytes]


@dataclass(frozen=True)
class Person:
    """Somebody with a key that follows from the name."""

    name: str
    created: datetime = BORN

    @property
    def email(self) -> str:
        return f"{self.name.split()[0].lower()}@example.org"

    def _seed(self, purpose: str) -> bytes:
        return hashlib.sha256(f"{purpose} of {self.name}".encode()).digest()

    @property
    def key(self) -> UnlockedKey:
        return assemble_key(
            self.name, self.email, self.created, self._seed("signing"), self._seed("decryption")
        )

    @property
    def signer(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._seed("signing"))

    @property
    def primary(self) -> bytes:
        return self.key.certificate.primary_body

    @property
    def subkey(self) -> bytes:
        return self.key.encryption_subkey.body

    @property
    def user_id(self) -> bytes:
        return f"{self.name} <{self.email}>".encode()

    @property
    def certificate(self) -> str:
        return self.key.certificate.armored

    @property
    def packets(self) -> list[Packet]:
        """Public key, user id, certification, subkey, binding."""
        return [(packet.tag, packet.body) for packet in self.key.certificate.packets]

    def sign(
        self,
        kind: int,
        signed: Iterable[bytes],
        *subpackets: Subpacket,
        created: datetime | None = LATER,
        hash_algorithm: int = 10,
        fingerprint: bytes | None = None,
        unhashed: Sequence[Subpacket] = (),
    ) -> bytes:
        """A signature body by the primary key, or one that claims another ``fingerprint``."""
        issuer = kp.fingerprint_of(self.primary) if fingerprint is None else fingerprint
        stated = [] if created is None else [creation(created)]
        hashed = [*stated, Subpacket(sp.ISSUER_FINGERPRINT, False, b"\x04" + issuer), *subpackets]
        head = bytes((4, kind, kp.ALGORITHM_EDDSA, hash_algorithm)) + area(hashed)
        state = hashlib.new(HASH_NAMES[hash_algorithm])
        for piece in (*signed, head, b"\x04\xff", len(head).to_bytes(4, "big")):
            state.update(piece)
        value = self.signer.sign(state.digest())
        mpis = kp.write_mpi(value[:32]) + kp.write_mpi(value[32:])
        return head + area(unhashed) + state.digest()[:2] + mpis

    def certify(self, *subpackets: Subpacket, created: datetime = BORN) -> bytes:
        """A certification of the own user id."""
        signed = sp.signed_user_id(self.primary, self.user_id)
        return self.sign(sp.POSITIVE_CERTIFICATION, signed, *subpackets, created=created)

    def bind(self, subkey: bytes, *subpackets: Subpacket, created: datetime = BORN) -> bytes:
        """A binding of a subkey."""
        signed = sp.signed_subkey(self.primary, subkey)
        return self.sign(sp.SUBKEY_BINDING, signed, *subpackets, created=created)

    def revoke(self, reason: int | None = 0, *, created: datetime = LATER) -> bytes:
        """A revocation of the primary key."""
        signed = sp.signed_key(self.primary)
        return self.sign(sp.KEY_REVOCATION, signed, *because(reason), created=created)

    def revoke_subkey(self, reason: int | None = 0, *, created: datetime = LATER) -> bytes:
        """A revocation of the encryption subkey."""
        signed = sp.signed_subkey(self.primary, self.subkey)
        return self.sign(sp.SUBKEY_REVOCATION, signed, *because(reason), created=created)


def because(reason: int | None) -> tuple[Subpacket, ...]:
    return () if reason is None else (Subpacket(sp.REVOCATION_REASON, False, bytes((reason,))),)


def creation(time: datetime) -> Subpacket:
    return Subpacket(sp.CREATION_TIME, False, int(time.timestamp()).to_bytes(4, "big"))


def flags(value: int) -> Subpacket:
    return Subpacket(sp.KEY_FLAGS, True, bytes((value,)))


def key_expiration(seconds: int) -> Subpacket:
    return Subpacket(sp.KEY_EXPIRATION, False, seconds.to_bytes(4, "big"))


def signature_expiration(seconds: int) -> Subpacket:
    return Subpacket(sp.SIGNATURE_EXPIRATION, False, seconds.to_bytes(4, "big"))


def area(subpackets: Iterable[Subpacket]) -> bytes:
    octets = b""
    for each in subpackets:
        content = bytes((each.kind | (0x80 if each.critical else 0),)) + each.body
        octets += (
            bytes((len(content),))
            if len(content) < 192
            else b"\xff" + len(content).to_bytes(4, "big")
        )
        octets += content
    return len(octets).to_bytes(2, "big") + octets


def binary(packets: Iterable[Packet]) -> bytes:
    return b"".join(kp.write_packet(tag, body) for tag, body in packets)


def certificate(packets: Iterable[Packet]) -> str:
    return armor(PUBLIC_KEY, binary(packets))


def signature(body: bytes) -> str:
    return armor(SIGNATURE, kp.write_packet(kp.TAG_SIGNATURE, body))


def insert(packets: Sequence[Packet], place: int, *new: Packet) -> list[Packet]:
    """``packets`` with ``new`` ones put before the one at ``place``."""
    return [*packets[:place], *new, *packets[place:]]


def sig(body: bytes) -> Packet:
    """A signature packet."""
    return kp.TAG_SIGNATURE, body
