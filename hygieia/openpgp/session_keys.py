"""Session keys, wrapped to a recipient by ECDH and unwrapped again (docs/spec/04).

RFC 9580 §11.5 with a version 4 key on legacy Curve25519: an X25519 shared secret, the KDF with
the recipient's fingerprint in it, AES key wrap (RFC 3394). Written are PKESK packets of version 6
without a recipient (RFC 9580 §5.1.2): who may read is not told to whoever stores the packet.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from hygieia.errors import CertificateRefused, EnvelopeRefused, IntegrityError
from hygieia.openpgp.packets import ANONYMOUS_ECDH_V6, ECDH, Tag, pkesk_fields, write_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hygieia.openpgp.certificates import Certificate, EncryptionSubkey
    from hygieia.openpgp.keys import UnlockedKey

SESSION_KEY_BYTES: Final = 32

# Object identifier of legacy Curve25519 (RFC 9580 §9.2), its length octet first.
_CURVE25519: Final = bytes.fromhex("0a2b060104019755010501")
_ANONYMOUS_SENDER: Final = b"Anonymous Sender    "
_KDF_HASHES: Final[dict[int, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]]] = {
    8: hashes.SHA256,
    9: hashes.SHA384,
    10: hashes.SHA512,
}
_KEK_BYTES: Final = {7: 16, 8: 24, 9: 32}
_POINT_MPI: Final = b"\x01\x07\x40"  # 263 bits; the prefix 0x40 is part of the number
_PADDED_BYTES: Final = 40  # RFC 9580 §11.5 allows one length for every cipher


class SessionKey:
    """The 32 octets of an AES-256 session key. Never printed, compared in constant time."""

    __slots__ = ("octets",)

    def __init__(self, octets: bytes) -> None:
        if len(octets) != SESSION_KEY_BYTES:
            raise EnvelopeRefused("A session key has the wrong length.")
        self.octets: Final = bytes(octets)

    def __repr__(self) -> str:
        return "SessionKey(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SessionKey):
            return NotImplemented
        return hmac.compare_digest(self.octets, other.octets)

    def __hash__(self) -> int:
        return hash((SessionKey, self.octets))

    def __reduce__(self) -> str:
        raise TypeError("A session key is not pickled.")


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A session key and the PKESK packet it came from."""

    session_key: SessionKey
    packet: bytes


def make_session_key() -> SessionKey:
    """Make a random session key."""
    return SessionKey(secrets.token_bytes(SESSION_KEY_BYTES))


def wrap(session_key: SessionKey, certificate: Certificate) -> bytes:
    """Wrap ``session_key`` to ``certificate``: one anonymous PKESK packet of version 6.

    Raises:
        CertificateRefused: the certificate has no subkey that may be encrypted to now, or that
            subkey's point is degenerate.
    """
    return wrap_to_subkey(session_key, certificate.encryption_subkey())


def wrap_to_subkey(session_key: SessionKey, subkey: EncryptionSubkey) -> bytes:
    """As :func:`wrap`, to a subkey that was found usable before."""
    ephemeral = X25519PrivateKey.generate()
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(subkey.point))
    except ValueError:
        raise CertificateRefused("An encryption key is not a usable point.") from None
    kek = _key_encryption_key(shared, subkey)
    wrapped = aes_key_wrap(kek, _pad(session_key.octets + checksum(session_key.octets)))
    point = _POINT_MPI + ephemeral.public_key().public_bytes_raw()
    body = ANONYMOUS_ECDH_V6 + point + bytes([len(wrapped)]) + wrapped
    return write_header(Tag.PKESK, len(body)) + body


def unwrap(packets: Iterable[bytes], key: UnlockedKey) -> Unwrapped:
    """Find the first packet that ``key`` opens.

    Whoever has the certificate can add a packet that opens to a key of their own: when the
    payload then fails, try the others (:func:`unwrap_each`, :mod:`hygieia.openpgp.envelope`).

    Raises:
        EnvelopeRefused: the key opens none of them.
    """
    for unwrapped in unwrap_each(packets, key):
        return unwrapped
    raise EnvelopeRefused("This key is not among the recipients.")


def unwrap_each(packets: Iterable[bytes], key: UnlockedKey) -> Iterator[Unwrapped]:
    """Yield what every packet that ``key`` opens holds.

    ``packets`` are those :func:`hygieia.openpgp.packets.parse_header_leaf` returned: whole,
    anonymous, of version 6.
    """
    for packet in packets:
        fields = pkesk_fields(packet)
        octets = unwrap_fields(fields, key)
        if octets is None or len(octets) != SESSION_KEY_BYTES + 2:
            continue
        secret, total = octets[:-2], octets[-2:]
        if hmac.compare_digest(checksum(secret), total):
            yield Unwrapped(SessionKey(secret), packet)


def unwrap_fields(fields: bytes, key: UnlockedKey) -> bytes | None:
    """Open the ECDH fields of a PKESK (RFC 9580 §5.1.5): what was wrapped, padding removed.

    None when ``key`` is not the recipient or the fields are malformed.
    """
    if fields[:3] != _POINT_MPI or len(fields) < 36:
        return None
    point, size, wrapped = fields[3:35], fields[35], fields[36:]
    if len(wrapped) != size or not 24 <= size <= 248 or size % 8:
        return None
    try:
        kek = _key_encryption_key(key.ecdh(point), key.encryption_subkey)
        return _unpad(aes_key_unwrap(kek, wrapped))
    except (InvalidUnwrap, IntegrityError):
        return None


def _key_encryption_key(shared: bytes, subkey: EncryptionSubkey) -> bytes:
    """Derive the key that wraps the session key (RFC 9580 §11.5, RFC 6637 §7).

    Raises:
        CertificateRefused: the subkey asks for a KDF hash or cipher that we do not know.
    """
    params = subkey.params
    hash_kind = _KDF_HASHES.get(params.hash_algorithm)
    kek_bytes = _KEK_BYTES.get(params.cipher_algorithm)
    if hash_kind is None or kek_bytes is None:
        raise CertificateRefused("An encryption key asks for an unknown key derivation.")
    digest = hashes.Hash(hash_kind())
    digest.update(b"\x00\x00\x00\x01" + shared + _CURVE25519)
    digest.update(bytes([ECDH, 3, 1, params.hash_algorithm, params.cipher_algorithm]))
    digest.update(_ANONYMOUS_SENDER + subkey.fingerprint)
    return digest.finalize()[:kek_bytes]


def checksum(octets: bytes) -> bytes:
    """Sum of the octets modulo 65536, two octets (RFC 9580 §5.1)."""
    return (sum(octets) & 0xFFFF).to_bytes(2, "big")


def _pad(octets: bytes) -> bytes:
    count = _PADDED_BYTES - len(octets)
    return octets + bytes([count]) * count


def _unpad(octets: bytes) -> bytes | None:
    """Remove the padding of RFC 9580 §11.5; None when it is malformed."""
    count = octets[-1]
    if not 1 <= count < len(octets) or octets[-count:] != bytes([count]) * count:
        return None
    return octets[:-count]
