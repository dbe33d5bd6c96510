"""What a certificate's own key says of its parts: grouped, verified, weighed.

RFC 9580 §10.1 (composition), §5.2.1 (signature types). The half of :mod:`certificates` that
decides which signatures count; one :class:`Checker` serves one certificate and has one budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from hygieia.errors import CertificateRefused
from hygieia.limits import CLOCK_SKEW_SECONDS
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.key_packets import KeyPacket
from hygieia.openpgp.signature_packets import SignaturePacket

if TYPE_CHECKING:
    from collections.abc import Sequence

CLOCK_SKEW: Final = timedelta(seconds=CLOCK_SKEW_SECONDS)

_MAX_USER_ID_BYTES: Final = 1024
_MAX_CHECKED_SIGNATURES: Final = 64
_MAX_SUBKEYS: Final = 16
_FLAGS_ENCRYPT: Final = 0x0C
_REVOCATIONS: Final = (sp.KEY_REVOCATION, sp.SUBKEY_REVOCATION)


class Revocation(Enum):
    """What a revocation means for signatures made before it (RFC 9580 §5.2.3.31)."""

    SUPERSEDED = "superseded"
    RETIRED = "retired"
    COMPROMISED = "compromised"
    """Compromised, or no reason that is known to be harmless: earlier signatures fall too."""


@dataclass(frozen=True, slots=True)
class RevokedAt:
    """A verified revocation."""

    kind: Revocation
    time: datetime


@dataclass(frozen=True, slots=True)
class Component:
    """A key, user id or subkey packet with the signatures that follow it."""

    packet: KeyPacket
    signatures: tuple[KeyPacket, ...]


@dataclass(frozen=True, slots=True)
class BoundSubkey:
    """A subkey that its primary key binds, by a signature that verifies."""

    body: bytes
    binding: SignaturePacket
    revocations: tuple[RevokedAt, ...]

    @property
    def is_for_encryption(self) -> bool:
        """Whether it is a Curve25519 key flagged for storage or communications."""
        flagged = flags_of(self.binding.find(sp.KEY_FLAGS)) & _FLAGS_ENCRYPT
        return bool(flagged) and kp.is_curve25519(self.body)

    def may_encrypt_at(self, time: datetime) -> bool:
        """Whether one may encrypt to it at this time."""
        created = sp.from_seconds(kp.creation_time(self.body))
        expiry = key_expiry(created, self.binding.find(sp.KEY_EXPIRATION), self.binding)
        return (
            self.is_for_encryption
            and not self.revocations
            and time >= created - CLOCK_SKEW
            and not has_ended(expiry, time)
        )


class Checker:
    """Verifies the self-signatures of one certificate, with one budget for all of them."""

    def __init__(self, primary_body: bytes, point: bytes, now: datetime) -> None:
        self._body = primary_body
        self._point = point
        self._fingerprint = kp.fingerprint_of(primary_body)
        self._latest = now + CLOCK_SKEW
        self._budget = _MAX_CHECKED_SIGNATURES
        self.verified: set[KeyPacket] = set()

    def primary(
        self, signatures: Sequence[KeyPacket]
    ) -> tuple[list[SignaturePacket], tuple[RevokedAt, ...]]:
        """Direct-key signatures of the primary key, newest first, and its revocations."""
        valid = self._own(signatures, sp.signed_key(self._body))
        direct = [each for each in valid if each.kind == sp.DIRECT_KEY]
        return sorted(direct, key=made, reverse=True), _revocations(valid, sp.KEY_REVOCATION)

    def user_ids(self, components: Sequence[Component]) -> list[tuple[bytes, SignaturePacket]]:
        """Certified user ids with their newest certification: flagged primary first, then newest.

        Raises CertificateRefused when there is none.
        """
        found: list[tuple[bool, datetime, bytes, SignaturePacket]] = []
        for component in components:
            if component.packet.tag != kp.TAG_USER_ID:
                continue
            certification = self._certification(component)
            if certification is not None:
                flagged = certification.find(sp.PRIMARY_USER_ID) == b"\x01"
                body = component.packet.body
                found.append((flagged, made(certification), body, certification))
        if not found:
            raise CertificateRefused("A certificate has no user id signed by its own key.")
        found.sort(key=lambda each: each[:2], reverse=True)
        return [(user_id, certification) for _, _, user_id, certification in found]

    def _certification(self, component: Component) -> SignaturePacket | None:
        """The newest self-certification of a user id; None if there is none or it is withdrawn."""
        signed = sp.signed_user_id(self._body, component.packet.body)
        valid = self._own(component.signatures, signed)
        certifications = [each for each in valid if each.kind in sp.CERTIFICATIONS]
        if not certifications:
            return None
        newest = max(certifications, key=made)
        withdrawn = (each for each in valid if each.kind == sp.CERTIFICATION_REVOCATION)
        return None if any(made(each) >= made(newest) for each in withdrawn) else newest

    def subkeys(self, components: Sequence[Component]) -> list[BoundSubkey]:
        """Every subkey with its newest binding; one without any makes the certificate refused."""
        found = [each for each in components if each.packet.tag == kp.TAG_PUBLIC_SUBKEY]
        if len(found) > _MAX_SUBKEYS:
            raise CertificateRefused(f"A certificate has more than {_MAX_SUBKEYS} subkeys.")
        return [self._subkey(component) for component in found]

    def _subkey(self, component: Component) -> BoundSubkey:
        body = component.packet.body
        kp.algorithm_of(body)
        valid = self._own(component.signatures, sp.signed_subkey(self._body, body))
        bindings = [each for each in valid if each.kind == sp.SUBKEY_BINDING]
        if not bindings:
            raise CertificateRefused("A certificate has a subkey that its own key does not bind.")
        newest = max(bindings, key=made)
        return BoundSubkey(body, newest, _revocations(valid, sp.SUBKEY_REVOCATION))

    def _own(
        self, packets: Sequence[KeyPacket], signed: tuple[bytes, ...]
    ) -> list[SignaturePacket]:
        """The verified self-signatures among ``packets``.

        Those made in the future do not count yet, except revocations: a revocation seen once
        sticks, whatever its date. Others' certifications are passed over, and so are signatures
        with hashes not accepted (SHA-1 first of all). One that claims to be by this key and does
        not verify means that someone has been at the certificate: it is refused whole.
        """
        valid = []
        for packet in packets:
            signature = self._claimed_own(packet)
            if signature is None:
                continue
            self._spend()
            if not sp.verifies(signature, self._point, signed):
                raise CertificateRefused("A certificate has a signature that does not verify.")
            self.verified.add(packet)
            if signature.created is None:
                continue
            if signature.created <= self._latest or signature.kind in _REVOCATIONS:
                valid.append(signature)
        return valid

    def _claimed_own(self, packet: KeyPacket) -> SignaturePacket | None:
        """The signature if it says it is by this key and is of a form that may count."""
        try:
            signature = sp.parse_signature(packet.body)
        except ValueError:
            return None
        if not signature.names_issuer(self._fingerprint) or signature.has_unknown_critical:
            return None
        return signature if signature.hash_algorithm in sp.HASHES else None

    def _spend(self) -> None:
        if self._budget == 0:
            raise CertificateRefused(
                f"A certificate has more than {_MAX_CHECKED_SIGNATURES} signatures of its own."
            )
        self._budget -= 1


def group_components(packets: Sequence[KeyPacket]) -> list[Component]:
    """Group packets as RFC 9580 §10.1 orders them; raises CertificateRefused."""
    if not packets or packets[0].tag != kp.TAG_PUBLIC_KEY:
        raise CertificateRefused("A certificate does not start with a public key.")
    groups: list[tuple[KeyPacket, list[KeyPacket]]] = [(packets[0], [])]
    subkeys_begun = False
    for packet in packets[1:]:
        if packet.tag == kp.TAG_SIGNATURE:
            groups[-1][1].append(packet)
            continue
        is_user = packet.tag in (kp.TAG_USER_ID, kp.TAG_USER_ATTRIBUTE)
        subkeys_begun = subkeys_begun or packet.tag == kp.TAG_PUBLIC_SUBKEY
        if packet.tag != kp.TAG_PUBLIC_SUBKEY and (subkeys_begun or not is_user):
            raise CertificateRefused("A certificate has a packet that does not belong there.")
        if packet.tag == kp.TAG_USER_ID and len(packet.body) > _MAX_USER_ID_BYTES:
            raise CertificateRefused("A certificate has a user id that is too long.")
        groups.append((packet, []))
    return [Component(packet, tuple(signatures)) for packet, signatures in groups]


def _revocations(signatures: Sequence[SignaturePacket], kind: int) -> tuple[RevokedAt, ...]:
    return tuple(RevokedAt(_reason(each), made(each)) for each in signatures if each.kind == kind)


def _reason(signature: SignaturePacket) -> Revocation:
    code = (signature.find(sp.REVOCATION_REASON) or b"\x00")[0:1]
    harmless = {b"\x01": Revocation.SUPERSEDED, b"\x03": Revocation.RETIRED}
    return harmless.get(code, Revocation.COMPROMISED)


def made(signature: SignaturePacket) -> datetime:
    """Creation time of a signature that a :class:`Checker` let through, so it has one."""
    return signature.created or sp.from_seconds(0)


def flags_of(body: bytes | None) -> int:
    """The first octet of a key flags subpacket; 0 when absent."""
    return body[0] if body else 0


def key_expiry(
    key_created: datetime, expiration: bytes | None, binding: SignaturePacket
) -> datetime | None:
    """When a key ends, by its own expiration or by that of the signature that binds it."""
    ends = []
    if seconds := sp.seconds_of(expiration):
        ends.append(key_created + timedelta(seconds=seconds))
    if binding.expires_after_seconds:
        ends.append(made(binding) + timedelta(seconds=binding.expires_after_seconds))
    return min(ends, default=None)


def has_ended(expires: datetime | None, time: datetime) -> bool:
    """Whether an expiry has passed at ``time``, with the clock's tolerance (docs/spec/01 §4)."""
    return expires is not None and time > expires + CLOCK_SKEW
