"""UnixFS files and directories inside dag-pb nodes (https://specs.ipfs.tech/unixfs/).

``decode_file`` and ``decode_directory`` are for vault objects: one encoding each, every size and
name checked. ``decode_any`` tells the public gateway what a node is, whoever wrote it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.errors import DagRefused
from hygieia.ipld import dagpb, varint
from hygieia.ipld.cid import CID, RAW
from hygieia.ipld.dagpb import Link
from hygieia.ipld.protobuf import read_fields
from hygieia.limits import MAX_INTEGER, MAX_LINK_NAME_BYTES, MAX_LINKS

if TYPE_CHECKING:
    from collections.abc import Iterable

_DIRECTORY_DATA: Final = b"\x08\x01"
_FILE_HEAD: Final = b"\x08\x02\x18"
_BLOCK_SIZE_TAG: Final = 0x20
_MAX_HAMT_FANOUT: Final = 1024


class Kind(enum.IntEnum):
    """What a UnixFS node is."""

    RAW = 0
    DIRECTORY = 1
    FILE = 2
    METADATA = 3
    SYMLINK = 4
    HAMT = 5


@dataclass(frozen=True, slots=True)
class Child:
    """A part of a file: ``size_bytes`` of content, ``tsize`` as in dag-pb."""

    cid: CID
    size_bytes: int
    tsize: int


@dataclass(frozen=True, slots=True)
class FileNode:
    """A file of ``size_bytes``, its content in ``children``, in order."""

    children: tuple[Child, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class DirectoryNode:
    """A directory; ``entries`` in order of their names' octets."""

    entries: tuple[Link, ...]

    def find(self, name: str) -> Link | None:
        """Return the entry of that name, or None."""
        return next((entry for entry in self.entries if entry.name == name), None)


@dataclass(frozen=True, slots=True)
class AnyNode:
    """A UnixFS node as the public gateway meets it; sizes are claims."""

    kind: Kind
    links: tuple[Link, ...]
    data: bytes
    size_bytes: int
    block_sizes: tuple[int, ...]
    hash_type: int
    fanout: int


def encode_file(children: Iterable[Child]) -> bytes:
    """Return the file node over ``children``."""
    parts: list[bytes] = []
    sizes: list[bytes] = []
    total = 0
    for child in children:
        parts.append(dagpb.encode_link(child.cid, b"", child.tsize))
        sizes.append(b"\x20" + varint.encode(child.size_bytes))
        total += child.size_bytes
    data = b"\x08\x02\x18%b%b" % (varint.encode(total), b"".join(sizes))
    parts.append(b"\x0a%b%b" % (varint.encode(len(data)), data))
    return b"".join(parts)


def encode_directory(entries: Iterable[Link]) -> bytes:
    """Return the directory node over ``entries``, sorted by name.

    Raises ``DagRefused`` for a name that ``decode_directory`` would refuse.
    """
    ordered = sorted(entries, key=lambda entry: _name_octets(entry.name))
    _check_names(ordered)
    return dagpb.encode_node(ordered, _DIRECTORY_DATA)


def decode_file(octets: bytes) -> FileNode:
    """Read a vault file node; raises ``DagRefused``.

    It has 1 … 1024 nameless links, one block size over 0 for each, their sum as its size, no
    content of its own, and nothing else; a raw child's Tsize is its size.
    """
    node = dagpb.decode_node(octets)
    size_bytes, block_sizes = _read_file_data(node.data or b"")
    if not 1 <= len(node.links) <= MAX_LINKS or len(block_sizes) != len(node.links):
        raise DagRefused("A file node has the wrong number of links or sizes.")
    children = tuple(
        _checked_child(link, size) for link, size in zip(node.links, block_sizes, strict=True)
    )
    if size_bytes != sum(block_sizes) or size_bytes > MAX_INTEGER:
        raise DagRefused("A file node's size is not the sum of its parts.")
    return FileNode(children, size_bytes)


