"""Secret keys in use (docs/spec/03-keys.md).

An :class:`UnlockedKey` is an Ed25519 key that signs and a Curve25519 key that opens, held as
``cryptography`` objects. Python cannot wipe memory: :meth:`UnlockedKey.close` drops the
references, which is as far as this layer can go.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from hygieia.errors import IntegrityError, InvalidInput, KeyMismatch
from hygieia.limits import MAX_NAME_BYTES
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.armor import PUBLIC_KEY, armor
from hygieia.openpgp.certificates import Certificate, EncryptionSubkey
from hygieia.openpgp.parameters import normalise_email
from hygieia.openpgp.signature_packets import Subpacket
from hygieia.openpgp.times import now as current_time

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

SECRET_BYTES: Final = 32

_OWN_USER_ID_SUBPACKETS: Final = (
    Subpacket(sp.KEY_FLAGS, True, b"\x03"),  # certify, sign
    Subpacket(sp.PREFERRED_CIPHERS, False, b"\x09"),  # AES-256
    # Only these two: pgpy cannot load a certificate that names SHA-3.
    Subpacket(sp.PREFERRED_HASHES, False, b"\x0a\x08"),  # SHA-512, SHA-256
    Subpacket(sp.PREFERRED_COMPRESSION, False, b"\x00"),
    Subpacket(sp.FEATURES, False, b"\x09"),  # SEIPD version 1 and version 2
    Subpacket(sp.PREFERRED_AEAD_SUITES, False, b"\x09\x03\x09\x02"),  # AES-256 GCM, then OCB
    Subpacket(sp.PRIMARY_USER_ID, False, b"\x01"),
)
_OWN_SUBKEY_SUBPACKETS: Final = (Subpacket(sp.KEY_FLAGS, True, b"\x0c"),)  # both encryption flags


class UnlockedKey:
    """A user's own key, open: signs as :attr:`certificate` and opens what is encrypted to it."""

    __slots__ = ("_decryption", "_signing", "certificate", "encryption_subkey")

    certificate: Certificate
    encryption_subkey: EncryptionSubkey
    _signing: Ed25519PrivateKey | None
    _decryption: X25519PrivateKey | None

    def __init__(
        self, certificate: Certificate, signing_secret: bytes, decryption_secret: bytes
    ) -> None:
        """Join secrets and certificate; raises KeyMismatch unless each derives the other.

        The public points are computed from the secrets and compared, so an altered certificate or
        secret key is caught before a signature or ciphertext exists (threats MS-04, MS-05).
        """
        signing = Ed25519PrivateKey.from_private_bytes(signing_secret)
        decryption = X25519PrivateKey.from_private_bytes(decryption_secret)
        if signing.public_key().public_bytes_raw() != certificate.signing_point:
            raise KeyMismatch("The secret key does not belong to this certificate.")
        point = decryption.public_key().public_bytes_raw()
        matching = [each for each in certificate.decryption_subkeys() if each.point == point]
        if len(matching) != 1 or matching[0].params != kp.OWN_ECDH_PARAMS:
            raise KeyMismatch("The secret decryption key does not belong to this certificate.")
        self.certificate = certificate
        self.encryption_subkey = matching[0]
        self._signing = signing
        self._decryption = decryption

    def __repr__(self) -> str:
        return f"UnlockedKey({self.key_id})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> str:
        raise TypeError("an unlocked key is not pickled or copied")

    @property
    def key_id(self) -> str:
        """64 hex digits (docs/spec/01)."""
        return self.certificate.key_id

    def close(self) -> None:
        """Drop the secrets; using the key afterwards raises ValueError."""
        self._signing = None
        self._decryption = None

    def sign_digest(self, digest: bytes) -> bytes:
        """Ed25519 over an OpenPGP signature digest: 64 octets."""
        return self._open_signing().sign(digest)

    def ecdh(self, ephemeral_point: bytes) -> bytes:
        """The 32-octet X25519 secret shared with ``ephemeral_point``.

        Raises IntegrityError for a point that is none or that forces a known secret.
        """
        if self._decryption is None:
            raise ValueError("the key is closed")
        try:
            return self._decryption.exchange(X25519PublicKey.from_public_bytes(ephemeral_point))
        except ValueError:
            raise IntegrityError("A session key was wrapped with an unusable point.") from None

    def secrets(self) -> tuple[bytes, bytes]:
        """Ed25519 seed and X25519 scalar, 32 octets each, for :mod:`locked_keys` alone."""
        signing = self._open_signing()
        if self._decryption is None:
            raise ValueError("the key is closed")
        return signing.private_bytes_raw(), self._decryption.private_bytes_raw()

    def with_certificate(self, certificate: Certificate) -> UnlockedKey:
        """The same key under a merged certificate; raises KeyMismatch if it is not its own."""
        return UnlockedKey(certificate, *self.secrets())

    def _open_signing(self) -> Ed25519PrivateKey:
        if self._signing is None:
            raise ValueError("the key is closed")
        return self._signing


