"""What the catalogue knows besides blocks: pins, records, damage. Read by the readers' threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from hygieia.blocks.port import Pin
from hygieia.ipld.cid import decode_any

if TYPE_CHECKING:
    import sqlite3

    from hygieia.ipld.cid import CID

A_PAGE: Final = 256


@dataclass(frozen=True, slots=True)
class Damaged:
    """A block found damaged and moved aside; ``kept_as`` names it in ``quarantine`` (None: gone)."""

    multihash: bytes
    found: datetime
    kept_as: str | None


def is_pinned(connection: sqlite3.Connection, root: CID, name: str | None) -> bool:
    """Whether a root is pinned, under ``name`` or, where that is None, under any."""
    row = connection.execute(
        "SELECT 1 FROM pin WHERE root = ?1 AND (?2 IS NULL OR name = ?2) LIMIT 1",
        (root.encode(), name),
    ).fetchone()
    return row is not None


def pin_page(connection: sqlite3.Connection, after: int) -> list[tuple[int, Pin]]:
    """The pins that come after the place ``after``, each with its own place."""
    rows = connection.execute(
        "SELECT seq, root, name, created FROM pin WHERE seq > ? ORDER BY seq LIMIT ?",
        (after, A_PAGE),
    )
    return [
        (seq, Pin(decode_any(root), name, datetime.fromtimestamp(created, UTC)))
        for seq, root, name, created in rows
    ]


def record(connection: sqlite3.Connection, name: str) -> bytes | None:
    """The IPNS record under a name."""
    row = connection.execute("SELECT data FROM record WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def record_page(connection: sqlite3.Connection, after: str) -> list[tuple[str, bytes]]:
    """The records whose names come after ``after``."""
    rows = connection.execute(
        "SELECT name, data FROM record WHERE name > ? ORDER BY name LIMIT ?", (after, A_PAGE)
    )
    return [(name, bytes(data)) for name, data in rows]


def damaged(connection: sqlite3.Connection) -> list[Damaged]:
    """The blocks moved aside as damaged and not put again since."""
    rows = connection.execute("SELECT multihash, found, kept_as FROM damaged")
    return [Damaged(key, datetime.fromtimestamp(at, UTC), kept) for key, at, kept in rows]
