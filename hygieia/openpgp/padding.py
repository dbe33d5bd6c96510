"""How much padding a payload gets, and which octets (docs/spec/04).

PADMÉ (Nikitin and others, "Reducing Metadata Leakage from Encrypted Files", PoPETs 2019, §4): a
length keeps about its leading half of bits, so that at most log log bits of it are told, for at
most 12 % more bytes and less the longer it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hygieia.errors import LimitExceeded
from hygieia.limits import MAX_PADDING_BYTES
from hygieia.openpgp.packets import Tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hygieia.openpgp.session_keys import SessionKey

PADDING_HEADER_BYTES: Final = 6
"""Tag and a length of always five octets: shorter forms cannot reach every total."""

_INFO: Final = b"hygieia padding 1"
_STEP_BYTES: Final = 1 << 18


def padme(length: int) -> int:
    """The padded length for ``length``, both in bytes (PADMÉ); lengths 0 and 1 stay as they are."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    zeros = exponent - exponent.bit_length()
    mask = (1 << zeros) - 1
    return (length + mask) & ~mask


def padding_bytes(literal_bytes: int, floor_bytes: int = 0) -> int:
    """Body length of the Padding packet that follows a Literal packet of ``literal_bytes``.

    ``literal_bytes`` counts the encoded packet; both packets together are as long as
    max(PADMÉ(``literal_bytes`` + 6), ``floor_bytes``).

    Raises LimitExceeded where the padding would be longer than its length octets can say, which
    happens to no content under 512 GiB.
    """
    least = literal_bytes + PADDING_HEADER_BYTES
    length = max(padme(least), floor_bytes) - least
    if length > MAX_PADDING_BYTES:
        raise LimitExceeded("The content is too long to be padded: 512 GiB is the limit.")
    return length


def padding_header(body_bytes: int) -> bytes:
    """Header of the Padding packet (RFC 9580 §5.14), its length in five octets."""
    return bytes([0xC0 | Tag.PADDING, 0xFF]) + body_bytes.to_bytes(4, "big")


def padding_octets(session_key: SessionKey, salt: bytes, body_bytes: int) -> Iterator[bytes]:
    """Yield ``body_bytes`` pseudo-random padding octets in pieces.

    They are a function of session key and salt, so that an interrupted upload comes out the same
    when it is resumed (docs/spec/12 §6): AES-256-CTR from block 0 under HKDF-SHA-256(session key, salt,
    info ``hygieia padding 1``). The salt is fresh for every payload, hence so is the CTR key; the
    info separates it from the payload's own keys (RFC 9580 §5.13.2 has another one).
    """
    key = HKDF(hashes.SHA256(), 32, salt, _INFO).derive(session_key.octets)
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    zeros = bytes(min(body_bytes, _STEP_BYTES))
    for offset in range(0, body_bytes, _STEP_BYTES):
        yield stream.update(zeros[: body_bytes - offset])
