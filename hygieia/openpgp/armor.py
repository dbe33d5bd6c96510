"""ASCII armor (RFC 9580 §6): base64 between BEGIN and END lines, strictly one block a text."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from hygieia.errors import IntegrityError

PUBLIC_KEY: Final = "PGP PUBLIC KEY BLOCK"
PRIVATE_KEY: Final = "PGP PRIVATE KEY BLOCK"
SIGNATURE: Final = "PGP SIGNATURE"
MESSAGE: Final = "PGP MESSAGE"

_LINE_CHARACTERS: Final = 64
_BLOCK: Final = re.compile(
    r"-----BEGIN (?P<label>PGP [A-Z ]+)-----[ \t]*\r?\n"
    r"(?P<headers>(?:[A-Za-z-]+: [^\r\n]*\r?\n)*)"
    r"[ \t]*\r?\n"
    r"(?P<body>(?:[A-Za-z0-9+/]+={0,2}[ \t]*\r?\n)+)"
    r"(?:=[A-Za-z0-9+/]{4}[ \t]*\r?\n)?"
    r"-----END (?P=label)-----\s*",
    re.ASCII,
)


class ArmorError(IntegrityError):
    """The text is not one armored block of the kind wanted. Callers name what it should be."""


def armor(label: str, data: bytes) -> str:
    """Armored text of ``data``, ending in a line feed.

    The CRC-24 footer is written although RFC 9580 §6.1 calls it optional: GnuPG 2.2 and pgpy
    still look for it.
    """
    encoded = base64.b64encode(data).decode("ascii")
    lines = [
        encoded[start : start + _LINE_CHARACTERS]
        for start in range(0, len(encoded), _LINE_CHARACTERS)
    ]
    footer = base64.b64encode(_crc24(data).to_bytes(3, "big")).decode("ascii")
    return "\n".join(
        (f"-----BEGIN {label}-----", "", *lines, f"={footer}", f"-----END {label}-----", "")
    )


def dearmor(label: str, text: str, *, max_bytes: int) -> bytes:
    """The binary inside one armored block; raises ArmorError.

    ``max_bytes`` bounds the text before anything is looked at. Headers are skipped, and the CRC
    ignored, as RFC 9580 §6.1 demands: it protects nothing that a signature or MAC does not.
    """
    if len(text) > max_bytes:
        raise ArmorError(f"An armored text is longer than {max_bytes} bytes.")
    match = _BLOCK.fullmatch(text.strip())
    if match is None or match["label"] != label:
        raise ArmorError(f"The text is not one armored {label.title().replace('Pgp', 'PGP')}.")
    try:
        return base64.b64decode("".join(match["body"].split()), validate=True)
    except (binascii.Error, ValueError):
        raise ArmorError("An armored text is not valid base64.") from None


def _crc24_table() -> tuple[int, ...]:
    table = []
    for octet in range(256):
        crc = octet << 16
        for _ in range(8):
            crc = (crc << 1) ^ (0x1864CFB if crc & 0x800000 else 0)
        table.append(crc & 0xFFFFFF)
    return tuple(table)


_CRC24_TABLE: Final = _crc24_table()


def _crc24(data: bytes) -> int:
    """RFC 9580 §6.1.1, a table look-up per octet because every note is armored."""
    crc = 0xB704CE
    table = _CRC24_TABLE
    for octet in data:
        crc = ((crc << 8) & 0xFFFFFF) ^ table[(crc >> 16) ^ octet]
    return crc
