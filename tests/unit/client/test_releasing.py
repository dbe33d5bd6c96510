"""Handing verified content on: whoever takes it may go away, or have no room, at any moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from hygieia.client import reading
from hygieia.client.reading import ReportFetcher
from hygieia.errors import StorageFull


class Unread:
    """Stands for the reader of a report's content: what comes in goes out."""

    def __init__(self, _report: object) -> None: ...

    def update(self, piece: bytes) -> list[bytes]:
        return [piece]

    def finish(self) -> list[bytes]:
        return []


class Fetcher(ReportFetcher):
    """One whose network gives more than anybody takes."""

    def __init__(self) -> None:
        self.given = 0

    async def _given(self) -> AsyncIterator[bytes]:
        for self.given in range(1, 1001):
            yield b"piece"

    def _cipher(self, report: Any) -> AsyncIterator[bytes]:  # noqa: ANN401  (none is needed)
        return self._given()


@pytest.mark.parametrize("end", [BrokenPipeError("less was left"), StorageFull("no room")])
async def test_who_takes_no_more_ends_the_reading_though_pieces_wait(
    monkeypatch: pytest.MonkeyPatch, end: Exception
) -> None:
    monkeypatch.setattr(reading, "ContentReader", Unread)
    fetcher, all_wait = Fetcher(), threading.Event()

    def release(_plain: Sequence[object]) -> None:
        all_wait.wait(60)
        raise end

    async def see_that_all_wait() -> None:
        given = -1
        while given != fetcher.given or given == 0:
            given = fetcher.given
            await asyncio.sleep(0.05)
        all_wait.set()

    seeing = asyncio.create_task(see_that_all_wait())
    async with asyncio.timeout(60):
        with pytest.raises(type(end)):
            await fetcher.stream(None, release)  # type: ignore[arg-type]  # no report is needed
    await seeing
    assert fetcher.given < 100
