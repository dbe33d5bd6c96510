"""The sweeper's rounds, as long as the server runs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from hygieia.errors import HygieiaError
from hygieia.server.logs import get_log, places_of
from hygieia.server.middleware import SERVICES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from hygieia.server.services import Services


async def sweep_in_background(app: web.Application) -> AsyncIterator[None]:
    """An aiohttp cleanup context: sweeps until the application stops."""
    await _tell_of_commits(app[SERVICES])
    task = asyncio.create_task(_rounds(app[SERVICES]), name="sweeper")
    yield
    task.cancel()
    await asyncio.wait([task])


async def _tell_of_commits(services: Services) -> None:
    """Before the first request, which may be the very line that a kill interrupted."""
    try:
        await services.sweeper.tell_of_commits()
    except HygieiaError as error:
        # The clean-up will do it; what can be served meanwhile is.
        get_log().warning("commits not told at start", code=error.code, why=str(error))


async def _rounds(services: Services) -> None:
    """A round at start, after each pause, and whenever something asks for one."""
    wanted = services.lifecycle.sweep_wanted
    while True:
        wanted.clear()
        await _round(services)
        if is_ending():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(services.settings.sweep_minutes * 60):
                await wanted.wait()


def is_ending() -> bool:
    """Whether the task that asks was cancelled, though it may never have seen the error.

    A store that fails in the round's own clean-up puts another error in that one's place.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _round(services: Services) -> None:
    try:
        done = await services.sweeper.sweep()
    except HygieiaError as error:
        # Of a damaged catalogue, this is where its operator hears what to do.
        get_log().warning("sweep failed", code=error.code, why=str(error), hint=error.hint)
        return
    except Exception as error:  # noqa: BLE001 - a broken round must not end all later ones
        get_log().error("sweep failed", error=type(error).__name__, at=places_of(error))
        return
    services.metrics.jobs.labels("done").inc(done.jobs - len(done.failed_jobs))
    services.metrics.jobs.labels("put off").inc(len(done.failed_jobs))
    services.metrics.swept_blocks.inc(done.blocks)
    for kind, code in done.failed_jobs:
        get_log().warning("job put off", kind=kind, code=code)
    if done.jobs or done.blocks or done.expired:
        get_log().info("swept", jobs=done.jobs, expired=done.expired, blocks=done.blocks)
