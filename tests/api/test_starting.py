"""Before the stores are open nobody is kept waiting, and of two servers on a port one says so."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from hygieia.config import Settings
from hygieia.errors import ConfigError
from hygieia.server import app as composition
from hygieia.server.app import build_app, serve
from tests.factories.servers import settings_in
from tests.ports import free_port


class SlowStore:
    """A start that waits for its stores until it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.let = threading.Event(), threading.Event()
        monkeypatch.setattr(composition, "build_app", self.build)

    def build(self, settings: Settings) -> web.Application:
        self.begun.set()
        assert self.let.wait(30)
        return build_app(settings)


@contextlib.asynccontextmanager
async def starting(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """A server that starts in a task, which ends with the test."""
    task = asyncio.create_task(serve(settings))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConfigError):
            await task


async def test_who_comes_before_the_stores_are_open_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(settings_in(tmp_path), port=free_port())
    slow = SlowStore(monkeypatch)
    async with starting(settings), aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{settings.port}/readyz"
        await asyncio.to_thread(slow.begun.wait, 30)
        for _ in range(3):
            with pytest.raises(aiohttp.ClientConnectorError):
                await http.get(url)
        slow.let.set()
        assert await _status_once_there(http, url) == 200


async def _status_once_there(http: aiohttp.ClientSession, url: str) -> int:
    for _ in range(1000):
        with contextlib.suppress(aiohttp.ClientConnectorError):
            async with http.get(url) as answer:
                return answer.status
        await asyncio.sleep(0.02)
    raise AssertionError


async def test_a_port_taken_while_the_stores_are_opened_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(settings_in(tmp_path), port=free_port())
    slow = SlowStore(monkeypatch)
    async with starting(settings) as task:
        await asyncio.to_thread(slow.begun.wait, 30)
        with socket.create_server(("127.0.0.1", settings.port)):
            slow.let.set()
            with pytest.raises(ConfigError, match="cannot be listened on"):
                await task


def test_a_taken_port_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = replace(settings_in(tmp_path), port=other.getsockname()[1])
        with pytest.raises(ConfigError, match=str(settings.port)):
            composition._bind(settings)
    assert not settings.data_dir.exists()
