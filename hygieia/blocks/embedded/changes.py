"""The changes to the catalogue: each is one step, run by the writer inside a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygieia.blocks.embedded.catalogue import add_holds, find_id, hold_for, is_inline, key_of
from hygieia.blocks.embedded.packs import Hole, Pack
from hygieia.errors import BlockMissing, NotFound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from hygieia.blocks.embedded.catalogue import BlockRow
    from hygieia.blocks.embedded.packs import PackFiles
    from hygieia.ipld.cid import CID


class Absent(Exception):
    """These blocks need a pack and are in none (swept since we looked): write one, try again."""

    def __init__(self, keys: list[bytes]) -> None:
        super().__init__(f"{len(keys)} blocks")
        self.keys = keys


@dataclass(frozen=True, slots=True)
class Batch:
    """Blocks to add: their bytes by multihash, and the packs written for the large ones."""

    data: dict[bytes, bytes]
    packs: list[Pack]


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds, and until when (seconds since 1970; None: until released)."""

    holder: str
    until: float | None


@dataclass(frozen=True, slots=True)
class Added:
    """How many bytes were new, and which packs turned out to be superfluous."""

    new_bytes: int
    unused_packs: list[str]


def add(
    connection: sqlite3.Connection,
    packs: PackFiles,
    batch: Batch,
    hold: Hold | None,
    inline_up_to: int,
) -> Added:
    """Add the rows of a batch and hold them, in one step. Raises ``Absent``."""
    known = {key: find_id(connection, key) for key in batch.data}
    new = [key for key, block_id in known.items() if block_id is None]
    places = _places(batch, packs)
    large = {key for key in new if len(batch.data[key]) > inline_up_to}
    if absent := [key for key in large if key not in places]:
        raise Absent(absent)
    used = {places[key][0] for key in large}
    pack_ids = {name: _add_pack(connection, name) for name in used}
    for key in new:
        data = batch.data[key]
        if key in large:
            name, offset = places[key]
            known[key] = _insert(connection, key, len(data), (None, pack_ids[name], offset))
        else:
            known[key] = _insert(connection, key, len(data), (data, None, None))
    if hold is not None:
        ids = [block_id for block_id in known.values() if block_id is not None]
        add_holds(connection, hold_for(connection, hold.holder, hold.until), ids)
    _add_holes(
        connection,
        [
            Hole(pack.name, offset, len(batch.data[key]))
            for pack in batch.packs
            if pack.name in used
            for key, offset in pack.offsets.items()
            if key not in large or places[key][0] != pack.name
        ],
    )
    unused = [pack.name for pack in batch.packs if pack.name not in used]
    return Added(sum(len(batch.data[key]) for key in new), unused)


def _places(batch: Batch, packs: PackFiles) -> dict[bytes, tuple[str, int]]:
    """Pack and offset of each block written; a pack that a sweep took for left over is none."""
    return {
        key: (pack.name, offset)
        for pack in batch.packs
        if packs.exists(pack.name)
        for key, offset in pack.offsets.items()
    }


def _add_pack(connection: sqlite3.Connection, name: str) -> int:
    cursor = connection.execute("INSERT INTO pack (name) VALUES (?)", (name,))
    return int(cursor.lastrowid or 0)


def _insert(
    connection: sqlite3.Connection,
    key: bytes,
    size_bytes: int,
    place: tuple[bytes | None, int | None, int | None],
) -> int:
    cursor = connection.execute(
        "INSERT INTO block (multihash, size_bytes, data, pack, offset) VALUES (?, ?, ?, ?, ?)",
        (key, size_bytes, *place),
    )
    connection.execute("DELETE FROM damaged WHERE multihash = ?", (key,))
    return int(cursor.lastrowid or 0)


def remove(connection: sqlite3.Connection, rows: Sequence[BlockRow]) -> list[str]:
    """Remove blocks; their places become holes. Returns the packs that nothing names any more."""
    connection.executemany("DELETE FROM block WHERE id = ?", ((row.id,) for row in rows))
    if small := sum(row.size_bytes for row in rows if row.pack is None):
        connection.execute("UPDATE copied SET dead_bytes = dead_bytes + ?", (small,))
    _add_holes(connection, [Hole(row.pack, row.offset, row.size_bytes) for row in rows if row.pack])
    emptied: list[str] = []
    for name in {row.pack for row in rows if row.pack}:
        ended = connection.execute(
            "DELETE FROM pack WHERE name = ?1 AND NOT EXISTS"
            " (SELECT 1 FROM block WHERE block.pack = pack.id)",
            (name,),
        ).rowcount
        if ended:
            connection.execute("DELETE FROM hole WHERE pack = ?", (name,))
            emptied.append(name)
    return emptied


def _add_holes(connection: sqlite3.Connection, holes: Sequence[Hole]) -> None:
    connection.executemany(
        "INSERT INTO hole (pack, offset, size_bytes) VALUES (?, ?, ?)",
        ((hole.pack, hole.offset, hole.size_bytes) for hole in holes),
    )


def first_holes(connection: sqlite3.Connection, limit: int) -> list[tuple[int, Hole]]:
    """The oldest holes not yet given back, numbered."""
    rows = connection.execute(
        "SELECT rowid, pack, offset, size_bytes FROM hole ORDER BY rowid LIMIT ?", (limit,)
    )
    return [(number, Hole(pack, offset, size)) for number, pack, offset, size in rows]


def forget_holes(connection: sqlite3.Connection, last: int) -> None:
    """Holes up to this number have been given back."""
    connection.execute("DELETE FROM hole WHERE rowid <= ?", (last,))


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
    """End a pin, if there is one. The next transaction tells the copies."""
    connection.execute(
        "INSERT INTO ended SELECT 'U', seq FROM pin WHERE root = ? AND name = ?",
        (root.encode(), name),
    )
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
    # Not updated in place: a new row has a new number, by which it is copied.
    drop_record(connection, name)
    connection.execute("INSERT INTO record (name, data) VALUES (?, ?)", (name, record))


def drop_record(connection: sqlite3.Connection, name: str) -> None:
    """Forget an IPNS record, if there is one. The next transaction tells the copies."""
    connection.execute("INSERT INTO ended SELECT 'D', seq FROM record WHERE name = ?", (name,))
    connection.execute("DELETE FROM record WHERE name = ?", (name,))


def mark_damaged(
    connection: sqlite3.Connection, key: bytes, row: BlockRow, now: float, kept_as: str | None
) -> None:
    """Forget where a damaged block was, so that it counts as missing and can be put again."""
    if find_id(connection, key) != row.id:
        return  # another reader was first, and it may have been put again since
    remove(connection, [row])
    connection.execute(
        "INSERT INTO damaged (multihash, found, kept_as) VALUES (?, ?, ?)"
        " ON CONFLICT (multihash) DO NOTHING",
        (key, now, kept_as),
    )
