"""Certificates: parsed and checked before anyone encrypts to them or believes their signatures.

docs/spec/03-keys.md; RFC 9580 §10.1 (composition), §5.2 (signatures). pgpy encrypts to a grafted
subkey and looks at no revocation, so every check stands here: each key is bound by a signature
of this primary key that verifies, is of an accepted algorithm, not revoked, not expired and
flagged for its use (THREATS MS-12, R7). This module handles no secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final, Self

from hygieia.errors import CertificateRefused
from hygieia.limits import (
    CLOCK_SKEW_SECONDS,
    MAX_CERTIFICATE_BYTES,
    MAX_CERTIFICATE_PACKETS,
    MAX_SIGNATURE_BYTES,
)
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.armor import PUBLIC_KEY, SIGNATURE, ArmorError, armor, dearmor
from hygieia.openpgp.key_packets import EcdhParams, KeyPacket
from hygieia.openpgp.signature_packets import SignaturePacket
from hygieia.openpgp.times import now as current_time

if TYPE_CHECKING:
    from collections.abc import Sequence

CLOCK_SKEW: Final = timedelta(seconds=CLOCK_SKEW_SECONDS)

_MAX_USER_ID_BYTES: Final = 1024
_MAX_CHECKED_SIGNATURES: Final = 64
_MAX_SUBKEYS: Final = 16
_FLAG_SIGN: Final = 0x02
_FLAGS_ENCRYPT: Final = 0x0C
_FEATURE_SEIPD2: Final = 0x08
_REVOCATIONS: Final = (sp.KEY_REVOCATION, sp.SUBKEY_REVOCATION)


class Revocation(Enum):
    """What a revocation means for signatures made before it (RFC 9580 §5.2.3.31)."""

    SUPERSEDED = "superseded"
    RETIRED = "retired"
    COMPROMISED = "compromised"
    """Compromised, or no reason that is known to be harmless: earlier signatures fall too."""


@dataclass(frozen=True, slots=True)
class EncryptionSubkey:
    """A subkey that may be encrypted to, with what the ECDH wrap needs (RFC 9580 §11.5)."""

    point: bytes
    fingerprint: bytes
    params: EcdhParams
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Component:
    """A key, user id or subkey packet with the signatures that follow it."""

    packet: KeyPacket
    signatures: tuple[KeyPacket, ...]


@dataclass(frozen=True, slots=True)
class _RevokedAt:
    kind: Revocation
    time: datetime


@dataclass(frozen=True, slots=True)
class _Subkey:
    body: bytes
    binding: SignaturePacket
    revocations: tuple[_RevokedAt, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate whose every binding was verified; make one with :meth:`parse`.

    ``key_id`` (64 hex, FORMATS §0) is its identity; ``fingerprint`` (40 hex) is for display and
    other programs. ``name`` and ``email`` are what it says of itself: unverified words.
    """

    armored: str = field(repr=False)
    key_id: str
    fingerprint: str
    name: str
    email: str
    created: datetime
    primary_body: bytes = field(repr=False)
    signing_point: bytes = field(repr=False)
    packets: tuple[KeyPacket, ...] = field(repr=False)
    _self_signature: SignaturePacket = field(repr=False)
    _revocations: tuple[_RevokedAt, ...] = field(repr=False)
    _subkeys: tuple[_Subkey, ...] = field(repr=False)
    _verified: frozenset[KeyPacket] = field(repr=False)

    @classmethod
    def parse(cls, armored: str, *, now: datetime | None = None) -> Self:
        """Read and check an armored certificate; raises CertificateRefused.

        A revoked or expired certificate is read, so that it can be shown and its owner's old
        signatures judged; it is refused where it would be used.
        """
        try:
            data = dearmor(PUBLIC_KEY, armored, max_bytes=MAX_CERTIFICATE_BYTES)
        except ArmorError as error:
            raise CertificateRefused("This is not an armored OpenPGP certificate.") from error
        packets = kp.split_packets(data, max_packets=MAX_CERTIFICATE_PACKETS)
        return cls._from_packets(armored, packets, now or current_time())

    @classmethod
    def _from_packets(cls, armored: str, packets: Sequence[KeyPacket], now: datetime) -> Self:
        primary, *rest = _components(packets)
        body = primary.packet.body
        point = kp.read_ed25519(body)
        created = sp.from_seconds(kp.creation_time(body))
        if created > now + CLOCK_SKEW:
            raise CertificateRefused("A certificate says that it was made in the future.")
        checker = _Checker(body, point, now)
        direct, revocations = checker.primary(primary.signatures)
        user_id, certification = checker.best_user_id(rest)
        subkeys = checker.subkeys(rest)
        name, email = _split_user_id(user_id)
        return cls(
            armored=armored,
            key_id=kp.key_id_of(body),
            fingerprint=kp.fingerprint_of(body).hex(),
            name=name,
            email=email,
            created=created,
            primary_body=body,
            signing_point=point,
            packets=tuple(packets),
            _self_signature=_newest([certification, *direct]),
            _revocations=revocations,
            _subkeys=tuple(subkeys),
            _verified=frozenset(checker.verified),
        )

    @property
    def is_revoked(self) -> bool:
        """Whether its owner has revoked the whole certificate, for whatever reason."""
        return bool(self._revocations)

    @property
    def revocation_kind(self) -> Revocation | None:
        """The gravest revocation, or None."""
        kinds = {revocation.kind for revocation in self._revocations}
        order = (Revocation.COMPROMISED, Revocation.RETIRED, Revocation.SUPERSEDED)
        return next((kind for kind in order if kind in kinds), None)

    @property
    def supports_seipd2(self) -> bool:
        """Whether it says its owner reads SEIPD version 2 (RFC 9580 §5.2.3.32)."""
        features = self._self_signature.find(sp.FEATURES) or b""
        return bool(features and features[0] & _FEATURE_SEIPD2)

    @property
    def expires(self) -> datetime | None:
        """When the primary key ends, or None for never."""
        return _expiry(self.created, self._self_signature)

    def encryption_subkey(self, at: datetime | None = None) -> EncryptionSubkey:
        """The newest subkey that may be encrypted to at this time (now unless given).

        Raises CertificateRefused if the certificate or every such subkey is revoked, expired, or
        of an algorithm that is not accepted.
        """
        at = at or current_time()
        self._require_current(at)
        candidates = [subkey for subkey in self._subkeys if _may_encrypt(subkey, at)]
        if not candidates:
            raise CertificateRefused("A certificate has no usable key to encrypt to.")
        return _as_encryption_subkey(max(candidates, key=lambda each: kp.creation_time(each.body)))

    def decryption_subkeys(self) -> tuple[EncryptionSubkey, ...]:
        """Every Curve25519 subkey ever bound for encryption: what its owner may still open."""
        return tuple(
            _as_encryption_subkey(subkey)
            for subkey in self._subkeys
            if kp.algorithm_of(subkey.body) == kp.ALGORITHM_ECDH
            and _flags(subkey.binding) & _FLAGS_ENCRYPT
        )

    def _require_current(self, at: datetime) -> None:
        if self.is_revoked:
            raise CertificateRefused("A certificate was revoked by its owner.")
        if at < self.created - CLOCK_SKEW or _has_ended(self.expires, at):
            raise CertificateRefused("A certificate is expired or not valid yet.")

    def may_sign_at(self, time: datetime) -> bool:
        """Whether its primary key was flagged for signing and not ended at ``time``.

        Says nothing of compromise, which strikes signatures of every time: see
        :attr:`revocation_kind`.
        """
        if not _flags(self._self_signature) & _FLAG_SIGN:
            return False
        if time < self.created - CLOCK_SKEW or _has_ended(self.expires, time):
            return False
        return all(
            revocation.kind is Revocation.COMPROMISED or time <= revocation.time + CLOCK_SKEW
            for revocation in self._revocations
        )

    def merge(self, other: Certificate, *, now: datetime | None = None) -> Certificate:
        """This certificate with what ``other`` adds; a revocation seen once stays (FORMATS §2).

        Only packets that this key signed are taken over, so whoever serves ``other`` cannot fill
        the pinned certificate with words or signatures of their own. Raises CertificateRefused when the two are not the same key.
        """
        if other.key_id != self.key_id:
            raise CertificateRefused("Two certificates of different keys cannot be merged.")
        packets = _merged(_components(self.packets), _components(other.packets), other._verified)
        if tuple(packets) == self.packets:
            return self
        return _from_parts(packets, now)

    def with_revocation(self, armored: str) -> Certificate:
        """This certificate with the revocation of :func:`sealing.open_revocation` applied.

        Raises CertificateRefused unless it is a revocation of this key, by this key.
        """
        try:
            data = dearmor(SIGNATURE, armored, max_bytes=MAX_SIGNATURE_BYTES)
            packets = kp.split_packets(data, max_packets=1)
            signature = sp.parse_signature(packets[0].body if packets else b"")
        except (ArmorError, ValueError) as error:
            raise CertificateRefused("This is not one armored revocation.") from error
        signed = sp.signed_key(self.primary_body)
        if signature.kind != sp.KEY_REVOCATION or not sp.verifies(
            signature, self.signing_point, signed
        ):
            raise CertificateRefused("This is not a revocation of this certificate.")
        return _from_parts((self.packets[0], packets[0], *self.packets[1:]))


