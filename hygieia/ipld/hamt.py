"""Names in sharded UnixFS directories (https://specs.ipfs.tech/unixfs/, HAMT directories).

The vault has none: its directories are small and plain. The public gateway meets them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hygieia.errors import DagRefused, NotFound

if TYPE_CHECKING:
    from hygieia.ipld.dagpb import Link
    from hygieia.ipld.unixfs import AnyNode

_MURMUR3_X64_64: Final = 0x22
_HASH_BITS: Final = 64
_MASK: Final = (1 << 64) - 1
_C1: Final = 0x87C37B91114253D5
_C2: Final = 0x4CF5AD432745937F


def prefix_length(shard: AnyNode) -> int:
    """Return how many hexadecimal digits stand before each name in a shard."""
    return len(f"{shard.fanout - 1:X}")


def look_up(shard: AnyNode, name: str, depth: int) -> tuple[Link, bool]:
    """Find ``name`` in a shard ``depth`` shards below the directory's root.

    Returns the link to follow and whether it is the entry itself (else a further shard). Raises
    ``NotFound``, or ``DagRefused`` for another hash or more shards than the hash has bits.
    """
    if shard.hash_type != _MURMUR3_X64_64:
        raise DagRefused("A sharded directory uses another hash than murmur3.")
    bits = shard.fanout.bit_length() - 1
    shift = _HASH_BITS - bits * (depth + 1)
    if shift < 0:
        raise DagRefused("A sharded directory is too deep.")
    place = murmur3_64(name.encode()) >> shift & (shard.fanout - 1)
    prefix = f"{place:0{prefix_length(shard)}X}"
    for link in shard.links:
        if link.name == prefix:
            return link, False
        if link.name == prefix + name:
            return link, True
    raise NotFound("A directory has no entry of that name.")


def murmur3_64(data: bytes) -> int:
    """Return the first 64 bits of MurmurHash3 x64 128, seed 0 (Austin Appleby's, public domain)."""
    h1 = h2 = 0
    whole = len(data) & ~15
    for i in range(0, whole, 16):
        h1 ^= _mix1(int.from_bytes(data[i : i + 8], "little"))
        h1 = ((_rotate(h1, 27) + h2) * 5 + 0x52DCE729) & _MASK
        h2 ^= _mix2(int.from_bytes(data[i + 8 : i + 16], "little"))
        h2 = ((_rotate(h2, 31) + h1) * 5 + 0x38495AB5) & _MASK
    h2 ^= _mix2(int.from_bytes(data[whole + 8 :], "little"))
    h1 ^= _mix1(int.from_bytes(data[whole : whole + 8], "little"))
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    return (_finish(h1) + _finish(h2)) & _MASK


def _rotate(number: int, by: int) -> int:
    return (number << by | number >> (64 - by)) & _MASK


def _mix1(number: int) -> int:
    return _rotate(number * _C1 & _MASK, 31) * _C2 & _MASK


def _mix2(number: int) -> int:
    return _rotate(number * _C2 & _MASK, 33) * _C1 & _MASK


def _finish(number: int) -> int:
    number = (number ^ number >> 33) * 0xFF51AFD7ED558CCD & _MASK
    number = (number ^ number >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    return number ^ number >> 33
