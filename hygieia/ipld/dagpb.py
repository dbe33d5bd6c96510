"""dag-pb nodes: an ordered list of named, sized links and some bytes.

Spec: https://ipld.io/specs/codecs/dag-pb/spec/. ``decode_node`` accepts exactly the octets that
``encode_node`` writes. ``decode_any`` reads whatever protobuf allows, for the public gateway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.errors import DagRefused, InvalidInput
from hygieia.ipld import varint
from hygieia.ipld.cid import CID, VAULT_CID_BYTES
from hygieia.ipld.cid import decode_any as decode_any_cid
from hygieia.ipld.protobuf import bytes_field, read_fields
from hygieia.limits import MAX_BLOCK_BYTES, MAX_INTEGER, MAX_NODE_LINKS_READ

if TYPE_CHECKING:
    from collections.abc import Iterable

_NODE_DATA: Final = 1
_NODE_LINK: Final = 2
_LINK_HASH: Final = 1
_LINK_NAME: Final = 2
_LINK_TSIZE: Final = 3
_LINK_TAG: Final = 0x12
_HASH_HEAD: Final = b"\x0a" + bytes((VAULT_CID_BYTES,))


@dataclass(frozen=True, slots=True)
class Link:
    """A link. ``tsize``: octets of the linked block and of all below it, repeats counted."""

    cid: CID
    name: str
    tsize: int


@dataclass(frozen=True, slots=True)
class Node:
    """A decoded node; ``data`` is None where the field is absent."""

    links: tuple[Link, ...]
    data: bytes | None


def encode_link(cid: CID, name: bytes, tsize: int) -> bytes:
    """Return one link as a field of its node; every field is written, an empty name too."""
    binary = cid.encode()
    head = _HASH_HEAD if len(binary) == VAULT_CID_BYTES else b"\x0a" + varint.encode(len(binary))
    body = b"%b%b\x12%b%b\x18%b" % (
        head,
        binary,
        varint.encode(len(name)),
        name,
        varint.encode(tsize),
    )
    return b"\x12%b%b" % (varint.encode(len(body)), body)


def encode_node(links: Iterable[Link], data: bytes) -> bytes:
    """Return the canonical octets: links in the order given, then data."""
    encoded = [encode_link(link.cid, link.name.encode(), link.tsize) for link in links]
    encoded.append(bytes_field(_NODE_DATA, data))
    return b"".join(encoded)


def decode_node(octets: bytes) -> Node:
    """Read a node in its one canonical form, with vault CIDs only; raises ``DagRefused``.

    Every octet is expected before it is read, so whatever is accepted encodes again to itself.
    """
    if len(octets) > MAX_BLOCK_BYTES:
        raise DagRefused("A node is over 2 MiB.")
    try:
        links: list[Link] = []
        position = 0
        while octets[position] == _LINK_TAG:
            link, position = _read_link(octets, position + 1)
            links.append(link)
            if len(links) > MAX_NODE_LINKS_READ:
                raise DagRefused("A node has too many links.")
        position = _expect(octets, position, b"\x0a")
        length, position = varint.decode(octets, position)
        if length != len(octets) - position:
            raise DagRefused("A node is not in canonical form.")
    except (ValueError, EOFError, IndexError, InvalidInput) as error:
        raise DagRefused("A node is not in canonical form, or not of the vault's kind.") from error
    return Node(tuple(links), octets[position:])


def _read_link(octets: bytes, position: int) -> tuple[Link, int]:
    """Read a canonical link after its tag; return it and the position after it."""
    length, position = varint.decode(octets, position)
    end = position + length
    position = _expect(octets, position, _HASH_HEAD)
    cid = CID.decode(octets[position : position + VAULT_CID_BYTES])
    position = _expect(octets, position + VAULT_CID_BYTES, b"\x12")
    length, position = varint.decode(octets, position)
    name = octets[position : position + length].decode()
    position = _expect(octets, position + length, b"\x18")
    tsize, position = varint.decode(octets, position)
    if position != end:
        raise ValueError("the link is longer or shorter than it says")
    if tsize > MAX_INTEGER:
        raise DagRefused("A node claims an impossible size.")
    return Link(cid, name, tsize), end


def _expect(octets: bytes, position: int, expected: bytes) -> int:
    if not octets.startswith(expected, position):
        raise ValueError("another field is expected here")
    return position + len(expected)


def decode_any(octets: bytes) -> Node:
    """Read a node as leniently as other readers do; raises ``DagRefused``.

    Links may stand after the data, names and sizes may be missing (then empty and 0); a second
    data field, unknown fields and more than 8192 links are refused.
    """
    if len(octets) > MAX_BLOCK_BYTES:
        raise DagRefused("A node is over 2 MiB.")
    links: list[Link] = []
    data: bytes | None = None
    try:
        for number, value in read_fields(octets):
            if isinstance(value, int):
                raise DagRefused("A node has an unexpected field.")
            if number == _NODE_LINK:
                links.append(_decode_link(value))
                if len(links) > MAX_NODE_LINKS_READ:
                    raise DagRefused("A node has too many links.")
            elif number == _NODE_DATA and data is None:
                data = value
            else:
                raise DagRefused("A node has an unexpected field.")
    except (ValueError, InvalidInput) as error:
        raise DagRefused("A node cannot be read.") from error
    return Node(tuple(links), data)


def _decode_link(octets: bytes) -> Link:
    cid: CID | None = None
    name, tsize = "", 0
    seen = 0
    for number, value in read_fields(octets):
        if number == _LINK_HASH and isinstance(value, bytes):
            cid = decode_any_cid(value)
        elif number == _LINK_NAME and isinstance(value, bytes):
            # Names need not be UTF-8 elsewhere; what is replaced here never encodes back equal.
            name = value.decode("utf-8", "replace")
        elif number == _LINK_TSIZE and isinstance(value, int):
            tsize = value
        else:
            raise DagRefused("A link has an unexpected field.")
        if seen & 1 << number:
            raise DagRefused("A link has a field twice.")
        seen |= 1 << number
    if cid is None:
        raise DagRefused("A link has no CID.")
    return Link(cid, name, tsize)
