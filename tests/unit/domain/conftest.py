from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hygieia.documents.sqlite import open_sqlite
from tests.people import Clock, House, make_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = Clock()
    documents = open_sqlite(tmp_path / "documents.db", clock=clock)
    opened = make_house(documents, clock)
    yield opened
    opened.identity.close()
    await documents.close()
