"""Content identifiers (https://github.com/multiformats/cid).

The vault uses one kind only: version 1, codec raw or dag-pb, SHA-256, written in lower-case base32.
``CID.parse`` and ``CID.decode`` take nothing else. The public gateway is also asked for other
kinds; ``parse_any`` and ``decode_any`` recognise those.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from hygieia.errors import InvalidInput
from hygieia.ipld import varint

RAW: Final = 0x55
DAG_PB: Final = 0x70
DAG_CBOR: Final = 0x71
LIBP2P_KEY: Final = 0x72

IDENTITY: Final = 0x00
SHA2_256: Final = 0x12

SHA2_256_BYTES: Final = 32
VAULT_CID_BYTES: Final = 36
"""Length of a vault CID in binary: four octets of prefix and the digest."""

MAX_DIGEST_BYTES: Final = 128
MAX_CID_TEXT: Final = 512

_BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VAULT_PREFIXES: Final = {
    bytes((1, codec, SHA2_256, SHA2_256_BYTES)): codec for codec in (RAW, DAG_PB)
}
_PREFIX_OF: Final = {codec: prefix for prefix, codec in _VAULT_PREFIXES.items()}
# 58 letters of 5 bits hold 36 octets and two bits more, which are 0 in the one form there is. The
# prefix's 32 bits fill six letters and begin the seventh.
_VAULT_TEXT: Final = re.compile(r"b(?:afkrei|afybei)[a-h][a-z2-7]{50}[aeimquy4]")


@dataclass(frozen=True, slots=True)
class CID:
    """A content identifier: what a block's bytes are (``codec``) and what they hash to."""

    codec: int
    hash_code: int
    digest: bytes
    version: int = 1

    @classmethod
    def of(cls, codec: int, data: bytes | bytearray | memoryview) -> CID:
        """Hash ``data`` (releases the GIL above 2 KiB) and return its CID."""
        return cls(codec, SHA2_256, hashlib.sha256(data).digest())

    @classmethod
    def parse(cls, text: str) -> CID:
        """Read a vault CID's text; raises ``InvalidInput`` for any other."""
        if not is_vault_text(text):
            raise InvalidInput("This is not a CID of the vault (version 1, base32, SHA-256).")
        return cls.decode(_from_base32(text[1:]))

    @classmethod
    def decode(cls, data: bytes) -> CID:
        """Read a vault CID's 36 octets; raises ``InvalidInput`` for any other."""
        codec = _VAULT_PREFIXES.get(data[:4])
        if codec is None or len(data) != VAULT_CID_BYTES:
            raise InvalidInput(
                "A CID is not of the vault's kind (version 1, raw or dag-pb, SHA-256)."
            )
        return cls(codec, SHA2_256, data[4:])

    def encode(self) -> bytes:
        """Return the binary form."""
        if self.is_vault:
            return _PREFIX_OF[self.codec] + self.digest
        multihash = varint.encode(self.hash_code) + varint.encode(len(self.digest)) + self.digest
        return multihash if self.version == 0 else b"\x01" + varint.encode(self.codec) + multihash

    @property
    def is_vault(self) -> bool:
        """Whether this is a kind of CID that vault objects are made of."""
        return (
            self.hash_code == SHA2_256
            and self.codec in _PREFIX_OF
            and self.version == 1
            and len(self.digest) == SHA2_256_BYTES
        )

    def __str__(self) -> str:
        if self.version == 0:
            return _to_base(self.encode(), _BASE58)
        return "b" + base64.b32encode(self.encode()).decode("ascii").lower().rstrip("=")

    def __repr__(self) -> str:
        return f"CID({str(self)!r})"


def is_vault_text(text: str) -> bool:
    """Whether ``CID.parse`` takes ``text``, at a tenth of its cost: an index holds 300,000."""
    return _VAULT_TEXT.fullmatch(text) is not None


def parse_any(text: str) -> CID:
    """Read any CID the public gateway may be asked for.

    Version 0 (``Qm…``) and version 1 in base32, base36, base58btc or base16. Raises
    ``InvalidInput``.
    """
    if not text.isascii() or not 2 <= len(text) <= MAX_CID_TEXT:
        raise InvalidInput("This is not a CID.")
    if len(text) == 46 and text.startswith("Qm"):
        cid = decode_any(_from_base(text, _BASE58))
        if cid.version != 0:
            raise InvalidInput("This is not a CID of version 0.")
        return cid
    cid = decode_any(_from_multibase(text))
    if cid.version == 0:
        raise InvalidInput("A CID of version 0 has no multibase prefix.")
    return cid


def decode_any(data: bytes) -> CID:
    """Read any CID's binary form, exactly; raises ``InvalidInput``."""
    cid, end = read_any(data, 0)
    if end != len(data):
        raise InvalidInput("A CID is followed by stray bytes.")
    return cid


def read_any(data: bytes, position: int) -> tuple[CID, int]:
    """Read a CID at ``position``; return it and the position after it. Raises ``InvalidInput``."""
    try:
        if data[position : position + 2] == b"\x12\x20":
            version, codec = 0, DAG_PB
        else:
            version, position = varint.decode(data, position)
            if version != 1:
                raise InvalidInput("A CID has an unknown version.")
            codec, position = varint.decode(data, position)
        hash_code, position = varint.decode(data, position)
        length, position = varint.decode(data, position)
    except (ValueError, EOFError) as error:
        raise InvalidInput(f"A CID cannot be read: {error}.") from error
    if length > MAX_DIGEST_BYTES or length > len(data) - position:
        raise InvalidInput("A CID is cut short or its digest is too long.")
    if hash_code == SHA2_256 and length != SHA2_256_BYTES:
        raise InvalidInput("A CID has a shortened SHA-256 digest.")
    end = position + length
    return CID(codec, hash_code, bytes(data[position:end]), version), end


def _from_multibase(text: str) -> bytes:
    base, rest = text[0], text[1:]
    if base in "bB" and rest == (rest.lower() if base == "b" else rest.upper()):
        return _from_base32(rest)
    if base == "k":
        return _from_base(rest, _BASE36)
    if base == "K":
        return _from_base(rest.lower(), _BASE36)
    if base == "z":
        return _from_base(rest, _BASE58)
    if base in "fF":
        try:
            # Not bytes.fromhex, which skips white space.
            return base64.b16decode(rest, casefold=True)
        except ValueError as error:
            raise InvalidInput("This CID is not base16.") from error
    raise InvalidInput("This CID is in an unknown base.")


def _from_base32(text: str) -> bytes:
    try:
        return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError as error:
        raise InvalidInput("This CID is not base32.") from error


def _from_base(text: str, alphabet: str) -> bytes:
    number = 0
    for letter in text:
        digit = alphabet.find(letter)
        if digit < 0:
            raise InvalidInput(f"This CID is not base{len(alphabet)}.")
        number = number * len(alphabet) + digit
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _to_base(data: bytes, alphabet: str) -> str:
    number, letters = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, len(alphabet))
        letters = alphabet[digit] + letters
    return alphabet[0] * (len(data) - len(data.lstrip(b"\0"))) + letters


def to_base36(data: bytes) -> str:
    """Return ``data`` in base36 with its multibase prefix ``k``."""
    return "k" + _to_base(data, _BASE36)


def from_base58(text: str) -> bytes:
    """Read base58btc without a prefix; raises ``InvalidInput``."""
    return _from_base(text, _BASE58)
