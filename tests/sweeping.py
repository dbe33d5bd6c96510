"""A process of its own that sweeps without pause: ``python -m tests.sweeping``.

It says what it does, a line of JSON each, on standard output: ``["job", kind, subject, rev, begun,
ended]`` and ``["sweep", begun, ended]``, times of the machine's steady clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from hygieia.blocks.port import Swept
from hygieia.config import load_settings
from hygieia.domain.jobs import Job
from hygieia.errors import Conflict, HygieiaError, Unavailable
from hygieia.server.services import Services, build_services

PAUSE_SECONDS = 0.05


def main() -> None:
    """Sweep until the file named is there."""
    asyncio.run(sweep_until(Path(sys.argv[1])))


async def sweep_until(enough: Path) -> None:
    """With the stores that the environment names."""
    services = await asyncio.to_thread(build_services, load_settings(os.environ, None))
    _watch(services)
    say("ready")
    while not await asyncio.to_thread(enough.exists):
        try:
            done = await services.sweeper.sweep()
        except Unavailable as error:
            say("away", str(error))
            continue
        say("round", [list(failed) for failed in done.failed_jobs], done.blocks)
        await asyncio.sleep(PAUSE_SECONDS)
    await services.close()


def _watch(services: Services) -> None:
    """Have jobs and sweeps of blocks told as they are done."""
    sweeper, blocks = services.sweeper, services.stores.blocks
    do, sweep = sweeper._do, blocks.sweep

    async def told_job(job: Job) -> HygieiaError | None:
        begun = time.monotonic()
        error = await do(job)
        say("job", job.kind, job.subject, job.rev, begun, time.monotonic())
        return error

    async def told_sweep() -> Swept:
        begun = time.monotonic()
        try:
            swept = await sweep()
        except Conflict:
            say("conflict")
            raise
        say("sweep", begun, time.monotonic())
        return swept

    sweeper._do = told_job  # type: ignore[method-assign]  # only looked on
    blocks.sweep = told_sweep  # type: ignore[method-assign]  # only looked on


def say(*words: Any) -> None:  # noqa: ANN401  (whatever JSON takes)
    """One line to whoever started this."""
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main()
