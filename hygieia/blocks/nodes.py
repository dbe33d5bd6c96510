"""The port to nodes that have copies of a vault's blocks: read to be verified, mended if they can be.

One of them is the server's own block store; others are Kubos and gateways that somebody runs so
that a copy outlives the first. None is trusted: what ``read`` gives was hashed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.ipld.block import Block
    from hygieia.ipld.cid import CID

NodeKind = Literal["own", "kubo", "gateway", "cluster"]


class Lack(Enum):
    """Why a node gave no block."""

    MISSING = "missing"
    DAMAGED = "damaged"
    UNREACHABLE = "unreachable"


Reading: TypeAlias = bytes | Lack


class CopyNode(Protocol):
    """One node. ``name`` is fit for people: no token, no password."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def kind(self) -> NodeKind:
        """What it is."""
        ...

    async def read(self, cids: Sequence[CID]) -> list[Reading]:
        """Each block's bytes, verified, or why there are none. Some 8 blocks at a time.

        Raises ``Unavailable`` for the server's own store only, without which nothing can be told.
        """
        ...

    async def restore(self, blocks: Sequence[Block]) -> bool:
        """Put blocks back, held until ``keep``; False where a node takes none."""
        ...

    async def drop_damaged(self) -> bool:
        """Throw out what does not hash to its CID, where ``restore`` passes over such blocks.

        Takes as long as reading all of the node's disk. False where it cannot be done.
        """
        ...

    async def keep(self, root: CID, name: str) -> bool:
        """Pin a root below which every block is there again; False where that cannot be done."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """What one Cluster peer says of a root: ``pinned``, ``pinning``, ``pin_error`` and the like."""

    peer: str
    status: str

    @property
    def is_pinned(self) -> bool:
        """Whether the peer's Kubo keeps the root."""
        return self.status == "pinned"

    @property
    def is_concerned(self) -> bool:
        """Whether the peer is one of those that shall keep it."""
        return self.status not in {"remote", "unpinned"}


class CopyKeeper(Protocol):
    """Who has nodes keep roots: IPFS Cluster. Errors of any call: ``Unavailable``."""

    @property
    def wanted(self) -> int | None:
        """How many peers are asked to keep a root at least; None: those that it says."""
        ...

    async def status(self, root: CID) -> list[PeerStatus]:
        """What each peer says of ``root``."""
        ...

    async def pin(self, root: CID, name: str) -> None:
        """Have ``root`` kept."""
        ...

    async def recover(self, root: CID) -> None:
        """Have peers that failed to keep ``root`` try again."""
        ...
