"""CARv1: blocks in a stream (https://ipld.io/specs/transport/car/carv1/).

``CarReader`` is fed pieces of any size and never looks at an octet twice; what it holds is bounded
by one section and one piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from hygieia.errors import BlockRefused, DagRefused, InvalidInput, LimitExceeded
from hygieia.ipld import dagcbor, varint
from hygieia.ipld.block import Block, UnverifiedBlock
from hygieia.ipld.cid import CID, MAX_DIGEST_BYTES, RAW, VAULT_CID_BYTES, read_any
from hygieia.limits import MAX_BLOCK_BYTES, MAX_CAR_HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_SECTION_BYTES: Final = MAX_BLOCK_BYTES + MAX_DIGEST_BYTES + 4 * varint.MAX_OCTETS
# Leaves of content only: what is parsed or kept is far smaller, and stays bytes of its own.
_SHARE_FROM_BYTES: Final = 1 << 19


def car_header(roots: Sequence[CID] = ()) -> bytes:
    """Return the header; our own batches name no roots (docs/spec/10)."""
    header = dagcbor.encode({"roots": list(roots), "version": 1})
    return varint.encode(len(header)) + header


def section_head(cid: CID, size_bytes: int) -> bytes:
    """Return what stands before a block's ``size_bytes`` octets."""
    binary = cid.encode()
    return varint.encode(len(binary) + size_bytes) + binary


def car_section(block: Block) -> bytes:
    """Return a block as a section; a large one is better written after ``section_head``."""
    return section_head(block.cid, len(block.data)) + block.data


class CarReader:
    """Reads a CAR piece by piece.

    ``vault_only`` refuses every CID that is not of the vault's kind; the importer of other
    people's CARs turns it off. ``max_blocks`` bounds the sections of one CAR. With ``share`` the
    large blocks of a piece are views into it: the caller never changes what was fed.

    Everything malformed raises ``BlockRefused``, an impossible length ``LimitExceeded`` (BK-06).
    After an error the reader is of no more use.
    """

    def __init__(
        self, *, vault_only: bool = True, max_blocks: int | None = None, share: bool = False
    ) -> None:
        self.roots: tuple[CID, ...] | None = None
        """The header's roots, once it has been read: claims."""
        self.block_count = 0
        self._vault_only = vault_only
        self._max_blocks = max_blocks
        self._share = share
        # One buffer for the whole CAR, its first ``_fill`` octets in use: it grows to the longest
        # section once, and no section costs a new one.
        self._buffer = bytearray()
        self._fill = 0
        self._needed = 1
        # When sharing: pieces not yet taken apart, joined afresh once a section is complete.
        self._pieces: list[bytes | bytearray | memoryview] = []

    def feed(self, data: bytes | bytearray) -> list[Block]:
        """Take a piece; return the blocks it completes, hashed (0.5 ms per MiB: use a thread)."""
        return [found.verify() for found in self.feed_unverified(data)]

    def feed_unverified(self, data: bytes | bytearray | memoryview) -> list[UnverifiedBlock]:
        """Take a piece; return the blocks it completes, not yet hashed."""
        if self._share:
            return self._feed_shared(data)
        if not self._fill:
            with memoryview(data) as view:
                found, end = self._sections(view)
                self._keep(view[end:])
            return found
        self._keep(data)
        if self._fill < self._needed:
            return []
        with memoryview(self._buffer) as buffer, buffer[: self._fill] as view:
            found, end = self._sections(view)
            rest = bytes(view[end:])
        self._fill = 0
        self._keep(rest)
        return found

    def _feed_shared(self, data: bytes | bytearray | memoryview) -> list[UnverifiedBlock]:
        self._pieces.append(data)
        self._fill += len(data)
        if self._fill < self._needed:
            return []
        view = memoryview(data if len(self._pieces) == 1 else b"".join(self._pieces))
        found, end = self._sections(view)
        rest = bytes(view[end:])
        self._pieces, self._fill = [rest] if rest else [], len(rest)
        return found

    def finish(self) -> None:
        """Say that the stream has ended; raises ``BlockRefused`` if that cuts the CAR short."""
        if self._fill or self.roots is None:
            raise BlockRefused("A CAR is cut short.")

    def _keep(self, data: bytes | bytearray | memoryview) -> None:
        end = self._fill + len(data)
        if end > len(self._buffer):
            self._buffer.extend(bytes(max(end, 2 * len(self._buffer)) - len(self._buffer)))
        self._buffer[self._fill : end] = data
        self._fill = end

    def _sections(self, view: memoryview) -> tuple[list[UnverifiedBlock], int]:
        """Return the whole sections in ``view`` and where the first unfinished one begins."""
        found: list[UnverifiedBlock] = []
        position, end = 0, len(view)
        while True:
            start, length = self._length(view, position)
            if length < 0 or length > end - start:
                self._needed = start + length - position if length >= 0 else end - position + 1
                return found, position
            with view[start : start + length] as section:
                if self.roots is None:
                    self.roots = _read_header(bytes(section))
                else:
                    found.append(self._block(section))
            position = start + length

    def _length(self, view: memoryview, position: int) -> tuple[int, int]:
        """Return where a section's content starts and its length; -1 if more octets are needed."""
        try:
            length, start = varint.decode(view, position)
        except EOFError:
            return position, -1
        except ValueError as error:
            raise BlockRefused(f"A CAR cannot be read: {error}.") from error
        if length > (MAX_CAR_HEADER_BYTES if self.roots is None else _MAX_SECTION_BYTES):
            raise LimitExceeded("A CAR has a section over its limit.")
        if length == 0:
            raise BlockRefused("A CAR has an empty section.")
        return start, length

    def _block(self, section: memoryview) -> UnverifiedBlock:
        self.block_count += 1
        if self._max_blocks is not None and self.block_count > self._max_blocks:
            raise LimitExceeded("A CAR has too many blocks.")
        try:
            if self._vault_only:
                cid, start = CID.decode(bytes(section[:VAULT_CID_BYTES])), VAULT_CID_BYTES
            else:
                cid, start = read_any(bytes(section[: MAX_DIGEST_BYTES + 36]), 0)
        except InvalidInput as error:
            raise BlockRefused("A CAR holds a block with a CID that is not taken here.") from error
        if len(section) - start > MAX_BLOCK_BYTES:
            raise BlockRefused("A block is over 2 MiB.")
        octets = section[start:]
        if not self._share or cid.codec != RAW or len(octets) < _SHARE_FROM_BYTES:
            return UnverifiedBlock(cid, bytes(octets))
        return UnverifiedBlock(cid, cast("bytes", octets))


def _read_header(octets: bytes) -> tuple[CID, ...]:
    try:
        header = dagcbor.decode(octets)
    except DagRefused as error:
        raise BlockRefused("A CAR's header cannot be read.") from error
    if not isinstance(header, dict) or header.get("version") != 1 or header["version"] is True:
        raise BlockRefused("This is not a CAR of version 1.")
    roots = header.get("roots")
    if set(header) != {"roots", "version"} or not isinstance(roots, list):
        raise BlockRefused("A CAR's header names no list of roots.")
    cids = tuple(root for root in roots if isinstance(root, CID))
    if len(cids) != len(roots):
        raise BlockRefused("A CAR's header names a root that is no CID.")
    return cids
