"""Mark and sweep: removes what no pin reaches and no hold names, beside running uploads.

Why it never takes a block that is wanted:

1. Only blocks whose id was given before the sweep began can go; a block put since, or put again
   after it went, has a higher one.
2. Marking follows every pin with a sequence number up to N. Blocks go in short transactions of the
   one writer, and each first checks that no pin newer than N exists; if one does, nothing goes,
   its DAG is marked, and the transaction is tried again.
3. The same transaction checks holds. So whoever held a block until a pin kept it (the port's rule)
   finds it there: either the hold or the newer pin is seen.
4. A place in a pack is given back after its row's removal is committed, and no row ever names it
   again: packs are written once, under names of their own.
"""

from __future__ import annotations

import fcntl
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from hygieia.blocks.embedded import catalogue, changes
from hygieia.blocks.embedded.catalogue import BlockRow
from hygieia.blocks.embedded.copies import CopyFiles, copy_all_again
from hygieia.blocks.embedded.marking import Marker
from hygieia.blocks.port import Swept
from hygieia.errors import Conflict, IntegrityError
from hygieia.ipld.cid import decode_any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from hygieia.blocks.embedded.packs import PackFiles
    from hygieia.blocks.embedded.writer import CatalogueWriter

IDS_A_STEP: Final = 256
PAUSE_SECONDS: Final = 0.002
NEW_PACK_SECONDS: Final = 3600
"""Packs younger than this may belong to a put under way; older ones without a row are left over."""


PATIENCE: Final = 16
"""So often in a row may pins be newer; then marking them is part of the transaction."""


RENEW_FROM_BYTES: Final = 64 << 20
RENEW_FROM_FILES: Final = 256
RENEW_AFTER_SECONDS: Final = 7 * 86_400
"""Copies are written anew when this much of them is dead, when so many starts each left a file, or
after a week with something dead in them: what was removed does not stay legible there for ever."""


class _NewerPin(Exception):
    pass


class _Gone(NamedTuple):
    emptied: list[str]
    blocks: int
    size_bytes: int


