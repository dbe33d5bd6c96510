"""Making a lost or broken catalogue anew from what stands beside it (docs/adr/0010).

Small blocks, pins and IPNS records come from ``copies``, the places of large blocks from the packs'
own tables. Every block is hashed before it is entered: a place in a pack may have been given back.
What it finds too much, blocks removed but still legible, goes again with a sweep: not the next one,
since a pin that was lost is not missed by anything here, and what it kept would be gone for good.
Holds of uploads under way are gone: their clients ask what is missing and send it.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.blocks.embedded import catalogue, copies
from hygieia.blocks.embedded.marking import Marker
from hygieia.blocks.embedded.opening import CATALOGUE, alone, make_folders, unused, write_marker
from hygieia.blocks.embedded.packs import PackFiles, sync_folder
from hygieia.errors import BlockRefused, ConfigError, InvalidInput, UsageError
from hygieia.ipld.block import verify_any
from hygieia.ipld.cid import CID, RAW, decode_any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from hygieia.blocks.embedded.pack_tables import Placed

KEPT_FOR_SECONDS: Final = 30 * 86_400
"""So long no sweep removes a block that was found: time to see what is no longer pinned."""
HOLDER: Final = "rebuild"
_UNFINISHED: Final = "catalogue.sqlite.new"
_SIDES: Final = ("", "-wal", "-shm", "-journal")

_FOUND: Final = """
CREATE TEMP TABLE found_pin (number INTEGER, root BLOB, name TEXT, created REAL);
CREATE TEMP TABLE found_record (number INTEGER, name TEXT, data BLOB);
CREATE TEMP TABLE found_end (kind TEXT, number INTEGER, PRIMARY KEY (kind, number));
"""
# New numbers, above every one ever given: one that was given and rolled back was given again, and
# what ended must not come to mean something new.
_KEEP_WHAT_HAS_NOT_ENDED: Final = """
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'pin', coalesce(max(number), 0) FROM found_pin UNION ALL
    SELECT 'record', coalesce(max(number), 0) FROM found_record;
INSERT OR IGNORE INTO pin (root, name, created)
    SELECT root, name, created FROM found_pin
    WHERE number NOT IN (SELECT number FROM found_end WHERE kind = 'U') ORDER BY number;
INSERT INTO record (name, data)
    SELECT name, data FROM found_record
    WHERE number NOT IN (SELECT number FROM found_end WHERE kind = 'D') ORDER BY number
    ON CONFLICT (name) DO UPDATE SET data = excluded.data;
