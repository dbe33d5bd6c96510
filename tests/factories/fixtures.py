"""Fixtures for tests that speak HTTP to a server in their own loop: import them in a conftest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.factories.servers import Api, Member, running_api, settings_in
from tests.people import BOB


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A server over SQLite and the embedded block store, made for one test."""
    async with running_api(settings_in(tmp_path)) as api:
        yield api


@pytest.fixture
async def ada(api: Api) -> Member:
    """Somebody signed in."""
    return await api.sign_up()


@pytest.fixture
async def bob(api: Api) -> Member:
    """Somebody else."""
    return await api.sign_up(BOB)