def _from_parts(packets: Sequence[KeyPacket], now: datetime | None = None) -> Certificate:
    data = b"".join(kp.write_packet(packet.tag, packet.body) for packet in packets)
    return Certificate.parse(armor(PUBLIC_KEY, data), now=now)


class _Checker:
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
    ) -> tuple[list[SignaturePacket], tuple[_RevokedAt, ...]]:
        """Direct-key signatures and revocations of the primary key."""
        valid = self._own(signatures, sp.signed_key(self._body))
        direct = [each for each in valid if each.kind == sp.DIRECT_KEY]
        return direct, _revocations(valid, sp.KEY_REVOCATION)

    def best_user_id(self, components: Sequence[_Component]) -> tuple[bytes, SignaturePacket]:
        """The user id to show and its newest certification: flagged primary first, then newest."""
        found: list[tuple[bool, datetime, bytes, SignaturePacket]] = []
        for component in components:
            if component.packet.tag != kp.TAG_USER_ID:
                continue
            certification = self._certification(component)
            if certification is not None:
                flagged = certification.find(sp.PRIMARY_USER_ID) == b"\x01"
                when = _made(certification)
                found.append((flagged, when, component.packet.body, certification))
        if not found:
            raise CertificateRefused("A certificate has no user id signed by its own key.")
        _, _, user_id, certification = max(found, key=lambda each: each[:2])
        return user_id, certification

    def _certification(self, component: _Component) -> SignaturePacket | None:
        """The newest self-certification of a user id, or None where there is none or it ended."""
        signed = sp.signed_user_id(self._body, component.packet.body)
        valid = self._own(component.signatures, signed)
        certifications = [each for each in valid if each.kind in sp.CERTIFICATIONS]
        if not certifications:
            return None
        newest = _newest(certifications)
        withdrawn = (each for each in valid if each.kind == sp.CERTIFICATION_REVOCATION)
        return None if any(_made(each) >= _made(newest) for each in withdrawn) else newest

    def subkeys(self, components: Sequence[_Component]) -> list[_Subkey]:
        """Every subkey with its newest binding; one without any makes the certificate refused."""
        found = [each for each in components if each.packet.tag == kp.TAG_PUBLIC_SUBKEY]
        if len(found) > _MAX_SUBKEYS:
            raise CertificateRefused(f"A certificate has more than {_MAX_SUBKEYS} subkeys.")
        return [self._subkey(component) for component in found]

    def _subkey(self, component: _Component) -> _Subkey:
        body = component.packet.body
        kp.algorithm_of(body)
        valid = self._own(component.signatures, sp.signed_subkey(self._body, body))
        bindings = [each for each in valid if each.kind == sp.SUBKEY_BINDING]
        if not bindings:
            raise CertificateRefused("A certificate has a subkey that its own key does not bind.")
        return _Subkey(body, _newest(bindings), _revocations(valid, sp.SUBKEY_REVOCATION))

    def _own(
        self, packets: Sequence[KeyPacket], signed: tuple[bytes, ...]
    ) -> list[SignaturePacket]:
        """The verified self-signatures among ``packets``.

        Those made in the future do not count yet, except revocations: a revocation seen once
        sticks, whatever its date. Others' certifications are passed over. One that claims to be by this key and does not
        verify means that someone has been at the certificate: it is refused whole.
        """
        valid = []
        for packet in packets:
            try:
                signature = sp.parse_signature(packet.body)
            except ValueError:
                continue
            if not signature.names_issuer(self._fingerprint):
                continue
            if signature.hash_algorithm not in sp.HASHES or signature.has_unknown_critical:
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

    def _spend(self) -> None:
        if self._budget == 0:
            raise CertificateRefused(
                f"A certificate has more than {_MAX_CHECKED_SIGNATURES} signatures of its own."
            )
        self._budget -= 1


