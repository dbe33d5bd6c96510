"""Asks for what the server has just acknowledged (threat MS-24).

An acknowledgement is a claim. A few blocks, chosen at random after they were sent, are read back
and verified: who drops what it takes is found out at once, while the person still has her file.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from hygieia.errors import BlockRefused, NotFound, NotSaved
from hygieia.recovery.driving import fetch_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.ipld.cid import CID
    from hygieia.recovery.driving import BlockSource

SAMPLE_BLOCKS: Final = 4
_RANDOM: Final = random.SystemRandom()


class Sample:
    """A few of the CIDs it was shown, each as likely as any other (reservoir sampling)."""

    __slots__ = ("_seen", "cids")

    def __init__(self) -> None:
        self.cids: list[CID] = []
        self._seen = 0

    def show(self, cid: CID) -> None:
        """Maybe keep this one."""
        self._seen += 1
        if len(self.cids) < SAMPLE_BLOCKS:
            self.cids.append(cid)
        elif (place := _RANDOM.randrange(self._seen)) < SAMPLE_BLOCKS:
            self.cids[place] = cid


async def read_back(source: BlockSource, sample: Sample, roots: Sequence[CID]) -> None:
    """Get the blocks of ``sample`` and a few of ``roots``.

    Raises:
        NotSaved: the server does not have what it acknowledged.
        Unreachable: it cannot be asked now.
    """
    chosen = _RANDOM.sample(roots, min(len(roots), SAMPLE_BLOCKS))
    try:
        await fetch_all(list(dict.fromkeys([*chosen, *sample.cids])), source)
    except (NotFound, BlockRefused):
        raise NotSaved(
            "The server said that it stored this, and does not have it: it is not saved.",
            hint="Keep your files. Tell the server's operator, or use another server.",
        ) from None
