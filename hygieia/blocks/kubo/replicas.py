"""Who else is to keep the roots that this Kubo keeps: the port to IPFS Cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hygieia.ipld.cid import CID


class Replicas(Protocol):
    """Other nodes that keep copies. Every call may be repeated.

    Errors of any call: ``ClusterError``, an ``Unavailable``, when they cannot be told now.
    """

    async def pin(self, root: CID, name: str, *, old: CID | None = None) -> None:
        """Have ``root`` kept from now on; ``old`` is one of which it has most blocks."""
        ...

    async def unpin(self, root: CID) -> None:
        """Have ``root`` kept no longer."""
        ...
