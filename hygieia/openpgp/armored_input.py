"""A message as octets, whether it comes binary or armored (RFC 9580 §6.2), as it flows."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, BinaryIO, Final

from hygieia.errors import EnvelopeRefused, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ_BYTES: Final = 1 << 20
_MAX_LINE_BYTES: Final = 1024  # RFC 9580 §6.2 has 76; some write longer ones
_MAX_ARMOR_HEADERS: Final = 64
_LINES_AT_ONCE: Final = 4096
_BEGIN: Final = b"-----BEGIN PGP MESSAGE-----"
_END: Final = b"-----END PGP MESSAGE-----"


def binary_octets(source: BinaryIO) -> Iterator[bytes]:
    """Yield the octets of the message in ``source``, armor removed.

    Raises:
        EnvelopeRefused: armored, but not one message.
        IntegrityError: armored and cut short.
    """
    first = source.readline(_MAX_LINE_BYTES)
    if first.rstrip() == _BEGIN:
        _skip_armor_headers(source)
        yield from _dearmored(source)
        return
    if first.startswith(b"-----"):
        raise EnvelopeRefused("The text is not one encrypted message.")
    yield first
    while octets := source.read(_READ_BYTES):
        yield octets


def _skip_armor_headers(source: BinaryIO) -> None:
    for _ in range(_MAX_ARMOR_HEADERS):
        if not source.readline(_MAX_LINE_BYTES).strip():
            return
    raise EnvelopeRefused("The text is not one encrypted message.")


def _dearmored(source: BinaryIO) -> Iterator[bytes]:
    """Decode lines in batches; the CRC is ignored, as RFC 9580 §6.1 demands."""
    lines: list[bytes] = []
    for line in iter(lambda: source.readline(_MAX_LINE_BYTES).strip(), _END):
        if not line:
            raise IntegrityError("The message is cut short.")
        if not line.startswith(b"="):
            lines.append(line)
        if len(lines) == _LINES_AT_ONCE:
            text = b"".join(lines)
            whole = len(text) - len(text) % 4
            lines = [text[whole:]]
            yield _decode(text[:whole])
    yield _decode(b"".join(lines))


def _decode(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise EnvelopeRefused("The text is not one encrypted message.") from None
