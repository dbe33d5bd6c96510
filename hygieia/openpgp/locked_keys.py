"""Secret keys under a passphrase: S2K usage 254, AES-256 CFB with a SHA-1 check (RFC 9580 §5.5.3).

The plainest form that pgpy, sq, gpg and OpenPGP.js all open. It does not authenticate the public
part, which is why :mod:`sealing` checks a MAC before this module sees an octet.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from hygieia.errors import CertificateRefused, SealedKeyRefused
from hygieia.limits import MAX_CERTIFICATE_PACKETS, MAX_SEALED_KEY_BYTES
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp.armor import PRIVATE_KEY, ArmorError, armor, dearmor

if TYPE_CHECKING:
    from hygieia.openpgp.keys import UnlockedKey

# Iterated S2K counts as RFC 9580 §3.7.1.3 codes them. A seal passphrase already is 256 bits of
# Argon2id: 65,536 octets, GnuPG's own least, cost under a millisecond and nothing is lost.
COUNT_FOR_STRETCHED: Final = 0x60
# The recovery code is 120 random bits, yet part of it may be seen over a shoulder: the largest
# count, 65,011,712 octets, makes guessing the remainder cost the most this format can ask.
COUNT_FOR_CODE: Final = 0xFF

_USAGE_SHA1_CHECKED: Final = 254
_AES256: Final = 9
_ITERATED: Final = 3
_HASHES: Final = {8: "sha256", 10: "sha512"}
_SALT_BYTES: Final = 8
_IV_BYTES: Final = 16
_CHECK_BYTES: Final = 20
_SPECIFIER_BYTES: Final = 4 + _SALT_BYTES + 1 + _IV_BYTES
_ED25519_BODY_BYTES: Final = 51
_CURVE25519_BODY_BYTES: Final = 56
_HASHED_AT_ONCE_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class OpenedSecrets:
    """The two key packets of a locked key and the secrets found in them."""

    primary_body: bytes
    subkey_body: bytes
    signing_secret: bytes = field(repr=False)
    decryption_secret: bytes = field(repr=False)


def lock(key: UnlockedKey, passphrase: str, *, count: int) -> str:
    """The armored secret key: the certificate's packets, its two keys locked by ``passphrase``."""
    signing_secret, decryption_secret = key.secrets()
    # OpenPGP writes this scalar as a big-endian number (RFC 9580 §5.5.5.6.1.1).
    secrets_of = {
        key.certificate.primary_body: (kp.TAG_SECRET_KEY, signing_secret),
        key.encryption_subkey.body: (kp.TAG_SECRET_SUBKEY, decryption_secret[::-1]),
    }
    packets = []
    for packet in key.certificate.packets:
        tag, body = packet.tag, packet.body
        if body in secrets_of:
            tag, secret = secrets_of[body]
            body += _lock_secret(secret, passphrase, count)
        packets.append(kp.write_packet(tag, body))
    return armor(PRIVATE_KEY, b"".join(packets))


def _lock_secret(secret: bytes, passphrase: str, count: int) -> bytes:
    salt, iv = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_IV_BYTES)
    plain = kp.write_mpi(secret)
    plain += hashlib.sha1(plain, usedforsecurity=False).digest()
    encryptor = _cipher(_derive("sha256", salt, passphrase, count), iv).encryptor()
    locked = encryptor.update(plain) + encryptor.finalize()
    return (
        bytes((_USAGE_SHA1_CHECKED, _AES256, _ITERATED, 8)) + salt + bytes((count,)) + iv + locked
    )


