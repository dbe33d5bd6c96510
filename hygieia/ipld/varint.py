"""Unsigned varints: seven bits an octet, least significant first.

The multiformats form (CIDs, CAR) is minimal and at most nine octets, so every number has one
encoding and fits in 63 bits (https://github.com/multiformats/unsigned-varint). Protobuf allows ten
octets and padding; ``decode_protobuf`` takes those, and callers that are strict encode again and
compare.
"""

from __future__ import annotations

from typing import Final

MAX_OCTETS: Final = 9
_PROTOBUF_OCTETS: Final = 10
_ONE_OCTET: Final = tuple(bytes((n,)) for n in range(0x80))


def encode(number: int) -> bytes:
    """Return the minimal encoding of ``number`` (0 … 2^64 - 1)."""
    if number < 0x80:
        return _ONE_OCTET[number]
    octets = bytearray()
    while number >= 0x80:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def decode(data: bytes | bytearray | memoryview, position: int = 0) -> tuple[int, int]:
    """Read a minimal varint; return it and the position after it.

    Raises ``EOFError`` when ``data`` ends inside it, ``ValueError`` when it is longer than nine
    octets or not minimal.
    """
    if position < len(data) and data[position] < 0x80:
        return data[position], position + 1
    number, shift = 0, 0
    for index in range(position, min(len(data), position + MAX_OCTETS)):
        octet = data[index]
        number |= (octet & 0x7F) << shift
        if octet < 0x80:
            if octet == 0 and shift:
                raise ValueError("a varint is not minimal")
            return number, index + 1
        shift += 7
    if len(data) - position >= MAX_OCTETS:
        raise ValueError("a varint is longer than nine octets")
    raise EOFError("a varint is cut short")


def decode_protobuf(data: bytes, position: int) -> tuple[int, int]:
    """Read a protobuf varint (64 bits, padding allowed); raises ``ValueError``."""
    number, shift = 0, 0
    for index in range(position, min(len(data), position + _PROTOBUF_OCTETS)):
        octet = data[index]
        number |= (octet & 0x7F) << shift
        if octet < 0x80:
            if number >> 64:
                raise ValueError("a varint is over 64 bits")
            return number, index + 1
        shift += 7
    raise ValueError("a varint is cut short or longer than ten octets")
