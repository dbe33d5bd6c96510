"""Certificates: parsed and checked before anyone encrypts to them or believes their signatures.

docs/spec/03-keys.md, RFC 9580 §10.1. pgpy encrypts to a grafted subkey and looks at no
revocation, so every check stands here and in :mod:`self_signatures`: each key is bound by a
signature of this primary key that verifies, is of an accepted algorithm, not revoked, not expired
and flagged for its use (threat MS-12). This module handles no secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self

from hygieia.errors import CertificateRefused
from hygieia.limits import MAX_CERTIFICATE_BYTES, MAX_CERTIFICATE_PACKETS, MAX_SIGNATURE_BYTES
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.armor import PUBLIC_KEY, ArmorError, armor, dearmor
from hygieia.openpgp.key_packets import EcdhParams, KeyPacket
from hygieia.openpgp.self_signatures import (
    CLOCK_SKEW,
    BoundSubkey,
    Checker,
    Component,
    Revocation,
    RevokedAt,
    flags_of,
    group_components,
    has_ended,
    key_expiry,
)
from hygieia.openpgp.signature_packets import SignaturePacket
from hygieia.openpgp.times import now as current_time

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CLOCK_SKEW", "Certificate", "EncryptionSubkey", "Revocation"]

_FLAG_SIGN: Final = 0x02
_FEATURE_SEIPD2: Final = 0x08
_CLOCK: Final = (
    "This machine's clock may be behind. To compare it with the server's: hygieia doctor"
)


@dataclass(frozen=True, slots=True)
class EncryptionSubkey:
    """A subkey that may be encrypted to, with what the ECDH wrap needs (RFC 9580 §11.5).

    ``point`` has 32 octets, ``fingerprint`` 20.
    """

    point: bytes
    fingerprint: bytes
    params: EcdhParams
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate whose every binding was verified; make one with :meth:`parse`.

    ``key_id`` (64 hex, docs/spec/01) is its identity; ``fingerprint`` (40 hex) is for display and
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
    _self_signatures: tuple[SignaturePacket, ...] = field(repr=False)
    _revocations: tuple[RevokedAt, ...] = field(repr=False)
    _subkeys: tuple[BoundSubkey, ...] = field(repr=False)
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
        primary, *rest = group_components(packets)
        body = primary.packet.body
        point = kp.read_ed25519(body)
        created = sp.from_seconds(kp.creation_time(body))
        if created > now + CLOCK_SKEW:
            raise CertificateRefused(
                "A certificate says that it was made in the future.", hint=_CLOCK
            )
        checker = Checker(body, point, now)
        direct, revocations = checker.primary(primary.signatures)
        user_ids = checker.user_ids(rest)
        subkeys = checker.subkeys(rest)
        names, emails = zip(*(_split_user_id(user_id) for user_id, _ in user_ids), strict=True)
        return cls(
            armored=armored,
            key_id=kp.key_id_of(body),
            fingerprint=kp.fingerprint_of(body).hex(),
            # sq makes two user ids of a name and an address.
            name=next(filter(None, names), ""),
            email=next(filter(None, emails), ""),
            created=created,
            primary_body=body,
            signing_point=point,
            packets=tuple(packets),
            _self_signatures=(user_ids[0][1], *direct),
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
        return bool(flags_of(self._said(sp.FEATURES)) & _FEATURE_SEIPD2)

    @property
    def expires(self) -> datetime | None:
        """When the primary key ends, or None for never."""
        return key_expiry(self.created, self._said(sp.KEY_EXPIRATION), self._self_signatures[0])

    def _said(self, kind: int) -> bytes | None:
        """A subpacket about the primary key: its user id's certification before a direct one."""
        found = (signature.find(kind) for signature in self._self_signatures)
        return next((body for body in found if body is not None), None)

    def encryption_subkey(self, at: datetime | None = None) -> EncryptionSubkey:
        """The newest subkey that may be encrypted to at this time (now unless given).

        Raises CertificateRefused if the certificate or every such subkey is revoked, expired, or
        of an algorithm that is not accepted.
        """
        at = at or current_time()
        self._require_current(at)
        candidates = [subkey for subkey in self._subkeys if subkey.may_encrypt_at(at)]
        if not candidates:
            raise CertificateRefused(
                "A certificate has no Curve25519 key to encrypt to that is neither revoked nor expired."
            )
        return _for_encryption(max(candidates, key=lambda each: kp.creation_time(each.body)))

    def decryption_subkeys(self) -> tuple[EncryptionSubkey, ...]:
        """Every subkey ever bound for encryption: what its owner may still open."""
        return tuple(_for_encryption(each) for each in self._subkeys if each.is_for_encryption)

    def _require_current(self, at: datetime) -> None:
        if self.is_revoked:
            raise CertificateRefused("A certificate was revoked by its owner.")
        if at < self.created - CLOCK_SKEW:
            raise CertificateRefused("A certificate is not valid yet.", hint=_CLOCK)
        if has_ended(self.expires, at):
            raise CertificateRefused("A certificate is expired.")

    def may_sign_at(self, time: datetime) -> bool:
        """Whether its primary key was flagged for signing and had not ended at ``time``.

        Says nothing of compromise, which strikes signatures of every time: see
        :attr:`revocation_kind`.
        """
        if not flags_of(self._said(sp.KEY_FLAGS)) & _FLAG_SIGN:
            return False
        if time < self.created - CLOCK_SKEW or has_ended(self.expires, time):
            return False
        return all(
            revocation.kind is Revocation.COMPROMISED or time <= revocation.time + CLOCK_SKEW
            for revocation in self._revocations
        )

    def merge(self, other: Certificate, *, now: datetime | None = None) -> Certificate:
        """This certificate with what ``other`` adds; a revocation seen once stays (docs/spec/03).

        Only packets that this key signed are taken over, so whoever serves ``other`` cannot fill
        the pinned certificate with words or signatures of their own. Raises CertificateRefused
        when the two are not the same key.
        """
        if other.key_id != self.key_id:
            raise CertificateRefused("Two certificates of different keys cannot be merged.")
        theirs = group_components(other.packets)
        packets = _merged(group_components(self.packets), theirs, other._verified)
        return self if tuple(packets) == self.packets else _from_parts(packets, now)

    def with_revocation(self, armored: str, *, now: datetime | None = None) -> Certificate:
        """This certificate with an armored revocation (from the recovery kit) applied.

        Raises CertificateRefused unless it is a revocation of this key, by this key.
        """
        try:
            data = dearmor(PUBLIC_KEY, armored, max_bytes=MAX_SIGNATURE_BYTES)
            packet, *_ = kp.split_packets(data, max_packets=1)
            signature = sp.parse_signature(packet.body)
        except (ArmorError, ValueError) as error:
            raise CertificateRefused("This is not one armored revocation.") from error
        signed = sp.signed_key(self.primary_body)
        is_revocation = packet.tag == kp.TAG_SIGNATURE and signature.kind == sp.KEY_REVOCATION
        if not is_revocation or not sp.verifies(signature, self.signing_point, signed):
            raise CertificateRefused("This is not a revocation of this certificate.")
        return _from_parts((self.packets[0], packet, *self.packets[1:]), now)


def _from_parts(packets: Sequence[KeyPacket], now: datetime | None) -> Certificate:
    data = b"".join(kp.write_packet(packet.tag, packet.body) for packet in packets)
    return Certificate.parse(armor(PUBLIC_KEY, data), now=now)


def _merged(
    ours: Sequence[Component], theirs: Sequence[Component], verified: frozenset[KeyPacket]
) -> list[KeyPacket]:
    """Our components with the verified signatures theirs adds, then those only they have."""
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


def _for_encryption(subkey: BoundSubkey) -> EncryptionSubkey:
    point, params = kp.read_curve25519(subkey.body)
    return EncryptionSubkey(point, kp.fingerprint_of(subkey.body), params, subkey.body)


def _split_user_id(user_id: bytes) -> tuple[str, str]:
    """Name and address of ``Name <email>``; a user id of another shape is one or the other."""
    text = user_id.decode(errors="replace")
    name, bracket, rest = text.rpartition("<")
    if bracket and rest.endswith(">"):
        return name.strip(), rest[:-1].strip()
    return ("", text.strip()) if "@" in text and " " not in text else (text.strip(), "")
