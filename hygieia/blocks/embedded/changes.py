"""The changes to the catalogue: each is one step, run by the writer inside a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygieia.blocks.embedded.catalogue import add_holds, find_id, hold_for, is_inline, key_of
from hygieia.errors import BlockMissing, NotFound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from hygieia.blocks.embedded.files import BlockFiles
    from hygieia.ipld.cid import CID


class Absent(Exception):
    """These blocks need files that are not there (swept since we looked): write them, try again."""

    def __init__(self, keys: list[bytes]) -> None:
        super().__init__(f"{len(keys)} files")
        self.keys = keys


@dataclass(frozen=True, slots=True)
class Batch:
    """Blocks to add: bytes by multihash, and the names of the files written for the large ones."""

    data: dict[bytes, bytes]
    files: dict[bytes, str]


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds, and until when (seconds since 1970; None: until released)."""

    holder: str
    until: float | None


@dataclass(frozen=True, slots=True)
class Added:
    """How many bytes were new, and files that turned out to be superfluous."""

    new_bytes: int
    surplus: list[str]


def add(
    connection: sqlite3.Connection,
    files: BlockFiles,
    batch: Batch,
    hold: Hold | None,
    inline_up_to: int,
) -> Added:
    """Add the rows of a batch and hold them, in one step. Raises ``Absent``."""
    ids: list[int] = []
    absent: list[bytes] = []
    surplus: list[str] = []
    new_bytes = 0
    for key, data in batch.data.items():
        file = batch.files.get(key)
        if (known := find_id(connection, key)) is not None:
            ids.append(known)
            if file is not None:
                surplus.append(file)
        elif len(data) > inline_up_to and (file is None or not files.exists(file)):
            absent.append(key)
        else:
            ids.append(_insert(connection, key, data, file))
            new_bytes += len(data)
    if absent:
        raise Absent(absent)
    if hold is not None:
        add_holds(connection, hold_for(connection, hold.holder, hold.until), ids)
    return Added(new_bytes, surplus)


def _insert(connection: sqlite3.Connection, key: bytes, data: bytes, file: str | None) -> int:
    cursor = connection.execute(
        "INSERT INTO block (multihash, size_bytes, data, file) VALUES (?, ?, ?, ?)",
        (key, len(data), data if file is None else None, file),
    )
    connection.execute("DELETE FROM damaged WHERE multihash = ?", (key,))
    return int(cursor.lastrowid or 0)


def hold_present(connection: sqlite3.Connection, keys: Sequence[bytes], hold: Hold) -> list[bytes]:
    """Hold those of the blocks that are had; return the others."""
    found = {key: find_id(connection, key) for key in keys}
    ids = [block_id for block_id in found.values() if block_id is not None]
    add_holds(connection, hold_for(connection, hold.holder, hold.until), ids)
    return [key for key, block_id in found.items() if block_id is None]


def release(connection: sqlite3.Connection, holder: str) -> None:
    """End a holder. Its rows in ``hold`` mean nothing from now on; the next sweep clears them."""
    connection.execute("DELETE FROM holder WHERE name = ?", (holder,))


def pin(connection: sqlite3.Connection, root: CID, name: str, now: float) -> None:
    """Pin a root that is had. Raises ``BlockMissing``."""
    if not is_inline(root) and find_id(connection, key_of(root)) is None:
        raise BlockMissing(f"The block {str(root)[:64]} is not here, so it cannot be pinned.")
    connection.execute(
        "INSERT OR IGNORE INTO pin (root, name, created) VALUES (?, ?, ?)",
        (root.encode(), name, now),
    )


def unpin(connection: sqlite3.Connection, root: CID, name: str) -> None:
    """End a pin, if there is one."""
    connection.execute("DELETE FROM pin WHERE root = ? AND name = ?", (root.encode(), name))


def update_pin(
    connection: sqlite3.Connection, old: CID, new: CID, name: str, now: float, *, keep_old: bool
) -> None:
    """Pin ``new`` beside or in place of ``old``. Raises ``NotFound``, ``BlockMissing``."""
    known = connection.execute(
        "SELECT 1 FROM pin WHERE name = ? AND root IN (?, ?)", (name, old.encode(), new.encode())
    ).fetchone()
    if known is None:
        raise NotFound("The root to replace is not pinned.")
    pin(connection, new, name, now)
    if not keep_old and old != new:
        unpin(connection, old, name)


def put_record(connection: sqlite3.Connection, name: str, record: bytes) -> None:
    """Store an IPNS record, replacing the one before."""
    connection.execute(
        "INSERT INTO record (name, data) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET data = excluded.data",
        (name, record),
    )


def mark_damaged(
    connection: sqlite3.Connection, key: bytes, block_id: int, now: float, kept_as: str | None
) -> None:
    """Forget where a damaged block was, so that it counts as missing and can be put again."""
    if connection.execute("DELETE FROM block WHERE id = ?", (block_id,)).rowcount == 0:
        return  # another reader was first, and it may have been put again since
    connection.execute(
        "INSERT INTO damaged (multihash, found, kept_as) VALUES (?, ?, ?)"
        " ON CONFLICT (multihash) DO NOTHING",
        (key, now, kept_as),
    )
