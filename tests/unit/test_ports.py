"""Servers of tests get ports that nobody else is given before they listen."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import ports
from tests.ports import PORTS, TAKEN, free_port

ROOT = Path(__file__).parents[2]


def in_another_process(_: int) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.ports"], cwd=ROOT, check=True, capture_output=True
    )
    return int(done.stdout)


def test_no_two_threads_or_processes_are_given_the_same() -> None:
    with ThreadPoolExecutor(8) as crowd:
        here = crowd.map(lambda _: free_port(), range(40))
        there = crowd.map(in_another_process, range(8))
        given = [*here, *there]
    assert len(set(given)) == len(given)
    assert set(given) <= set(PORTS) - set(TAKEN)


def test_what_is_taken_is_passed_over_and_the_last_is_followed_by_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", number))
        monkeypatch.setattr(ports, "COUNTER", tmp_path / "counter")
        monkeypatch.setattr(ports, "PORTS", range(number, number + 1))
        with pytest.raises(AssertionError, match="no port is free"):
            free_port()
    assert [free_port(), free_port()] == [number, number]


@pytest.mark.parametrize("noise", ["", "noise", "9" * 30])
def test_a_counter_that_a_killed_process_left_half_written_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noise: str
) -> None:
    monkeypatch.setattr(ports, "COUNTER", tmp_path / "counter")
    ports.COUNTER.write_text(noise)
    assert free_port() in PORTS
