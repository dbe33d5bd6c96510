"""Marking: which blocks the pins reach.

Marks are bits by id: 6 million blocks take 0.75 MB for what is kept, and as much for what was
followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.blocks.embedded import catalogue
from hygieia.blocks.embedded.catalogue import is_inline, key_of
from hygieia.blocks.links import links_of
from hygieia.errors import BlockRefused, IntegrityError
from hygieia.ipld.block import verify_any
from hygieia.ipld.cid import RAW

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from hygieia.blocks.embedded.catalogue import BlockRow
    from hygieia.blocks.embedded.packs import PackFiles
    from hygieia.ipld.cid import CID


class Bits:
    """A set of block ids, one bit each."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def set(self, number: int) -> bool:
        """Add a number; True when it is new."""
        place, bit = number >> 3, 1 << (number & 7)
        if place >= len(self._bytes):
            self._bytes.extend(bytes(place + 4096 - len(self._bytes)))
        fresh = not self._bytes[place] & bit
        self._bytes[place] |= bit
        return fresh

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bytes) and bool(self._bytes[place] & 1 << (number & 7))


class Marker:
    """Follows links from roots. ``kept`` holds the ids of what they reach.

    ``missing`` counts links that led to no block, and ``on_missing`` is given each;
    ``damaged`` says that a block was met, or is known, that does not hold what it should, so that
    what it linked is not marked.
    """

    def __init__(
        self, packs: PackFiles, on_missing: Callable[[CID], None] = lambda _: None
    ) -> None:
        self.kept = Bits()
        self.missing = 0
        self.damaged = False
        self._packs = packs
        self._on_missing = on_missing
        self._followed: dict[int, Bits] = {}

    def mark(self, connection: sqlite3.Connection, root: CID) -> None:
        """Mark everything below ``root``, stopping where it was marked already."""
        waiting = [root]
        while waiting:
            cid = waiting.pop()
            if is_inline(cid):
                waiting.extend(self._links(cid, cid.digest))
                continue
            key = key_of(cid)
            if cid.codec == RAW:
                if (block_id := catalogue.find_id(connection, key)) is None:
                    self._note_missing(connection, cid)
                else:
                    self.kept.set(block_id)
                continue
            row = catalogue.find(connection, key)
            if row is None:
                self._note_missing(connection, cid)
                continue
            self.kept.set(row.id)
            # One block may be linked as raw here and as a node there: each codec is followed once.
            if self._followed.setdefault(cid.codec, Bits()).set(row.id):
                waiting.extend(self._links(cid, self._read(cid, row)))

    def _read(self, cid: CID, row: BlockRow) -> bytes:
        try:
            if row.pack is not None:
                data = self._packs.read(row.pack, row.offset, row.size_bytes)
            else:
                data = row.data or b""
            return verify_any(cid, data).data
        except (FileNotFoundError, BlockRefused):
            self.damaged = True
            return b""

    def _links(self, cid: CID, data: bytes) -> list[CID]:
        try:
            return links_of(cid, data)
        except IntegrityError:
            return []  # its bytes are intact and are no node: it links nothing

    def _note_missing(self, connection: sqlite3.Connection, cid: CID) -> None:
        self.missing += 1
        self._on_missing(cid)
        row = connection.execute(
            "SELECT 1 FROM damaged WHERE multihash = ?", (key_of(cid),)
        ).fetchone()
        self.damaged = self.damaged or row is not None
