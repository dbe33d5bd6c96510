"""The two protobuf wire types that dag-pb, UnixFS and IPNS records use.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.ipld import varint

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARINT = 0
_BYTES = 2


def read_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield ``(field number, value)`` in the order written; linear in ``len(data)``.

    Raises ``ValueError`` on a cut or on a wire type other than varint and length-delimited.
    """
    position, end = 0, len(data)
    while position < end:
        tag, position = varint.decode_protobuf(data, position)
        kind = tag & 7
        value, position = varint.decode_protobuf(data, position)
        if kind == _BYTES:
            if value > end - position:
                raise ValueError("a field is cut short")
            yield tag >> 3, data[position : position + value]
            position += value
        elif kind == _VARINT:
            yield tag >> 3, value
        else:
            raise ValueError("a field has an unexpected wire type")


def bytes_field(number: int, value: bytes) -> bytes:
    """Return a length-delimited field."""
    return varint.encode(number << 3 | _BYTES) + varint.encode(len(value)) + value


def varint_field(number: int, value: int) -> bytes:
    """Return a varint field."""
    return varint.encode(number << 3 | _VARINT) + varint.encode(value)
