"""A real server in the test's own loop, and a device signed up there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hygieia.client import Device, Vault
from tests.factories.servers import Api, running_api, settings_in
from tests.unit.client.vaults import PASSWORD


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(settings_in(tmp_path)) as api:
        yield api


@pytest.fixture
async def device(api: Api, tmp_path: Path) -> Device:
    device = Device(tmp_path / "state")
    await device.sign_up(api.url, email="ana@example.org", name="Ana", password=PASSWORD)
    return device


@pytest.fixture
async def vault(device: Device) -> AsyncIterator[Vault]:
    async with device.open(PASSWORD) as vault:
        yield vault
