"""SEIPD packets of version 1, as most of the world still writes them: reading, for import only.

RFC 9580 §5.13.1: AES-CFB, with a SHA-1 of the plaintext at its end (the MDC). Nothing inside is
authentic before that end has been seen, so a message is read twice: once to check, once to
release. SHA-1 is used only because the format has it; nothing of ours is written this way.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, BinaryIO, Final

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from hygieia.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION: Final = 1
KEY_BYTES: Final = {7: 16, 8: 24, 9: 32}  # AES alone: the older ciphers have short blocks
_PREFIX_BYTES: Final = 18
_MDC_START: Final = b"\xd3\x14"
_MDC_BYTES: Final = 22
_READ_BYTES: Final = 1 << 20


def check(source: BinaryIO, key: bytes) -> None:
    """Read all of ``source``, a packet's body after its version, and verify its MDC.

    Raises:
        IntegrityError: altered, cut short, or another session key: the three are not told apart.
    """
    digest = hashlib.sha1(usedforsecurity=False)
    held = b""
    for octets in _decrypt(source, key):
        joined = held + octets
        held = joined[-_MDC_BYTES:]
        digest.update(memoryview(joined)[:-_MDC_BYTES])
    digest.update(held[:2])
    whole = len(held) == _MDC_BYTES and held.startswith(_MDC_START)
    if not whole or not hmac.compare_digest(digest.digest(), held[2:]):
        raise IntegrityError("The content was altered, cut short, or is not for this key.")


def release(source: BinaryIO, key: bytes) -> Iterator[bytes]:
    """Yield the packets inside ``source``, which :func:`check` has accepted: without the MDC."""
    skip = _PREFIX_BYTES
    held = b""
    for octets in _decrypt(source, key):
        joined = held + octets[skip:]
        skip = max(0, skip - len(octets))
        held = joined[-_MDC_BYTES:]
        yield joined[:-_MDC_BYTES]


def _decrypt(source: BinaryIO, key: bytes) -> Iterator[bytes]:
    decryptor = Cipher(algorithms.AES(key), CFB(bytes(16))).decryptor()
    while octets := source.read(_READ_BYTES):
        yield decryptor.update(octets)
