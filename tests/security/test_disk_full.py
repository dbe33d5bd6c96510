"""The server's disk fills up during an upload: said plainly, nothing half-written, resumed later."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.running import Person, RunningServer, running_server
from tests.security.victims import refused, run_here, sign_up

CONTENT = os.urandom(14 << 20)
FULL_BYTES = 4 << 20

MakeRoom = Callable[[RunningServer], None]


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[MakeRoom | None]:
    """A file system of little more than what a store keeps free, where we may mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=74m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return

    def make_room(_: RunningServer) -> None:
        subprocess.run(["mount", "-o", "remount,size=160m", str(folder)], check=True)

    try:
        yield make_room
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def limit_files(server: RunningServer) -> MakeRoom:
    """No file of this server may grow over the limit: what a quota of the system does."""
    hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, hard))

    def make_room(server: RunningServer) -> None:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))

    return make_room


def test_a_full_disk_is_said_and_the_same_line_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """On a small file system where we may mount one, else under a limit on every file."""
    with small_disk(tmp_path / "data") as mounted:
        with running_server(tmp_path / "data", log_level="error") as server:
            _fill_and_go_on(server, mounted, tmp_path)
        server.admin("check")


def test_a_limit_on_files_is_a_full_disk_too(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", log_level="error") as server:
        _fill_and_go_on(server, None, tmp_path)
    server.admin("check")


def _fill_and_go_on(server: RunningServer, make_room: MakeRoom | None, folder: Path) -> None:
    person = sign_up(Person(folder / "home", server.address), "full@example.org")
    small, large = folder / "small.txt", folder / "large.bin"
    small.write_bytes(b"small")
    large.write_bytes(CONTENT)
    [first] = run_here(person, "--json", "put", str(small)).document["reports"]
    make_room = make_room or limit_files(server)
    refused(person, "put", str(large), code="storage-full", exit_code=1)
    assert server.process.poll() is None, "it goes on serving"
    listed = run_here(person, "--json", "ls").document["reports"]
    assert [report["id"] for report in listed] == [first["id"]], "nothing is half there"
    assert run_here(person, "cat", first["id"]).stdout == b"small"

    make_room(server)
    [second] = run_here(person, "--json", "put", str(large)).document["reports"]
    assert run_here(person, "cat", second["id"]).stdout == CONTENT