def _components(packets: Sequence[KeyPacket]) -> list[_Component]:
    """Group packets as RFC 9580 §10.1 orders them; raises CertificateRefused."""
    if not packets or packets[0].tag != kp.TAG_PUBLIC_KEY:
        raise CertificateRefused("A certificate does not start with a public key.")
    groups: list[tuple[KeyPacket, list[KeyPacket]]] = []
    subkeys_begun = False
    for place, packet in enumerate(packets):
        if packet.tag == kp.TAG_SIGNATURE and groups:
            groups[-1][1].append(packet)
            continue
        is_user = packet.tag in (kp.TAG_USER_ID, kp.TAG_USER_ATTRIBUTE)
        is_subkey = packet.tag == kp.TAG_PUBLIC_SUBKEY
        if place and not (is_subkey or (is_user and not subkeys_begun)):
            raise CertificateRefused("A certificate has a packet that does not belong there.")
        if packet.tag == kp.TAG_USER_ID and len(packet.body) > _MAX_USER_ID_BYTES:
            raise CertificateRefused("A certificate has a user id that is too long.")
        subkeys_begun = subkeys_begun or is_subkey
        groups.append((packet, []))
    return [_Component(packet, tuple(signatures)) for packet, signatures in groups]


def _merged(
    ours: list[_Component], theirs: list[_Component], verified: frozenset[KeyPacket]
) -> list[KeyPacket]:
    """Our components with the verified signatures theirs adds, then the components only they have."""
    signatures = {each.packet: dict.fromkeys(each.signatures) for each in ours}
    for each in theirs:
        added = [signature for signature in each.signatures if signature in verified]
        if added:
            signatures.setdefault(each.packet, {}).update(dict.fromkeys(added))
    # Stable: the primary first, then user ids, then subkeys, as they came.
    ordered = sorted(signatures, key=lambda packet: _rank(packet.tag))
    return [member for packet in ordered for member in (packet, *signatures[packet])]


