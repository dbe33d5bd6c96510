"""A block store of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hygieia.blocks.embedded import EmbeddedBlockStore, open_embedded


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedBlockStore]:
    opened = open_embedded(tmp_path)
    yield opened
    await opened.close()
