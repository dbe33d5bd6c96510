"""A real server in the test's own loop, and a device signed up there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import argon2.low_level
import pytest

from hygieia.client import Device, Vault
from hygieia.openpgp import sealing
from hygieia.openpgp.locked_keys import COUNT_FOR_STRETCHED
from tests.factories.servers import Api, running_api, settings_in
from tests.factories.stretching import stretch_once
from tests.unit.client.vaults import PASSWORD

Person = Callable[[str], Awaitable[Vault]]


@pytest.fixture(autouse=True)
def _stretched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of these tests' time was passwords and safety numbers stretched over again.

    Another third were codes, at each sign-up: tests of the seals themselves use the true count.
    """
    monkeypatch.setattr(argon2.low_level, "hash_secret_raw", stretch_once)
    monkeypatch.setattr(sealing, "COUNT_FOR_CODE", COUNT_FOR_STRETCHED)


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


@pytest.fixture
async def person(api: Api, tmp_path: Path) -> AsyncIterator[Person]:
    """Sign somebody up by first name and open the vault."""
    async with contextlib.AsyncExitStack() as stack:

        async def sign_up(name: str) -> Vault:
            device = Device(tmp_path / f"home-{name}")
            email = f"{name.lower()}@example.org"
            await device.sign_up(api.url, email=email, name=name, password=PASSWORD)
            return await stack.enter_async_context(device.open(PASSWORD))

        yield sign_up


@pytest.fixture
async def new_key(api: Api, tmp_path: Path) -> AsyncIterator[Person]:
    """Who lost her key signs up again under the same email, with the code of the host's reset."""
    async with contextlib.AsyncExitStack() as stack:

        async def again(name: str) -> Vault:
            services, email = api.services, f"{name.lower()}@example.org"
            code = await services.identity.accounts.vacate(email, services.indexes.forget)
            device = Device(tmp_path / f"new-{code[-8:]}")
            await device.sign_up(api.url, email=email, name=name, password=PASSWORD, invite=code)
            return await stack.enter_async_context(device.open(PASSWORD))

        yield again