def _rank(tag: int) -> int:
    return {kp.TAG_PUBLIC_KEY: 0, kp.TAG_PUBLIC_SUBKEY: 2}.get(tag, 1)


def _revocations(signatures: Sequence[SignaturePacket], kind: int) -> tuple[_RevokedAt, ...]:
    return tuple(_RevokedAt(_reason(each), _made(each)) for each in signatures if each.kind == kind)


def _reason(signature: SignaturePacket) -> Revocation:
    code = (signature.find(sp.REVOCATION_REASON) or b"\x00")[0:1]
    return {b"\x01": Revocation.SUPERSEDED, b"\x03": Revocation.RETIRED}.get(
        code, Revocation.COMPROMISED
    )


def _made(signature: SignaturePacket) -> datetime:
    """Creation time of a signature that ``_own`` let through, so it has one."""
    return signature.created or sp.from_seconds(0)


def _newest(signatures: Sequence[SignaturePacket]) -> SignaturePacket:
    return max(signatures, key=_made)


def _flags(signature: SignaturePacket) -> int:
    return int((signature.find(sp.KEY_FLAGS) or b"\0")[0])


def _expiry(key_created: datetime, signature: SignaturePacket) -> datetime | None:
    """When a key ends by its own expiration or by that of the signature that binds it."""
    ends = []
    if seconds := sp.seconds_of(signature.find(sp.KEY_EXPIRATION)):
        ends.append(key_created + timedelta(seconds=seconds))
    if signature.expires_after_seconds:
        ends.append(_made(signature) + timedelta(seconds=signature.expires_after_seconds))
    return min(ends, default=None)


def _has_ended(expires: datetime | None, at: datetime) -> bool:
    return expires is not None and at > expires + CLOCK_SKEW


def _may_encrypt(subkey: _Subkey, at: datetime) -> bool:
    created = sp.from_seconds(kp.creation_time(subkey.body))
    return (
        kp.algorithm_of(subkey.body) == kp.ALGORITHM_ECDH
        and bool(_flags(subkey.binding) & _FLAGS_ENCRYPT)
        and not subkey.revocations
        and at >= created - CLOCK_SKEW
        and not _has_ended(_expiry(created, subkey.binding), at)
    )


def _as_encryption_subkey(subkey: _Subkey) -> EncryptionSubkey:
    point, params = kp.read_curve25519(subkey.body)
    return EncryptionSubkey(point, kp.fingerprint_of(subkey.body), params, subkey.body)


def _split_user_id(user_id: bytes) -> tuple[str, str]:
    """Name and address of ``Name <email>``; a user id of another shape is all name."""
    text = user_id.decode(errors="replace")
    name, bracket, rest = text.rpartition("<")
    if bracket and rest.endswith(">"):
        return name.strip(), rest[:-1].strip()
    return ("", text.strip()) if "@" in text and " " not in text else (text.strip(), "")
