"""The table at the end of a pack: which block stands where, so that a pack speaks for itself.

It begins at a multiple of 4 KiB after the last block: for each block the length of its multihash
(1 octet), the multihash, its size (4) and its offset (8). The pack's last 16 octets are MAGIC, the
table's length (4) and its CRC-32 (4). Blocks removed since stand in it too: their places are holes.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC: Final = b"HyPack1\n"
MAX_TABLE_BYTES: Final = 64 << 20
_TRAILER: Final = struct.Struct(">8sII")
_PLACE: Final = struct.Struct(">IQ")


@dataclass(frozen=True, slots=True)
class Placed:
    """A block's place in a pack."""

    multihash: bytes
    offset: int
    size_bytes: int


def encode_table(placed: Iterable[Placed]) -> bytes:
    """Table and trailer."""
    table = b"".join(
        bytes((len(one.multihash),)) + one.multihash + _PLACE.pack(one.size_bytes, one.offset)
        for one in placed
    )
    return table + _TRAILER.pack(MAGIC, len(table), zlib.crc32(table))


def read_table(descriptor: int) -> list[Placed] | None:
    """The table at the end of an open file, or None if there is no whole one."""
    end = os.fstat(descriptor).st_size - _TRAILER.size
    if end < 0:
        return None
    magic, length, checksum = _TRAILER.unpack(os.pread(descriptor, _TRAILER.size, end))
    if magic != MAGIC or length > min(end, MAX_TABLE_BYTES):
        return None
    table = os.pread(descriptor, length, end - length)
    if len(table) != length or zlib.crc32(table) != checksum:
        return None
    return list(_entries(table))


def _entries(table: bytes) -> Iterable[Placed]:
    position = 0
    while position < len(table):
        key_end = position + 1 + table[position]
        size_bytes, offset = _PLACE.unpack_from(table, key_end)
        yield Placed(table[position + 1 : key_end], offset, size_bytes)
        position = key_end + _PLACE.size