class Sweeper:
    """One sweep. ``run`` blocks: call it in a thread."""

    def __init__(
        self,
        path: Path,
        packs: PackFiles,
        writer: CatalogueWriter,
        clock: Callable[[], float],
    ) -> None:
        self._path = path
        self._packs = packs
        self._writer = writer
        self._clock = clock
        self._marker = Marker(packs)
        self._last_id = 0
        self._last_pin = 0

    def run(self) -> Swept:
        """Sweep. Raises ``Conflict`` when another sweep runs, ``IntegrityError`` on damage.

        A damaged or lost node hides what it linked: as long as a pinned one is damaged, nothing is
        removed, so that putting it again makes its DAG whole.
        """
        descriptor = os.open(self._path.parent / "sweep.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Conflict("Another sweep is running.") from None
        connection = catalogue.connect(self._path)
        try:
            return self._sweep(connection)
        finally:
            connection.close()
            os.close(descriptor)

    def _sweep(self, connection: sqlite3.Connection) -> Swept:
        (self._last_id,) = connection.execute("SELECT coalesce(max(id), 0) FROM block").fetchone()
        self._mark_new_pins(connection)
        blocks = size_bytes = position = tries = 0
        while position < self._last_id:
            step = partial(self._remove_step, after=position, patient=tries < PATIENCE)
            try:
                position, gone = self._writer.submit(step).result()
            except _NewerPin:
                tries += 1
                self._mark_new_pins(connection)
                continue
            tries = 0
            self._packs.remove(gone.emptied)
            blocks += gone.blocks
            size_bytes += gone.size_bytes
            time.sleep(PAUSE_SECONDS)  # lets waiting changes go first
        self._give_back_holes()
        self._remove_leftovers()
        self._renew_copies(connection)
        return Swept(blocks, size_bytes, self._marker.missing)

    # -- marking -----------------------------------------------------------------------------

    def _mark_new_pins(self, connection: sqlite3.Connection) -> None:
        while True:
            pins = connection.execute(
                "SELECT seq, root FROM pin WHERE seq > ? ORDER BY seq LIMIT 256", (self._last_pin,)
            ).fetchall()
            if not pins:
                break
            for seq, root in pins:
                self._marker.mark(connection, decode_any(root))
                self._last_pin = seq
        if self._marker.damaged:
            raise IntegrityError(
                "A pinned DAG has damaged blocks; nothing was removed.",
                hint="Put the damaged blocks again (hygieia admin verify), then sweep.",
            )

    # -- removing ----------------------------------------------------------------------------

    def _remove_step(
        self, connection: sqlite3.Connection, after: int, *, patient: bool
    ) -> tuple[int, _Gone]:
        """Remove the unwanted among the next ids; return the last id looked at and what went."""
        (newest,) = connection.execute("SELECT coalesce(max(seq), 0) FROM pin").fetchone()
        if newest > self._last_pin:
            if patient:
                raise _NewerPin
            self._mark_new_pins(connection)
        rows = connection.execute(
            "SELECT block.id, size_bytes, pack.name, coalesce(offset, 0) FROM block"
            " LEFT JOIN pack ON pack.id = block.pack"
            " WHERE block.id > ? AND block.id <= ? ORDER BY block.id LIMIT ?",
            (after, self._last_id, IDS_A_STEP),
        ).fetchall()
        if not rows:
            return self._last_id, _Gone([], 0, 0)
        last = int(rows[-1][0])
        now = self._clock()
        held = _held(connection, after, last, now)
        unwanted = [
            BlockRow(block_id, size, None, pack, offset)
            for block_id, size, pack, offset in rows
            if block_id not in held and block_id not in self._marker.kept
        ]
        emptied = changes.remove(connection, unwanted)
        _end_expired(connection, after, last, now)
        return last, _Gone(emptied, len(unwanted), sum(row.size_bytes for row in unwanted))

    def _give_back_holes(self) -> None:
        # Taken off the list only after they were punched: punching one twice does no harm, since
        # packs are never written again.
        while holes := self._writer.submit(partial(changes.first_holes, limit=IDS_A_STEP)).result():
            self._packs.punch([hole for _, hole in holes])
            last = holes[-1][0]
            self._writer.submit(partial(changes.forget_holes, last=last)).result()

    def _renew_copies(self, connection: sqlite3.Connection) -> None:
        """Write the copies anew once most of them tells of what is gone, or some has for long."""
        dead_bytes, renewed = connection.execute(
            "SELECT dead_bytes, renewed FROM copied"
        ).fetchone()
        copies, now = CopyFiles(self._path.parent), self._clock()
        mostly_dead = dead_bytes >= max(RENEW_FROM_BYTES, copies.size_bytes() // 2)
        dead_for_long = dead_bytes > 0 and now - renewed > RENEW_AFTER_SECONDS
        if not (mostly_dead or dead_for_long or len(copies.paths()) >= RENEW_FROM_FILES):
            return
        self._writer.begin_new_copies()
        copy_all_again(connection, self._path.parent)

        def forget(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE copied SET dead_bytes = dead_bytes - ?, renewed = ?", (dead_bytes, now)
            )

        self._writer.submit(forget).result()

    def _remove_leftovers(self) -> None:
        """Remove packs that no row names: a crash came between writing them and their rows."""
        oldest = self._clock() - NEW_PACK_SECONDS
        for names in self._packs.listing():
            old = [name for name in names if self._packs.modified(name) < oldest]
            for start in range(0, len(old), IDS_A_STEP):
                step = old[start : start + IDS_A_STEP]
                self._writer.submit(partial(self._remove_unnamed, names=step)).result()

    def _remove_unnamed(self, connection: sqlite3.Connection, names: list[str]) -> None:
        # Inside a write transaction no put can commit rows naming one of these; and a put checks,
        # in its own, that its pack is still there.
        for name in names:
            row = connection.execute("SELECT 1 FROM pack WHERE name = ?", (name,)).fetchone()
            if row is None:
                self._packs.remove([name])


def _held(connection: sqlite3.Connection, after: int, last: int, now: float) -> set[int]:
    rows = connection.execute(
        "SELECT hold.block FROM hold JOIN holder ON holder.id = hold.holder"
        " WHERE hold.block > ? AND hold.block <= ? AND (holder.until IS NULL OR holder.until > ?)",
        (after, last, now),
    )
    return {row[0] for row in rows}


def _end_expired(connection: sqlite3.Connection, after: int, last: int, now: float) -> None:
    connection.execute("DELETE FROM holder WHERE until <= ?", (now,))
    connection.execute(
        "DELETE FROM hold WHERE block > ? AND block <= ? AND holder NOT IN (SELECT id FROM holder)",
        (after, last),
    )
