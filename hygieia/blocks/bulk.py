"""The port to reads that nobody has hashed: for answers whose reader hashes, or trusts who serves.

A store over another program can offer it beside ``BlockStore``: hashing in between costs as much as
all else, and tells a reader who hashes nothing. Whatever fails here is had from ``BlockStore``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.ipld.cid import CID


class FileBytes(Protocol):
    """A file's bytes as they come."""

    async def read(self) -> bytes:
        """The next piece, at most a MiB; nothing at the end, which may come too early."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


class BulkReads(Protocol):
    """Blocks and files in bulk, not hashed."""

    async def blocks(self, cids: Sequence[CID], *, max_bytes: int | None = None) -> list[bytes]:
        """As ``BlockStore.get_many``, not hashed. Raises ``BlockMissing``, ``Unavailable``."""
        ...

    async def file(self, root: CID, first: int, end: int) -> FileBytes | None:
        """Bytes ``first`` ... ``end`` (exclusive) of a UnixFS file; None where it cannot now."""
        ...
