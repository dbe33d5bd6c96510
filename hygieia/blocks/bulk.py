"""The port to reads that nobody has hashed: for answers whose reader hashes, or trusts who serves.

A store over another program can offer it beside ``BlockStore``: hashing in between costs as much as
all else, and tells a reader who hashes nothing. Whatever fails here is had from ``BlockStore``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.ipld.cid import CID


class SinkFailed(Exception):
    """Who is sent the bytes has gone."""


class FileBytes(Protocol):
    """A file's bytes as they come."""

    async def read(self) -> bytes:
        """The next piece, at most a MiB; nothing at the end, which may come too early."""
        ...

    async def read_before_relay(self) -> bytes:
        """The first piece, before ``relay_to`` and instead of ``read``; nothing if it breaks off."""
        ...

    async def relay_to(self, sink: int) -> int:
        """Hand the rest to a non-blocking socket within the kernel; return how many bytes came.

        Fewer than are left: the rest is to be had another way, as what is being read has broken off
        or the socket's other end is slow. Raises ``SinkFailed`` when that has gone.
        """
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


class BulkReads(Protocol):
    """Blocks and files in bulk, not hashed."""

    @property
    def can_relay(self) -> bool:
        """Whether files can be handed to a socket within the kernel."""
        ...

    async def blocks(self, cids: Sequence[CID], *, max_bytes: int | None = None) -> list[bytes]:
        """As ``BlockStore.get_many``, not hashed. Raises ``BlockMissing``, ``Unavailable``."""
        ...

    async def file(self, root: CID, first: int, end: int) -> FileBytes | None:
        """Bytes ``first`` ... ``end`` (exclusive) of a UnixFS file; None where it cannot now."""
        ...
