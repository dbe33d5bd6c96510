"""The port to a block store: what every adapter promises, word for word.

An adapter that keeps these promises passes ``tests/contract/blocks``. Callers rely on nothing else.

**Durable** means: survives SIGKILL of the process and a power cut from the moment the call returns.
**Verified** means: the bytes hash to the CID; a store neither takes nor gives anything else.
**Identity.** Two CIDs with one multihash name the same bytes: a block put under one is had under the
other. The bytes of an identity CID stand in the CID itself; it is always had and never stored.

**What keeps a block.** A sweep may remove a block unless, at the moment of removal,

- a pin reaches it: the pin's root, or a block linked from a block that it reaches (dag-pb and
  dag-cbor links; raw blocks have none), or
- a hold names it: ``put`` and ``missing`` given a ``holder`` hold their blocks together with storing
  or finding them, in one step, so there is no instant at which a sweep could come between.

So an upload holds its blocks, proves its DAG complete, pins its root, then releases: at every
instant something keeps them. A pin does not prove completeness; the caller did so before, and holds
every block of the DAG that no other pin reaches until the pin has returned.

Errors of any call: ``Unavailable`` when the store cannot be asked now (try again), ``StorageFull``
when there is no room (nothing of the call is kept, what was stored before is untouched).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from hygieia.ipld.block import Block, UnverifiedBlock
from hygieia.ipld.cid import CID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


@dataclass(frozen=True, slots=True)
class Pin:
    """A root kept for ``name``. Several names may keep one root, each on its own."""

    root: CID
    name: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed, and how many pinned links led to no block (it never causes those)."""

    blocks: int
    size_bytes: int
    missing: int = 0


AnyBlock = Block | UnverifiedBlock


class BlockStore(Protocol):
    """Content-addressed blocks with pins, holds and the IPNS records that name roots."""

    async def put(
        self,
        blocks: Sequence[AnyBlock],
        *,
        holder: str | None = None,
        until: datetime | None = None,
    ) -> int:
        """Store blocks; return how many bytes were new. All are durable, or none is kept.

        An adapter over another program counts as new what it has not itself stored lately.

        Idempotent: a block already had is not written again. With ``holder`` each block is held,
        new or not, until ``release(holder)`` or until ``until`` (None: until released). A second
        call for the same holder never shortens its time. An ``UnverifiedBlock`` is hashed first, in
        a thread or by the program that stores it; raises ``BlockRefused`` when it does not hash to its CID, or any block is over
        MAX_BLOCK_BYTES; then nothing of the call is kept.
        """
        ...

    async def get(self, cid: CID) -> bytes:
        """The block's bytes, verified. Never waits for a network.

        Raises ``BlockMissing``; ``BlockRefused`` when what is stored is damaged: the store moves it
        aside, reports it, and from then on says ``BlockMissing`` until the block is put again.
        """
        ...

    async def get_many(self, cids: Sequence[CID], *, max_bytes: int | None = None) -> list[bytes]:
        """As ``get`` for each, in order; one missing or damaged block fails the call.

        With ``max_bytes`` the answer ends early, with the last block that fits; the first block
        always does. So a caller bounds its memory without trusting what links say of sizes.
        """
        ...

    async def sizes(self, cids: Sequence[CID]) -> list[int | None]:
        """Each block's size in bytes, None where it is not had. Reads no block."""
        ...

    async def size(self, cid: CID) -> int | None:
        """``sizes`` of one."""
        ...

    async def missing(
        self, cids: Sequence[CID], *, holder: str | None = None, until: datetime | None = None
    ) -> list[CID]:
        """Those not had, in order, each once. Those had are held as by ``put``, durably."""
        ...

    async def release(self, holder: str) -> None:
        """End all holds of ``holder``. Idempotent; its cost does not grow with their number."""
        ...

    async def pin(self, root: CID, *, name: str = "") -> None:
        """Keep everything reachable from ``root`` for ``name``. Durable, idempotent per name.

        Raises ``BlockMissing`` when the root itself is not had.
        """
        ...

    async def unpin(self, root: CID, *, name: str = "") -> None:
        """Stop keeping ``root`` for ``name``; other names go on. Idempotent. Frees nothing itself."""
        ...

    async def update_pin(
        self, old: CID, new: CID, *, name: str = "", keep_old: bool = False
    ) -> None:
        """Pin ``new`` and, unless ``keep_old``, unpin ``old``, in one step, for ``name``.

        Its cost is bounded by the difference of the two DAGs. Repeating it is harmless. Raises
        ``NotFound`` when neither is pinned for ``name``, ``BlockMissing`` as ``pin`` does.
        """
        ...

    async def is_pinned(self, root: CID, *, name: str | None = None) -> bool:
        """Whether ``root`` itself is a pinned root, for ``name`` or (None) for any name."""
        ...

    def pins(self) -> AsyncIterator[Pin]:
        """All pins, oldest first, paged: pins made or ended meanwhile may or may not appear."""
        ...

    async def sweep(self) -> Swept:
        """Remove blocks that nothing keeps. Safe beside any other call, in any process.

        Runs in the background of other calls, which it delays by milliseconds. Of two sweeps at a
        time the second raises ``Conflict``. Interrupted, it has removed some and harmed nothing.
        """
        ...

    async def put_record(self, name: str, record: bytes) -> None:
        """Store the signed IPNS record of ``name``, replacing an earlier one. Durable.

        The caller has verified it and compared sequences; the store does not look inside. Raises
        ``LimitExceeded`` over MAX_IPNS_RECORD_BYTES.
        """
        ...

    async def get_record(self, name: str) -> bytes | None:
        """The record last put for ``name``, byte for byte, or None."""
        ...

    async def drop_record(self, name: str) -> None:
        """Forget the record of ``name``, if there is one. Durable."""
        ...

    def records(self) -> AsyncIterator[tuple[str, bytes]]:
        """All records by name, paged: those put or dropped meanwhile may or may not appear."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go of every file. Later calls raise ``Unavailable``."""
        ...
