"""The owner's view of her activity trail: read, checked, exported (docs/spec/18-activity.md)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.client.trail import newest, read_on
from hygieia.errors import ActivityAltered, NotFound
from hygieia.recovery.files import NewFile, make_folder, sync_names
from hygieia.vault.activity import Trail
from hygieia.vault.index import SetLogHead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hygieia.vault.activity import ActivityEntry

_LINES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class CheckedTrail:
    """A whole trail that hangs together. ``anchored`` is the number that the index has signed."""

    entries: int
    anchored: int | None
    head: str | None


@dataclass(slots=True)
class Activity:
    """The activity of an open vault's account."""

    session: Session
    index: IndexSync

    async def latest(self, limit: int) -> Sequence[ActivityEntry]:
        """The last ``limit`` entries (at most 1,000), newest first.

        What came since the index was last signed is read and checked too.

        Raises ``ActivityAltered``, ``ActivityGap``: the trail is not the one that was written.
        """
        found = await newest(self.session.transport, self._trail(None), limit)
        since = self._trail(self.index.state.note.log_head)
        # What is shown has to be the trail that the index signed: its newest entry follows from the
        # anchor, or is it, and the hashes say the same of those before it.
        is_same = not found and since.anchor is None
        is_same = is_same or bool(found and found[0].hash == since.anchor)
        async for entry in read_on(self.session.transport, since):
            is_same = is_same or bool(found and entry.hash == found[0].hash)
        if not is_same:
            raise ActivityAltered("The server shows two different activity trails.")
        return found

    async def verify(self) -> CheckedTrail:
        """Read the whole trail from its beginning; the index's anchor has to be in it.

        Raises as ``latest``.
        """
        return self._anchored(await self._check(None))

    async def export(self, path: Path) -> tuple[CheckedTrail, Path]:
        """Write the whole trail, a line an entry, to a new file; nothing is left of a bad one.

        Returns where it is too: beside a file that stands at ``path`` already, under a number.
        """
        await asyncio.to_thread(make_folder, path.parent)
        with NewFile(path) as file:
            checked = self._anchored(await self._check(file.write))
            kept = await asyncio.to_thread(file.keep)
        await asyncio.to_thread(sync_names, kept.parent)
        return checked, kept

    async def accept(self) -> CheckedTrail:
        """Sign the trail as it is now, whatever was signed before: the server lost its last part.

        Raises as ``latest`` when it does not hang together in itself.
        """
        checked = await self._check(None)
        if checked.head is None:
            raise NotFound("The server keeps no activity trail.")
        await self.index.change([SetLogHead(checked.head, by_itself=True)])
        self.index.trail_error = None
        return checked

    async def _check(self, write: Callable[[Sequence[bytes]], object] | None) -> CheckedTrail:
        """Read it all; ``write`` is handed its lines, in a thread, once they have been checked."""
        trail, anchored = self._trail(None), None
        anchor, waiting = self.index.state.note.log_head, list[bytes]()
        async for entry in read_on(self.session.transport, trail):
            anchored = entry.number if entry.hash == anchor else anchored
            waiting += [entry.line.encode() + b"\n"] if write is not None else []
            if write is not None and len(waiting) >= _LINES_AT_ONCE:
                await asyncio.to_thread(write, waiting)
                waiting = []
        if write is not None:
            await asyncio.to_thread(write, waiting)
        return CheckedTrail(trail.last.number if trail.last else 0, anchored, trail.head)

    def _anchored(self, checked: CheckedTrail) -> CheckedTrail:
        if checked.anchored is None and self.index.state.note.log_head is not None:
            raise ActivityAltered(
                "The activity trail does not have the entry that this vault has signed."
            )
        return checked

    def _trail(self, anchor: str | None) -> Trail:
        return Trail(self.session.profile.account, anchor)
