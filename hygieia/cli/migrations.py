"""What ``hygieia admin migrate`` does with two stores."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hygieia.cli.progress import progress
from hygieia.documents.guarded import SETTLE_SECONDS
from hygieia.documents.migration import Migrated, migrate, unlock
from hygieia.server.storage import open_document_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hygieia.cli.invocation import Invocation
    from hygieia.documents.port import DocumentStore


async def move_documents(
    invocation: Invocation, source: str, target: str, data_dir: Path
) -> Migrated:
    """Moves all documents between the stores at two addresses. Raises as ``migrate`` does."""
    now = datetime.now(UTC)  # for both: what expires meanwhile is no difference
    async with _opened(source, data_dir, now) as old, _opened(target, data_dir, now) as new:
        invocation.message(
            f"Running servers only read from now on; waiting {SETTLE_SECONDS:.0f} s for them."
        )
        with progress(invocation, "Moving", unit="items") as show:
            return await migrate(old, new, on_progress=lambda done: show(done, None, ""))


async def unlock_documents(address: str, data_dir: Path) -> bool:
    """Lets servers change a migration's source again. Raises as ``unlock`` does."""
    async with _opened(address, data_dir, datetime.now(UTC)) as store:
        return await unlock(store)


@contextlib.asynccontextmanager
async def _opened(address: str, data_dir: Path, now: datetime) -> AsyncIterator[DocumentStore]:
    store = await asyncio.to_thread(open_document_store, address, data_dir, lambda: now)
    try:
        yield store
    finally:
        await store.close()
