"""What a move of blocks says to servers and to later moves, through the document store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hygieia.documents.blocks_move import (
    forget_place,
    mark_move,
    read_blocks_home,
    read_place,
    unmark_move,
    write_blocks_home,
    write_place,
)
from hygieia.documents.guarded import GuardedDocumentStore
from hygieia.documents.migration import migrate, unlock
from hygieia.documents.port import DocumentStore
from hygieia.documents.sqlite import open_sqlite
from hygieia.errors import ConfigError, ReadOnly

ENDS = ("directory:/vault", "kubo")


@pytest.fixture
async def documents(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    store = open_sqlite(tmp_path / "documents")
    yield store
    await store.close()


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    store = open_sqlite(tmp_path / "other")
    yield store
    await store.close()


async def may_change(documents: DocumentStore, kind: str) -> bool:
    """Whether a server with this kind of block store may change anything."""
    try:
        await GuardedDocumentStore(documents, blocks=kind).delete("things", "gone")
    except ReadOnly:
        return False
    return True


async def test_servers_only_read_while_blocks_move_and_then_where_they_were(
    documents: DocumentStore,
) -> None:
    assert await may_change(documents, "directory")
    await mark_move(documents, *ENDS)
    assert not await may_change(documents, "directory")
    assert not await may_change(documents, "kubo")
    await write_blocks_home(documents, "kubo", *ENDS)
    await unmark_move(documents)
    assert not await may_change(documents, "directory")
    assert await may_change(documents, "kubo")


async def test_a_move_that_was_cut_off_is_gone_on_with_and_no_other_is_begun(
    documents: DocumentStore, other: DocumentStore
) -> None:
    migration = await mark_move(documents, *ENDS)
    assert await mark_move(documents, *ENDS) == migration
    with pytest.raises(ConfigError, match="not over"):
        await mark_move(documents, "kubo", "directory:/vault")
    with pytest.raises(ConfigError, match="not over"):
        await migrate(documents, other, settle_seconds=0)
    with pytest.raises(ConfigError, match="another migration"):
        await migrate(other, documents, settle_seconds=0)


async def test_a_move_that_is_given_up_leaves_the_vault_as_it_was(documents: DocumentStore) -> None:
    given_up = await mark_move(documents, *ENDS)
    await write_blocks_home(documents, "", ENDS[1])
    await write_place(documents, given_up, {"pins": 7})
    assert await unlock(documents)
    assert await may_change(documents, "directory")
    again = await mark_move(documents, *ENDS)
    assert await read_place(documents, again) == {}
    assert (await read_blocks_home(documents)).known == (ENDS[1],)


async def test_a_migrations_source_moves_no_blocks(
    documents: DocumentStore, other: DocumentStore
) -> None:
    await documents.insert("reports", "1", {})
    await migrate(documents, other, settle_seconds=0)
    with pytest.raises(ConfigError, match="part of a migration"):
        await mark_move(documents, *ENDS)


async def test_the_place_is_that_of_one_move(documents: DocumentStore) -> None:
    await write_place(documents, "one", {"pins": 1})
    await write_place(documents, "one", {"pins": 2})
    assert await read_place(documents, "one") == {"pins": 2}
    assert await read_place(documents, "two") == {}
    await forget_place(documents)
    assert await read_place(documents, "one") == {}


async def test_where_blocks_are_goes_along_with_the_documents(
    documents: DocumentStore, other: DocumentStore
) -> None:
    await write_blocks_home(documents, "kubo", *ENDS)
    await documents.insert("reports", "1", {})
    await documents.insert("kubo-pins", "1", {})
    moved = await migrate(
        documents, other, settle_seconds=0, stays=lambda name: name.startswith("kubo-")
    )
    assert moved.documents == 1
    assert await other.get("kubo-pins", "1") is None
    assert not await may_change(other, "directory")
