from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hygieia.documents.sqlite_lane import Lane
from hygieia.errors import Failed, NotFound, Unavailable


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            tmp_path / "x.db", isolation_level=None, check_same_thread=False, timeout=0.2
        )

    def begin(connection: sqlite3.Connection) -> None:
        connection.execute("begin immediate")

    made = Lane("lane", 1, connect, begin, lambda error: Unavailable(str(error)))
    yield made
    made.close()


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("select count(*) from t").fetchone()[0])


async def test_work_waiting_together_shares_transactions(lane: Lane) -> None:
    gate = threading.Event()
    first = asyncio.ensure_future(lane.run(lambda _: gate.wait(100)))
    begun: list[str] = []

    def note(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(begun.append)
        connection.execute("select 1")

    others = [asyncio.ensure_future(lane.run(note)) for _ in range(20)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *others)
    await lane.run(lambda connection: connection.set_trace_callback(None))
    assert begun.count("select 1") == 20
    assert begun.count("commit") <= 2


async def test_work_that_breaks_fails_alone_with_its_batch_and_the_lane_goes_on(
    lane: Lane,
) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(Failed):
        await lane.run(broken)
    await lane.run(lambda connection: connection.execute("create table t (n)").close())
    assert await lane.run(count) == 0


async def test_a_refusal_leaves_the_rest_of_its_batch_alone(lane: Lane) -> None:
    gate = threading.Event()
    first = asyncio.ensure_future(lane.run(lambda _: gate.wait(100)))

    def refuse(connection: sqlite3.Connection) -> None:
        raise NotFound("not here")

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("create table if not exists t (n)")
        connection.execute("insert into t values (1)")

    calls = [asyncio.ensure_future(lane.run(each)) for each in (write, refuse, write)]
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(first, *calls, return_exceptions=True)
    assert isinstance(results[2], NotFound)
    assert await lane.run(count) == 2


async def test_a_lock_held_elsewhere_is_unavailable_and_then_over(
    lane: Lane, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(Unavailable):
        await lane.run(lambda _: None)
    other.execute("rollback")
    other.close()
    await lane.run(lambda _: None)


async def test_closing_finishes_what_was_asked_for(lane: Lane) -> None:
    def write(connection: sqlite3.Connection) -> int:
        connection.execute("create table if not exists t (n)")
        return 1

    calls = [asyncio.ensure_future(lane.run(write)) for _ in range(500)]
    await asyncio.sleep(0)
    await asyncio.to_thread(lane.close)
    assert await asyncio.gather(*calls) == [1] * 500
    with pytest.raises(Unavailable):
        await lane.run(write)
    lane.close()
