"""SIGKILL while storing and sweeping: acknowledged puts are there, no put is there in part (CL-08)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from hygieia.blocks.embedded import open_embedded, rebuild
from tests.dags import report

WRITER = textwrap.dedent(
    """
    import asyncio, os, sys
    from pathlib import Path
    from hygieia.blocks.embedded import open_embedded
    from hygieia.errors import Conflict
    from tests.dags import report

    async def write(store, start):
        for seed in range(start, start + 100_000, 10):
            dag = report(seed, 30_000)
            await store.put(dag.blocks, holder=f"upload {seed}")
            await store.pin(dag.root, name=str(seed))
            await store.release(f"upload {seed}")
            os.write(1, f"{seed}\\n".encode())

    async def sweep(store):
        while True:
            try:
                await store.sweep()
            except Conflict:
                await asyncio.sleep(0.01)

    async def main():
        store = open_embedded(Path(sys.argv[1]))
        start = int(sys.argv[2])
        await asyncio.gather(sweep(store), *[write(store, start + 100_000 * n) for n in range(4)])

    asyncio.run(main())
    """
)


def start(path: Path, first_seed: int, acknowledged: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(path), str(first_seed)]
    with acknowledged.open("wb") as output:
        return subprocess.Popen(command, stdout=output, env={**os.environ, "PYTHONPATH": "."})


def wait_for_output(files: list[Path]) -> None:
    deadline = time.monotonic() + 60
    while not all(file.stat().st_size for file in files):
        if time.monotonic() > deadline:
            pytest.fail("the writers wrote nothing")
        time.sleep(0.01)


def seeds_in(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().splitlines(keepends=True) if line[-1:] == "\n"]


@pytest.mark.parametrize("loses_catalogue", [False, True])
@pytest.mark.parametrize("round_number", range(3))
async def test_acknowledged_puts_survive_and_nothing_is_visible_in_part(
    tmp_path: Path, round_number: int, *, loses_catalogue: bool
) -> None:
    path, acknowledged = tmp_path / "blocks", [tmp_path / "first", tmp_path / "second"]
    writers = [start(path, 0, acknowledged[0]), start(path, 1_000_000, acknowledged[1])]
    try:
        wait_for_output(acknowledged)
        time.sleep(0.1 + 0.17 * round_number)  # noqa: ASYNC251 - nothing else runs here
    finally:
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
    if loses_catalogue:
        for file in path.glob("catalogue.sqlite*"):
            file.unlink()
        rebuild(path)
    store = open_embedded(path)
    seeds = {seed for file in acknowledged for seed in seeds_in(file)}
    assert seeds
    for seed in seeds:
        dag = report(seed, 30_000)
        assert await store.is_pinned(dag.root, name=str(seed))
        assert await store.get_many(dag.cids) == [block.data for block in dag.blocks]
    for last in (max(seeds), *seeds):
        following = report(last + 10, 30_000)
        absent = await store.missing(following.cids)
        # Copies may tell of a part that was not committed: unpinned, the sweep takes it.
        assert loses_catalogue or len(absent) in (0, len(following.cids))
    await store.sweep()
    for seed in seeds:
        assert await store.missing(report(seed, 30_000).cids) == []
    await store.close()
