"""WB-07: whoever uses up the questions about her email holds up no device she has signed in on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import argon2.low_level
import pytest

from hygieia.client import Device
from hygieia.errors import CredentialsError, TooManyAttempts
from tests.factories.servers import Api, running_api, settings_in
from tests.factories.stretching import stretch_once
from tests.security.victims import PASSWORD

EMAIL = "ana@example.org"
NEW_PASSWORD = "nine loud gulls leave the harbour"


@pytest.fixture(autouse=True)
def _stretched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argon2.low_level, "hash_secret_raw", stretch_once)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A server that answers three questions about an email in the window, and hears one guess."""
    async with running_api(settings_in(tmp_path, sign_in_attempts_account=1)) as api:
        yield api


@pytest.fixture
async def device(api: Api, tmp_path: Path) -> Device:
    """A device that was signed out."""
    device = Device(tmp_path / "device")
    await device.sign_up(api.url, email=EMAIL, name="Ana", password=PASSWORD)
    await device.sign_out(PASSWORD)
    return device


async def use_up_questions(api: Api) -> None:
    """What anybody on her network can do, whoever she is."""
    asked = [api.call("POST", "/api/v1/sign-in/parameters", {"email": EMAIL}) for _ in range(4)]
    reply = [await each for each in asked][-1]
    assert (reply.status, reply.code) == (429, "too-many-attempts")
    assert 60 < int(reply.headers["Retry-After"]) <= 900


async def test_a_known_device_signs_in(api: Api, device: Device) -> None:
    await use_up_questions(api)
    await device.sign_in(api.url, email=EMAIL, password=PASSWORD)
    async with device.open(PASSWORD) as vault:
        assert list(vault.list().reports) == []


async def test_an_unknown_device_is_told_how_long_to_wait(
    api: Api, device: Device, tmp_path: Path
) -> None:
    await use_up_questions(api)
    with pytest.raises(TooManyAttempts) as caught:
        await Device(tmp_path / "new").sign_in(api.url, email=EMAIL, password=PASSWORD)
    assert 60 < caught.value.retry_after_seconds <= 900


async def test_a_wrong_password_is_refused_as_such_and_loses_nothing(
    api: Api, device: Device
) -> None:
    before = device.store.load()
    await use_up_questions(api)
    with pytest.raises(CredentialsError) as caught:
        await device.sign_in(api.url, email=EMAIL, password=NEW_PASSWORD)
    assert "changed on another device? Then try again in" in str(caught.value.hint)
    assert device.store.load() == before
    await device.sign_in(api.url, email=EMAIL, password=PASSWORD)


async def test_a_password_changed_elsewhere_is_taken_and_the_old_one_refused(
    api: Api, device: Device, tmp_path: Path
) -> None:
    elsewhere = Device(tmp_path / "elsewhere")
    await elsewhere.sign_in(api.url, email=EMAIL, password=PASSWORD)
    async with elsewhere.open(PASSWORD) as vault:
        await vault.change_password(current=PASSWORD, new=NEW_PASSWORD)
    before = device.store.load()
    await use_up_questions(api)
    with pytest.raises(CredentialsError):
        await device.sign_in(api.url, email=EMAIL, password=PASSWORD)
    assert device.store.load() == before
    await device.sign_in(api.url, email=EMAIL, password=NEW_PASSWORD)
    async with device.open(NEW_PASSWORD):
        pass
