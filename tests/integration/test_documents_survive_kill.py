"""SIGKILL while writing: what was acknowledged is there, what is there is whole (threat CL-08)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from hygieia.documents.sqlite import open_sqlite

WRITER = textwrap.dedent(
    """
    import asyncio, os, sys
    from pathlib import Path
    from hygieia.documents.sqlite import open_sqlite

    async def write(store, name):
        for number in range(100_000):
            document_id = f"{name}-{number}"
            await store.insert("things", document_id, {"v": 0}, scope=name, unique=document_id)
            await store.replace("things", document_id, 1, {"v": 1})
            os.write(1, f"{document_id}\\n".encode())

    async def main():
        store = open_sqlite(Path(sys.argv[1]))
        names = sys.argv[2].split(",")
        await asyncio.gather(*[write(store, name) for name in names])

    asyncio.run(main())
    """
)


ENOUGH_WRITES = 10


def start(path: Path, names: str, acknowledged: Path) -> subprocess.Popen[bytes]:
    with acknowledged.open("wb") as output:
        return subprocess.Popen([sys.executable, "-c", WRITER, str(path), names], stdout=output)


def wait_for_output(files: list[Path]) -> None:
    deadline = time.monotonic() + 100
    while not all(file.read_bytes().count(b"\n") > ENOUGH_WRITES for file in files):
        if time.monotonic() > deadline:
            pytest.fail("the writers wrote next to nothing")
        time.sleep(0.01)


@pytest.mark.parametrize("round_number", range(3))
async def test_no_acknowledged_write_is_lost_when_two_writing_processes_are_killed(
    tmp_path: Path, round_number: int
) -> None:
    path = tmp_path / "documents.db"
    acknowledged = [tmp_path / "first", tmp_path / "second"]
    writers = [start(path, "a,b,c,d", acknowledged[0]), start(path, "e,f,g,h", acknowledged[1])]
    try:
        wait_for_output(acknowledged)
        await asyncio.sleep(0.1 + 0.13 * round_number)
    finally:
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
    names = [line for file in acknowledged for line in whole_lines(file)]
    store = open_sqlite(path)
    for name in names:
        found = await store.get("things", name)
        assert found is not None, name
        assert (found.rev, found.body) == (2, {"v": 1})
        assert await store.find("things", name) == found
    await store.insert("things", "after", {})
    await store.close()


def whole_lines(file: Path) -> list[str]:
    return list(file.read_text().split("\n")[:-1])
