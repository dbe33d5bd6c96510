"""Reading verified blocks without doing I/O.

A reading is a generator: it yields the CIDs it wants next, is sent their verified blocks in the
same order, and returns its result. ``read_now`` drives one from a function that gets a block; the
client and the recovery drive it from gateways, many blocks at a time. No list is longer than
``BATCH_BLOCKS``, which bounds what is in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from hygieia.errors import DagRefused, LimitExceeded
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID
from hygieia.ipld.walk import FileWalk, payload_part
from hygieia.limits import SEGMENTS_PER_DIRECTORY

if TYPE_CHECKING:
    from hygieia.ipld.unixfs import Child

T = TypeVar("T")
Reading = Generator[Sequence[CID], Sequence[Block], T]

BATCH_BLOCKS: Final = SEGMENTS_PER_DIRECTORY


def read_now(reading: Reading[T], get: Callable[[CID], Block]) -> T:
    """Drive a reading with a function that returns one verified block at a time."""
    try:
        wanted = next(reading)
        while True:
            wanted = reading.send([get(cid) for cid in wanted])
    except StopIteration as done:
        result: T = done.value
        return result


def fetch(cids: Sequence[CID]) -> Reading[Sequence[Block]]:
    """Ask for blocks; ``Block`` says that they were verified, the CIDs say that they are these."""
    if not cids:
        return []
    blocks = yield cids
    if [block.cid for block in blocks] != list(cids):
        raise DagRefused("Other blocks were given than those asked for.")
    return blocks


def read_payload(child: Child, max_bytes: int) -> Reading[bytes]:
    """Read a small payload whole; one that could hold more than ``max_bytes`` is not begun.

    Raises ``LimitExceeded``, ``DagRefused``.
    """
    # PADME adds an eighth at most; framing and tags are far less than the rest.
    if child.size_bytes > max_bytes + max_bytes // 4 + 65536:
        raise LimitExceeded("An encrypted part is longer than it may be.")
    walk = FileWalk(payload_part(child))
    pieces: list[bytes] = []
    while not walk.finished:
        for block in (yield from fetch(walk.wanted(BATCH_BLOCKS))):
            pieces += walk.feed(block)
    return b"".join(pieces)
