"""The server's disk fills up during an upload: said plainly, nothing half-written, resumed later."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running import Person, RunningServer, running_server
from tests.security.victims import refused, run_here, sign_up
from tests.small_disk import small_disk

CONTENT = os.urandom(14 << 20)
FULL_BYTES = 4 << 20
# Little more than what a store keeps free.
SMALL_MIB = 74

MakeRoom = Callable[[RunningServer], None]


def limit_files(server: RunningServer) -> MakeRoom:
    """No file of this server may grow over the limit: what a quota of the system does."""
    hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, hard))

    def make_room(server: RunningServer) -> None:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))

    return make_room


@pytest.mark.servers  # it mounts, so it needs root: a mount that is refused fails it
def test_a_full_disk_is_said_and_the_same_line_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "data"
    disk.mkdir()

    def make_room(_: RunningServer) -> None:
        subprocess.run(["mount", "-o", "remount,size=160m", disk], check=True)

    with small_disk(disk, SMALL_MIB):
        with running_server(disk, log_level="error") as server:
            _fill_and_go_on(server, make_room, tmp_path)
        server.admin("check")


def test_a_limit_on_files_is_a_full_disk_too(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", log_level="error") as server:
        _fill_and_go_on(server, limit_files(server), tmp_path)
    server.admin("check")


def _fill_and_go_on(server: RunningServer, make_room: MakeRoom, folder: Path) -> None:
    person = sign_up(Person(folder / "home", server.address), "full@example.org")
    small, large = folder / "small.txt", folder / "large.bin"
    small.write_bytes(b"small")
    large.write_bytes(CONTENT)
    [first] = run_here(person, "--json", "put", str(small)).document["reports"]
    refused(person, "put", str(large), code="storage-full", exit_code=1)
    assert server.process.poll() is None, "it goes on serving"
    listed = run_here(person, "--json", "ls").document["reports"]
    assert [report["id"] for report in listed] == [first["id"]], "nothing is half there"
    assert run_here(person, "cat", first["id"]).stdout == b"small"

    make_room(server)
    [second] = run_here(person, "--json", "put", str(large)).document["reports"]
    assert run_here(person, "cat", second["id"]).stdout == CONTENT
