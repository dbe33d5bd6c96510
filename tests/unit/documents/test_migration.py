"""Moving documents between stores, cut off, resumed, compared; and what servers may do meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hygieia.documents.guarded import TRUST_SECONDS, GuardedDocumentStore
from hygieia.documents.migration import Migrated, migrate, unlock
from hygieia.documents.port import Document, DocumentStore
from hygieia.documents.sqlite import open_sqlite
from hygieia.errors import ConfigError, IntegrityError, ReadOnly, Unavailable

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    store = open_sqlite(tmp_path / "source", clock=lambda: NOW)
    await store.load(
        "reports",
        [
            Document(f"{number:03d}", 1, {"n": number}, "ana", str(number % 7))
            for number in range(250)
        ],
    )
    for _ in range(3):
        found = await store.get("reports", "007")
        assert found is not None
        await store.replace("reports", "007", found.rev, {"n": -7})
    await store.insert("accounts", "ana", {"e": "a"}, unique="ana@example.org")
    await store.insert("sessions", "1", {}, expires=NOW + timedelta(days=1))
    yield store
    await store.close()


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    store = open_sqlite(tmp_path / "target", clock=lambda: NOW)
    yield store
    await store.close()


async def test_everything_is_there_as_it_was(source: DocumentStore, target: DocumentStore) -> None:
    assert await migrate(source, target, settle_seconds=0) == Migrated(3, 252)
    report = await target.get("reports", "007")
    assert report is not None
    assert (report.rev, report.body) == (4, {"n": -7})
    assert await target.find("accounts", "ana@example.org") is not None
    assert await target.page("reports", "ana", limit=300) == await source.page(
        "reports", "ana", limit=300
    )


async def test_the_new_store_may_be_changed_and_the_old_one_not(
    source: DocumentStore, target: DocumentStore
) -> None:
    await migrate(source, target, settle_seconds=0)
    await GuardedDocumentStore(target).insert("reports", "new", {})
    old = GuardedDocumentStore(source)
    with pytest.raises(ReadOnly):
        await old.insert("reports", "new", {})
    assert await old.get("reports", "007") is not None
    with pytest.raises(ConfigError, match="holds a vault"):
        await migrate(source, target, settle_seconds=0)


async def test_every_change_is_refused_while_a_vault_moves(source: DocumentStore) -> None:
    await source.insert(
        "store-state", "read-only", {"role": "source", "migration": "1", "place": []}
    )
    guarded = GuardedDocumentStore(source)
    for change in (
        guarded.insert("reports", "new", {}),
        guarded.replace("reports", "007", 4, {}),
        guarded.delete("reports", "007"),
        guarded.purge_expired(NOW, 1),
        guarded.load("reports", []),
    ):
        with pytest.raises(ReadOnly):
            await change
    assert await unlock(source)
    assert not await unlock(source)


async def test_a_server_sees_the_mark_within_its_time(source: DocumentStore) -> None:
    seconds = 0.0
    guarded = GuardedDocumentStore(source, lambda: seconds)
    await guarded.insert("reports", "before", {})
    await source.insert(
        "store-state", "read-only", {"role": "source", "migration": "1", "place": []}
    )
    seconds += TRUST_SECONDS
    with pytest.raises(ReadOnly):
        await guarded.insert("reports", "after", {})
    await unlock(source)
    seconds += TRUST_SECONDS
    await guarded.insert("reports", "after", {})


class FailingStore(GuardedDocumentStore):
    """Takes a number of pieces and then is away."""

    def __init__(self, inner: DocumentStore, pieces: int) -> None:
        super().__init__(inner)
        self.pieces = pieces
        self.loaded: list[str] = []

    async def require_writable(self) -> None:
        pass

    async def load(self, collection: str, documents: Sequence[Document]) -> None:
        if not self.pieces:
            raise Unavailable("The database does not answer.")
        self.pieces -= 1
        self.loaded += [document.id for document in documents]
        await super().load(collection, documents)


@pytest.mark.parametrize("pieces", [0, 1, 2, 3, 4])
async def test_it_goes_on_where_it_was_cut_off(
    source: DocumentStore, target: DocumentStore, pieces: int
) -> None:
    with pytest.raises(Unavailable):
        await migrate(source, FailingStore(target, pieces), settle_seconds=0)
    with pytest.raises(ReadOnly):
        await GuardedDocumentStore(target).insert("reports", "new", {})
    with pytest.raises(ConfigError):
        await unlock(target)
    again = FailingStore(target, 100)
    assert await migrate(source, again, settle_seconds=0) == Migrated(3, 252)
    assert len(again.loaded) <= 252 - max(0, pieces - 2) * 100


async def test_a_source_changed_in_between_is_not_mixed_in(
    source: DocumentStore, target: DocumentStore
) -> None:
    with pytest.raises(Unavailable):
        await migrate(source, FailingStore(target, 2), settle_seconds=0)
    await unlock(source)
    with pytest.raises(ConfigError, match="another migration"):
        await migrate(source, target, settle_seconds=0)


class ForgetfulStore(FailingStore):
    async def load(self, collection: str, documents: Sequence[Document]) -> None:
        await super().load(collection, documents[1:])


async def test_a_document_that_did_not_arrive_is_found_out(
    source: DocumentStore, target: DocumentStore
) -> None:
    with pytest.raises(IntegrityError):
        await migrate(source, ForgetfulStore(target, 100), settle_seconds=0)
    with pytest.raises(ReadOnly):
        await GuardedDocumentStore(target).insert("reports", "new", {})


async def test_a_store_in_use_is_no_target(source: DocumentStore, target: DocumentStore) -> None:
    await target.insert("reports", "mine", {})
    with pytest.raises(ConfigError, match="holds a vault"):
        await migrate(source, target, settle_seconds=0)
    await GuardedDocumentStore(source).insert("reports", "new", {})
