"""The client is killed (SIGKILL) while it stores files; the same line is run again.

docs/spec/10: what was sent is not sent again, and no nonce ever meets a second plaintext.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.ipld.cid import CID
from tests.running import Person, RunningServer
from tests.security.hostile import HostileProxy
from tests.security.killing import CARS, Killer, check_nonces, run_and_kill, size_of
from tests.security.victims import run_here, sign_up

MIB = 1 << 20
CONTENT = hashlib.shake_256(b"a long film").digest(13 * MIB)


def put_and_kill(person: Person, proxy: HostileProxy, killer: Killer, *paths: Path) -> None:
    run_and_kill(person, proxy, "POST", killer, "put", *map(str, paths))


def put_again(person: Person, path: Path) -> list[dict[str, Any]]:
    done = run_here(person, "--json", "put", str(path))
    assert done.exit_code == 0, done
    reports: list[dict[str, Any]] = done.document["reports"]
    return reports


def fetched(person: Person, report: str, out: Path) -> bytes:
    assert run_here(person, "get", report, "-o", str(out)).exit_code == 0
    return out.read_bytes()


def listed(person: Person) -> dict[str, dict[str, Any]]:
    """Her reports by CID."""
    found = run_here(person, "--json", "ls", "--limit", "1000").document["reports"]
    return {report["cid"]: report for report in found}


@pytest.fixture(scope="module")
def mover(
    _proxy: HostileProxy, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Person:
    """Somebody whose vault grows from test to test."""
    _proxy.behave()
    home = tmp_path_factory.mktemp("mover") / "home"
    return sign_up(Person(home, _proxy.address), "mover@example.org")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    # A name of each test's own: what her vault has already would not be sent.
    path = tmp_path / f"{tmp_path.name}.bin"
    path.write_bytes(CONTENT)
    return path


def test_run_again_it_sends_only_what_is_missing(
    proxy: HostileProxy, mover: Person, film: Path, tmp_path: Path
) -> None:
    killer = Killer(CARS, nth=2)
    put_and_kill(mover, proxy, killer, film)
    # Two batches are on their way at once: either may have come first.
    assert size_of(killer.stored) > 4 * MIB
    first = proxy.uploaded()

    proxy.behave()
    [report] = put_again(mover, film)
    again = proxy.uploaded()
    assert not {block.cid for block in killer.stored} & {block.cid for block in again}
    assert size_of(again) < len(CONTENT) - size_of(killer.stored) + MIB
    check_nonces(first + again)
    assert fetched(mover, report["id"], tmp_path / "out") == CONTENT


@pytest.mark.parametrize(
    ("place", "same_time"), [(0, False), (3 * MIB + 5, True), (12 * MIB + 5, True)]
)
def test_a_file_that_changed_in_between_meets_no_nonce_again(
    place: int,
    same_time: bool,
    proxy: HostileProxy,
    mover: Person,
    film: Path,
    tmp_path: Path,
) -> None:
    before = film.stat()
    put_and_kill(mover, proxy, Killer(CARS, nth=2), film)
    first = proxy.uploaded()

    changed = bytearray(CONTENT)
    changed[place] ^= 1
    film.write_bytes(changed)
    if same_time:
        os.utime(film, ns=(before.st_atime_ns, before.st_mtime_ns))
    proxy.behave()
    [report] = put_again(mover, film)
    again = proxy.uploaded()
    check_nonces(first + again)
    leaves = {block.cid for block in first if len(block.data) == MIB}
    kept = leaves & _leaves_of(proxy, mover, report["cid"])
    assert kept in (set(), leaves), "the stored file is all of the old upload's, or nothing of it"
    assert fetched(mover, report["id"], tmp_path / "out") == changed


def _leaves_of(proxy: HostileProxy, person: Person, root: str) -> set[object]:
    """The leaves of a stored report's content."""

    async def work() -> set[object]:
        async with GatewayReader((proxy.address,)) as reader:
            return {b.cid async for b in reader.fetch_dag(CID.parse(root), max_bytes=64 * MIB)}

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("path", "nth", "after"),
    [
        ("/api/v1/reports", 1, False),
        ("/api/v1/reports", 2, True),
        (CARS, 2, True),
    ],
)
def test_many_files_are_stored_once_each_whenever_it_is_killed(
    path: str, nth: int, after: bool, proxy: HostileProxy, mover: Person, tmp_path: Path
) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    names = [f"{tmp_path.name}-{number:03d}.txt" for number in range(140)]
    for name in names:
        (folder / name).write_bytes(name.encode() * 20)
    before = set(listed(mover))
    put_and_kill(mover, proxy, Killer(path, nth, after), folder)

    proxy.behave()
    stored = put_again(mover, folder)
    assert sorted(report["file_name"] for report in stored) == names
    assert sorted(set(listed(mover)) - before) == sorted(report["cid"] for report in stored)
    check_nonces(proxy.uploaded())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_between_commit_and_index_is_repaired(
    after: bool, proxy: HostileProxy, mover: Person, tmp_path: Path
) -> None:
    """The report is committed, its entry is not there yet; any later command enters it."""
    letter = tmp_path / f"{tmp_path.name}.txt"
    letter.write_bytes(b"Dear Ada")
    before = set(listed(mover))
    run_and_kill(mover, proxy, "PUT", Killer("/api/v1/index", 1, after), "put", str(letter))

    proxy.behave()
    reports = listed(mover)
    [new] = set(reports) - before
    assert fetched(mover, reports[new]["id"], tmp_path / "out") == b"Dear Ada"
    proxy.behave()
    assert set(listed(mover)) == {*before, new}
    assert not proxy.asked("PUT", ".*"), "repaired once, and for good"
    put_again(mover, letter)
    assert set(listed(mover)) == {*before, new}, "run again, the job is done, not done twice"
