"""dag-cbor: maps, lists and links in CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/).

Needed for CAR headers, IPNS records and the links of blocks that the public gateway is asked for.
Lengths are definite, links are tag 42 around a binary CID; depth and work are bounded by limits of
ours.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from hygieia.errors import DagRefused, InvalidInput
from hygieia.ipld.cid import CID, decode_any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Value: TypeAlias = "bool | int | float | str | bytes | CID | list[Value] | dict[str, Value] | None"

_MAX_DEPTH: Final = 64
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = range(8)
_LINK_TAG: Final = 42
_SIMPLE_VALUES: Final[Mapping[int, bool | None]] = {20: False, 21: True, 22: None}


def encode(value: Value) -> bytes:
    """Return the canonical octets; map keys by length, then by octets."""
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, CID):
        binary = b"\0" + value.encode()
        return b"\xd8\x2a" + _head(_BYTES, len(binary)) + binary
    if isinstance(value, list):
        return _head(_LIST, len(value)) + b"".join(map(encode, value))
    keys = sorted((key.encode() for key in value), key=lambda key: (len(key), key))
    items = [_head(_TEXT, len(key)) + key + encode(value[key.decode()]) for key in keys]
    return _head(_MAP, len(items)) + b"".join(items)


def decode(octets: bytes) -> Value:
    """Read one value that fills ``octets``; raises ``DagRefused``.

    Non-minimal lengths, indefinite lengths, other tags, repeated keys and nesting over 64 levels
    are refused; the order of a map's keys is not checked.
    """
    reader = _Reader(octets)
    try:
        value = reader.value(0)
    except (IndexError, struct.error, UnicodeDecodeError, InvalidInput) as error:
        raise DagRefused("A dag-cbor block cannot be read.") from error
    if reader.position != len(octets):
        raise DagRefused("A dag-cbor block is followed by stray bytes.")
    return value


def links(value: Value) -> Iterator[CID]:
    """Yield the links in a decoded value, in order."""
    if isinstance(value, CID):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from links(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from links(item)


def follow(value: Value, segments: Sequence[str]) -> tuple[Value, int]:
    """Walk ``segments`` into a decoded value, stopping at a link.

    Returns what was reached and how many segments were used. Raises ``DagRefused`` where a
    segment names nothing.
    """
    used = 0
    for segment in segments:
        if isinstance(value, CID):
            break
        if isinstance(value, dict) and segment in value:
            value = value[segment]
        elif isinstance(value, list) and _is_index(segment, len(value)):
            value = value[int(segment)]
        else:
            raise DagRefused("A path names nothing in a dag-cbor block.")
        used += 1
    return value, used


def _is_index(segment: str, length: int) -> bool:
    return segment.isascii() and segment.isdigit() and len(segment) < 10 and int(segment) < length


def _text(text: str) -> bytes:
    octets = text.encode()
    return _head(_TEXT, len(octets)) + octets


def _head(major: int, number: int) -> bytes:
    for limit, code, width in ((24, None, 0), (1 << 8, 24, 1), (1 << 16, 25, 2), (1 << 32, 26, 4)):
        if number < limit:
            low = number if code is None else code
            return bytes((major << 5 | low,)) + (number.to_bytes(width, "big") if width else b"")
    return bytes((major << 5 | 27,)) + number.to_bytes(8, "big")


class _Reader:
    """A cursor over one block. A list or map claims at most as many items as octets are left."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.position = 0

    def value(self, depth: int) -> Value:
        if depth > _MAX_DEPTH:
            raise DagRefused("A dag-cbor block is nested too deeply.")
        major, low = divmod(self._take(1)[0], 32)
        if major == _SIMPLE:
            return self._simple(low)
        number = self._number(low)
        if major == _UNSIGNED:
            return number
        if major == _NEGATIVE:
            return -1 - number
        if major == _BYTES:
            return self._take(number)
        if major == _TEXT:
            return self._take(number).decode()
        return self._nested(major, number, depth)

    def _nested(self, major: int, number: int, depth: int) -> Value:
        if major == _TAG:
            return self._link(number, depth)
        if number > len(self.octets) - self.position:
            raise DagRefused("A dag-cbor block is cut short.")
        if major == _LIST:
            return [self.value(depth + 1) for _ in range(number)]
        items: dict[str, Value] = {}
        for _ in range(number):
            key = self.value(depth + 1)
            if not isinstance(key, str) or key in items:
                raise DagRefused("A dag-cbor map has a key twice or one that is no text.")
            items[key] = self.value(depth + 1)
        return items

    def _link(self, tag: int, depth: int) -> CID:
        binary = self.value(depth + 1)
        if tag != _LINK_TAG or not isinstance(binary, bytes) or binary[:1] != b"\0":
            raise DagRefused("A dag-cbor block has a tag that is no link.")
        return decode_any(binary[1:])

    def _simple(self, low: int) -> Value:
        if low == 27:
            number = cast("float", struct.unpack(">d", self._take(8))[0])
            if not math.isfinite(number):
                raise DagRefused("A dag-cbor block has a number that is none.")
            return number
        if low not in _SIMPLE_VALUES:
            raise DagRefused("A dag-cbor block has an unknown simple value.")
        return _SIMPLE_VALUES[low]

    def _number(self, low: int) -> int:
        if low < 24:
            return low
        if low > 27:
            raise DagRefused("A dag-cbor block has an indefinite length.")
        width = 1 << (low - 24)
        number = int.from_bytes(self._take(width), "big")
        if number < (24 if width == 1 else 1 << 4 * width):
            raise DagRefused("A dag-cbor block has a number that is not minimal.")
        return number

    def _take(self, count: int) -> bytes:
        if count > len(self.octets) - self.position:
            raise DagRefused("A dag-cbor block is cut short.")
        start, self.position = self.position, self.position + count
        return self.octets[start : self.position]
