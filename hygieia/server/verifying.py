"""The rounds of verifying all copies, and soon after storing what is new, as long as the server runs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from hygieia.errors import HygieiaError
from hygieia.openpgp.times import parse_time
from hygieia.server.background import is_ending
from hygieia.server.logs import get_log, places_of
from hygieia.server.middleware import SERVICES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from aiohttp import web

    from hygieia.server.services import Services

FIRST_AFTER_SECONDS: Final = 60
"""A server that has just started has other things to do."""
LOOK_EVERY_SECONDS: Final = 600
LOOK_AT_NEW_EVERY_SECONDS: Final = 60


async def verify_in_background(app: web.Application) -> AsyncIterator[None]:
    """An aiohttp cleanup context: verifies when it is due until the application stops."""
    services = app[SERVICES]
    if not services.settings.verify_hours:
        yield
        return
    tasks = [
        asyncio.create_task(_rounds(services), name="verifier"),
        asyncio.create_task(_rounds_of_the_new(services), name="verifier of the new"),
    ]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _rounds(services: Services) -> None:
    pause = FIRST_AFTER_SECONDS
    while not is_ending():
        await asyncio.sleep(pause)
        await verify_if_due(services)
        pause = LOOK_EVERY_SECONDS


async def _rounds_of_the_new(services: Services) -> None:
    while not is_ending():
        await asyncio.sleep(LOOK_AT_NEW_EVERY_SECONDS)
        with _told():
            await services.recent_checks.run()


async def verify_if_due(services: Services) -> None:
    """One look at whether a verification is due; then the verification."""
    verifier = services.verifier
    with _told():
        if await verifier.is_due(services.settings.verify_hours):
            run = await verifier.run()
            if run is not None:
                counts = run.counts
                services.metrics.verified_blocks.inc(counts.blocks)
                services.metrics.mended_blocks.inc(counts.mended)
                log = get_log().warning if counts.short else get_log().info
                log("copies verified", safe=counts.safe, short=counts.short, mended=counts.mended)
        # Told by every server, whichever did it.
        last = await verifier.last()
        if last is not None and last.finished is not None:
            services.metrics.safe_reports.set(last.counts.safe)
            services.metrics.short_reports.set(last.counts.short)
            services.metrics.last_verified.set(parse_time(last.finished).timestamp())


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """A broken round is logged, and ends no later one."""
    try:
        yield
    except HygieiaError as error:
        get_log().warning("verification stopped", code=error.code)
    except Exception as error:  # noqa: BLE001 - a broken round must not end all later ones
        get_log().error("verification stopped", error=type(error).__name__, at=places_of(error))