def generate_key(name: str, email: str) -> UnlockedKey:
    """Make a new key for ``Name <email>``; raises InvalidInput for a name or email not allowed."""
    signing_secret, decryption_secret = (secrets.token_bytes(SECRET_BYTES) for _ in range(2))
    return assemble_key(name, email, current_time(), signing_secret, decryption_secret)


def assemble_key(
    name: str, email: str, created: datetime, signing_secret: bytes, decryption_secret: bytes
) -> UnlockedKey:
    """The key and certificate that follow from these secrets; deterministic, for vectors too."""
    user_id = f"{check_name(name)} <{normalise_email(email)}>".lstrip().encode()
    scalar = _clamped(decryption_secret)
    signing = Ed25519PrivateKey.from_private_bytes(signing_secret)
    seconds = int(created.timestamp())
    primary = kp.ed25519_body(seconds, signing.public_key().public_bytes_raw())
    point = X25519PrivateKey.from_private_bytes(scalar).public_key().public_bytes_raw()
    subkey = kp.curve25519_body(seconds, point)

    def own(kind: int, signed: tuple[bytes, ...], subpackets: tuple[Subpacket, ...]) -> bytes:
        return sp.compose_signature(
            kind,
            signed,
            primary_body=primary,
            sign=signing.sign,
            created=created,
            subpackets=subpackets,
        )

    certification = own(
        sp.POSITIVE_CERTIFICATION, sp.signed_user_id(primary, user_id), _OWN_USER_ID_SUBPACKETS
    )
    binding = own(sp.SUBKEY_BINDING, sp.signed_subkey(primary, subkey), _OWN_SUBKEY_SUBPACKETS)
    packets = (
        (kp.TAG_PUBLIC_KEY, primary),
        (kp.TAG_USER_ID, user_id),
        (kp.TAG_SIGNATURE, certification),
        (kp.TAG_PUBLIC_SUBKEY, subkey),
        (kp.TAG_SIGNATURE, binding),
    )
    armored = armor(PUBLIC_KEY, b"".join(kp.write_packet(tag, body) for tag, body in packets))
    return UnlockedKey(Certificate.parse(armored, now=created), signing_secret, scalar)


def check_name(name: str) -> str:
    """A person's name for the user id, trimmed; raises InvalidInput."""
    name = name.strip()
    if len(name.encode(errors="replace")) > MAX_NAME_BYTES:
        raise InvalidInput(f"A name has at most {MAX_NAME_BYTES} bytes.")
    # The zero-width joiners are letters' business in Persian and the scripts of India.
    shown = name.replace("\u200c", "").replace("\u200d", "")
    if not shown.isprintable() or "<" in name or ">" in name:
        raise InvalidInput("A name has no control characters and neither < nor >.")
    return name


def _clamped(scalar: bytes) -> bytes:
    """RFC 7748 §5: programs that store scalars clamped refuse others (RFC 9580 §5.5.5.6.1.1)."""
    octets = bytearray(scalar)
    octets[0] &= 0xF8
    octets[31] = (octets[31] & 0x7F) | 0x40
    return bytes(octets)