"""


@dataclass(slots=True)
class Rebuilt:
    """What a rebuilt catalogue holds, and what could not be brought back.

    ``damaged`` blocks no longer hold what they should; ``missing`` is how many links of pinned DAGs
    lead to no block; ``unreadable_packs`` say nothing of their blocks and were moved to
    ``quarantine``; ``unreadable_bytes`` of the copies are no record.
    """

    blocks: int = 0
    pins: int = 0
    records: int = 0
    damaged: int = 0
    missing: int = 0
    unreadable_packs: int = 0
    unreadable_bytes: int = 0


def rebuild(path: Path, on_progress: Callable[[int], None] = lambda _: None) -> Rebuilt:
    """Make the catalogue of the store in ``path`` anew. ``on_progress``: packs and copies read.

    The old one, if any, is kept in ``quarantine``. Cut off anywhere, it can be run again. Blocks
    for as long as all blocks take to be read.

    Raises:
        Conflict: a process has the store open.
        UsageError: the catalogue is sound.
        ConfigError: there is nothing to make it from.
    """
    if not (path / "packs").is_dir():
        raise ConfigError("There is no block store in this folder.")
    with unused(path), alone(path):
        if catalogue.is_sound(path / CATALOGUE):
            raise UsageError(
                "The catalogue is sound: there is nothing to rebuild.",
                hint="To see whether all reports are whole, run: hygieia admin check",
            )
        make_folders(path)
        _remove_unfinished(path)
        catalogue.prepare(path / _UNFINISHED)
        with contextlib.closing(catalogue.connect(path / _UNFINISHED)) as connection:
            rebuilt = _Rebuild(path, connection, on_progress).run()
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        _put_in_place(path, stamp)
        write_marker(path)
        _copy_anew(path, stamp, keep_old=rebuilt.unreadable_bytes > 0)
    return rebuilt


def _remove_unfinished(path: Path) -> None:
    for side in _SIDES:
        (path / f"{_UNFINISHED}{side}").unlink(missing_ok=True)


def _put_in_place(path: Path, stamp: str) -> None:
    for side in _SIDES:
        old = path / f"{CATALOGUE}{side}"
        if old.exists():
            old.rename(path / "quarantine" / f"{stamp}-{old.name}")
    sync_folder(path / "quarantine")
    (path / _UNFINISHED).rename(path / CATALOGUE)
    sync_folder(path)


def _copy_anew(path: Path, stamp: str, *, keep_old: bool) -> None:
    """Copies by the new numbers. The old ones, if not all of them could be read, are kept."""

    def set_aside(old: Path) -> None:
        if keep_old:
            old.rename(path / "quarantine" / f"{stamp}-copies-{old.name}")
        else:
            old.unlink()

    with contextlib.closing(catalogue.connect(path / CATALOGUE)) as connection:
        copies.copy_all_again(connection, path, set_aside)
    if keep_old:
        sync_folder(path / "quarantine")


class _Rebuild:
    """One rebuild, filling a new catalogue."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, on_progress: Callable[[int], None]
    ) -> None:
        self._packs = PackFiles(path)
        self._copies = copies.CopyFiles(path)
        self._connection = connection
        self._on_progress = on_progress
        self._done = 0
        self._rebuilt = Rebuilt()

    def run(self) -> Rebuilt:
        connection = self._connection
        connection.execute("PRAGMA synchronous=OFF")  # nobody reads it before it is complete
        connection.execute("PRAGMA temp_store=FILE")
        connection.executescript(_FOUND)
        if not self._take_copies() + self._take_packs():
            raise ConfigError(
                "There is nothing that the catalogue could be made from.",
                hint="The store was empty, or was last opened by a version that kept no copies: "
                "bring back the whole folder from a backup.",
            )
        connection.executescript(f"BEGIN;{_KEEP_WHAT_HAS_NOT_ENDED}COMMIT;")
        self._note_lost_nodes()
        self._hold_all()
        found = self._rebuilt
        for name in ("block", "pin", "record"):
            (count,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608  (three names of ours)
            setattr(found, f"{name}s", count)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return found

    def _take_copies(self) -> int:
        paths = self._copies.paths()
        for path in paths:
            self._connection.execute("BEGIN")
            for copy in copies.read(path):
                self._take(copy)
            self._connection.execute("COMMIT")
            self._step()
        return len(paths)

    def _take(self, copy: copies.Copy | copies.Unreadable) -> None:
        execute = self._connection.execute
        match copy:
            case copies.BlockCopy(multihash, data):
                if _is_whole(multihash, data):
                    self._enter(multihash, len(data), (data, None, None))
            case copies.PinCopy(number, root, name, created):
                values = (number, root, name, created)
                execute("INSERT INTO found_pin VALUES (?, ?, ?, ?)", values)
            case copies.RecordCopy(number, name, data):
                execute("INSERT INTO found_record VALUES (?, ?, ?)", (number, name, data))
            case copies.Ended(kind, number):
                execute("INSERT OR IGNORE INTO found_end VALUES (?, ?)", (kind, number))
            case copies.Unreadable(size_bytes):
                self._rebuilt.unreadable_bytes += size_bytes

    def _take_packs(self) -> int:
        taken = 0
        for names in self._packs.listing():
            for name in names:
                table = self._packs.table(name)
                if table is None:
                    # Left where it is, the next sweep would take it for left over by a crash.
                    self._packs.set_pack_aside(name)
                    self._rebuilt.unreadable_packs += 1
                    continue
                self._connection.execute("BEGIN")
                self._take_pack(name, table)
                self._connection.execute("COMMIT")
                self._step()
                taken += 1
        return taken

    def _take_pack(self, name: str, table: list[Placed]) -> None:
        pack_id: int | None = None
        for placed in table:
            data = self._packs.read(name, placed.offset, placed.size_bytes)
            if _is_whole(placed.multihash, data):
                if pack_id is None:
                    pack_id = self._connection.execute(
                        "INSERT INTO pack (name) VALUES (?)", (name,)
                    ).lastrowid
                self._enter(placed.multihash, placed.size_bytes, (None, pack_id, placed.offset))
            elif any(data):  # else it was removed, and its place given back
                self._note_damaged(placed.multihash)

    def _enter(
        self, multihash: bytes, size_bytes: int, place: tuple[bytes | None, int | None, int | None]
    ) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO block (multihash, size_bytes, data, pack, offset)"
            " VALUES (?, ?, ?, ?, ?)",
            (multihash, size_bytes, *place),
        )

    def _note_damaged(self, multihash: bytes) -> None:
        self._rebuilt.damaged += 1
        self._note(multihash)

    def _note(self, multihash: bytes) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO damaged (multihash, found, kept_as) VALUES (?, ?, NULL)",
            (multihash, time.time()),
        )

    def _note_lost_nodes(self) -> None:
        """A lost node hides what it linked: entered as damaged, it keeps sweeps from removing it."""

        def note(cid: CID) -> None:
            if cid.codec != RAW:
                self._note(catalogue.key_of(cid))

        marker = Marker(self._packs, note)
        pins = self._connection.execute("SELECT root FROM pin ORDER BY seq").fetchall()
        for (root,) in pins:
            marker.mark(self._connection, decode_any(root))
        self._rebuilt.missing = marker.missing

    def _hold_all(self) -> None:
        holder = self._connection.execute(
            "INSERT INTO holder (name, until) VALUES (?, ?)",
            (HOLDER, time.time() + KEPT_FOR_SECONDS),
        ).lastrowid
        self._connection.execute(
            "INSERT INTO hold (block, holder) SELECT id, ? FROM block", (holder,)
        )

    def _step(self) -> None:
        self._done += 1
        self._on_progress(self._done)


def _is_whole(multihash: bytes, data: bytes) -> bool:
    """Whether bytes hash to what names them. A store names none that it cannot hash."""
    try:
        verify_any(catalogue.cid_of(multihash), data)
    except (BlockRefused, InvalidInput):
        return False
    return True