def _read_file_data(data: bytes) -> tuple[int, list[int]]:
    """Read a vault file's UnixFS data: type, size, block sizes, in this order and nothing else."""
    if not data.startswith(_FILE_HEAD):
        raise DagRefused("A node is not a plain file.")
    block_sizes: list[int] = []
    try:
        size_bytes, position = varint.decode(data, len(_FILE_HEAD))
        while position < len(data):
            if data[position] != _BLOCK_SIZE_TAG:
                raise DagRefused("A file node has a field that vault files do not have.")
            block_size, position = varint.decode(data, position + 1)
            block_sizes.append(block_size)
    except (ValueError, EOFError) as error:
        raise DagRefused("A file node is not in canonical form.") from error
    return size_bytes, block_sizes


def decode_directory(octets: bytes) -> DirectoryNode:
    """Read a vault directory node; raises ``DagRefused``.

    Names are unique, in order, at most 255 octets, without ``/``, control characters, ``.`` and
    ``..``.
    """
    node = dagpb.decode_node(octets)
    if node.data != _DIRECTORY_DATA:
        raise DagRefused("A node is not a plain directory.")
    _check_names(node.links)
    return DirectoryNode(node.links)


def decode_any(octets: bytes) -> AnyNode:
    """Read any UnixFS node; raises ``DagRefused`` if it is none.

    HAMT shards have a fanout that is a power of two of at most 1024; whether sizes agree is left
    to whoever follows them.
    """
    node = dagpb.decode_any(octets)
    if node.data is None:
        raise DagRefused("A node has no UnixFS data.")
    claim = _decode_data(node.data)
    fanout = claim.fanout
    if claim.kind is Kind.HAMT and (fanout & (fanout - 1) or not 2 <= fanout <= _MAX_HAMT_FANOUT):
        raise DagRefused("A sharded directory has an impossible fanout.")
    return AnyNode(
        claim.kind,
        node.links,
        claim.data,
        claim.size_bytes,
        claim.block_sizes,
        claim.hash_type,
        fanout,
    )


def _checked_child(link: Link, size_bytes: int) -> Child:
    if link.name:
        raise DagRefused("A file node's link has a name.")
    if not 0 < size_bytes <= MAX_INTEGER:
        raise DagRefused("A file node claims an impossible size.")
    if link.tsize < size_bytes or (link.cid.codec == RAW and link.tsize != size_bytes):
        raise DagRefused("A file node's Tsize is false.")
    return Child(link.cid, size_bytes, link.tsize)


def _name_octets(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise DagRefused("A directory has an entry without a usable name.") from error


def _check_names(entries: Iterable[Link]) -> None:
    last = b""
    for entry in entries:
        name = _name_octets(entry.name)
        if name in (b"", b".", b"..") or len(name) > MAX_LINK_NAME_BYTES:
            raise DagRefused("A directory has an entry without a usable name.")
        if any(c == "/" or c < " " or "\x7f" <= c <= "\x9f" for c in entry.name):
            raise DagRefused("A directory has an entry without a usable name.")
        if name <= last:
            raise DagRefused("A directory has an entry twice or out of order.")
        last = name


@dataclass(slots=True)
class _Claim:
    kind: Kind
    data: bytes = b""
    size_bytes: int = 0
    block_sizes: tuple[int, ...] = ()
    hash_type: int = 0
    fanout: int = 0


def _decode_data(octets: bytes) -> _Claim:
    numbers: dict[int, int] = {}
    block_sizes: list[int] = []
    data: bytes | None = None
    try:
        for number, value in read_fields(octets):
            if number == 4 and isinstance(value, int):
                block_sizes.append(value)
            elif number == 4 and isinstance(value, bytes):
                block_sizes += _packed(value)
            elif number == 2 and isinstance(value, bytes) and data is None:
                data = value
            elif isinstance(value, int) and number not in numbers:
                numbers[number] = value
            elif number != 8:  # the modification time says nothing here
                raise DagRefused("A UnixFS node has an unexpected field.")
        kind = Kind(numbers[1])
    except (ValueError, KeyError) as error:
        raise DagRefused("A node's UnixFS data cannot be read.") from error
    size_bytes = numbers.get(3, len(data or b""))
    return _Claim(
        kind, data or b"", size_bytes, tuple(block_sizes), numbers.get(5, 0), numbers.get(6, 0)
    )


def _packed(octets: bytes) -> list[int]:
    numbers: list[int] = []
    position = 0
    while position < len(octets):
        number, position = varint.decode_protobuf(octets, position)
        numbers.append(number)
    return numbers