def unlock(armored: str, passphrase: str) -> OpenedSecrets:
    """Open what :func:`lock` wrote, or OpenPGP.js in the same form; raises SealedKeyRefused.

    Exactly one secret primary and one secret subkey, both locked: unprotected, dummy, Argon2 and
    additional secret keys are refused (threats MS-02, MS-06).
    """
    try:
        data = dearmor(PRIVATE_KEY, armored, max_bytes=MAX_SEALED_KEY_BYTES)
        packets = kp.split_packets(data, max_packets=MAX_CERTIFICATE_PACKETS)
    except (ArmorError, CertificateRefused) as error:
        raise SealedKeyRefused("The sealed key is not an armored OpenPGP secret key.") from error
    tags = (kp.TAG_SECRET_KEY, kp.TAG_SECRET_SUBKEY, kp.TAG_PUBLIC_KEY, kp.TAG_PUBLIC_SUBKEY)
    keys = [packet for packet in packets if packet.tag in tags]
    if [packet.tag for packet in keys] != [kp.TAG_SECRET_KEY, kp.TAG_SECRET_SUBKEY]:
        raise SealedKeyRefused("The sealed key is not one primary key with one subkey.")
    primary, subkey = (packet.body for packet in keys)
    return OpenedSecrets(
        primary_body=primary[:_ED25519_BODY_BYTES],
        subkey_body=subkey[:_CURVE25519_BODY_BYTES],
        signing_secret=_open_secret(primary[_ED25519_BODY_BYTES:], passphrase),
        decryption_secret=_open_secret(subkey[_CURVE25519_BODY_BYTES:], passphrase)[::-1],
    )


def _open_secret(locked: bytes, passphrase: str) -> bytes:
    usage, cipher, specifier, hash_algorithm = locked[:4].ljust(4, b"\0")
    if usage != _USAGE_SHA1_CHECKED or cipher != _AES256:
        raise SealedKeyRefused("The sealed key is not locked, or not as a seal is locked.")
    if specifier != _ITERATED or hash_algorithm not in _HASHES or len(locked) < _SPECIFIER_BYTES:
        raise SealedKeyRefused("The sealed key is locked in a way that is not accepted.")
    salt_end = 4 + _SALT_BYTES
    salt, count = locked[4:salt_end], locked[salt_end]
    iv, ciphertext = locked[salt_end + 1 : _SPECIFIER_BYTES], locked[_SPECIFIER_BYTES:]
    decryptor = _cipher(_derive(_HASHES[hash_algorithm], salt, passphrase, count), iv).decryptor()
    plain = decryptor.update(ciphertext) + decryptor.finalize()
    secret, check = plain[:-_CHECK_BYTES], plain[-_CHECK_BYTES:]
    digest = hashlib.sha1(secret, usedforsecurity=False).digest()
    if not hmac.compare_digest(digest, check):
        raise SealedKeyRefused("The sealed key does not open with this passphrase.")
    return _read_secret(secret)


def _read_secret(secret: bytes) -> bytes:
    try:
        value, end = kp.read_mpi(secret, 0, max_bytes=kp.POINT_BYTES)
    except ValueError:
        end = -1
        value = b""
    if end != len(secret):
        raise SealedKeyRefused("The sealed key holds a malformed secret.")
    return value.rjust(kp.POINT_BYTES, b"\0")


def _derive(hash_name: str, salt: bytes, passphrase: str, count: int) -> bytes:
    """Iterated and salted S2K (RFC 9580 §3.7.1.3) to the 32 octets of an AES-256 key."""
    octets = (16 + (count & 15)) << ((count >> 4) + 6)
    unit = salt + passphrase.encode()
    octets = max(octets, len(unit))
    # Hash many copies at a time: one unit a call would cost more in calls than in hashing.
    piece = unit * max(1, _HASHED_AT_ONCE_BYTES // len(unit))
    state = hashlib.new(hash_name)
    whole, rest = divmod(octets, len(piece))
    for _ in range(whole):
        state.update(piece)
    state.update(piece[:rest])
    return state.digest()[:32]


def _cipher(key: bytes, iv: bytes) -> Cipher[CFB]:
    return Cipher(algorithms.AES256(key), CFB(iv))
