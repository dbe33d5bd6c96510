"""A vault moved between a directory and a real Kubo, with its documents or without them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Done, by, newcomer, run, sign_up, store
from tests.kubo import KuboServer
from tests.mongodb import MongoDb
from tests.running import COMMAND, Person, RunningServer, _without_settings, running_server

FILES = {f"{number:02d}.txt": f"report {number}".encode() for number in range(40)} | {
    "scan.bin": bytes(range(256)) * 12_000
}


@pytest.fixture
def database(mongodb: MongoDb) -> Iterator[str]:
    with mongodb.databases() as address:
        yield address("vault")


@pytest.fixture
def empty_kubo(kubo: KuboServer) -> KuboServer:
    kubo.empty()
    return kubo


def environ(data: Path, **settings: str) -> dict[str, str]:
    ours = {f"HYGIEIA_{name.upper()}": value for name, value in settings.items()}
    return _without_settings() | {"HYGIEIA_DATA_DIR": str(data)} | ours


def admin(data: Path, *arguments: str, **settings: str) -> Done:
    return run("admin", *arguments, environ=environ(data, **settings))


def in_file(folder: Path, name: str, address: str) -> str:
    """How an address with a secret is given to a command."""
    (folder / name).write_text(address)
    return f"@{folder / name}"


def filled(server: RunningServer, folder: Path) -> Person:
    ana = sign_up(server.address, folder / "ana", "ana@example.org")
    store(ana, **FILES)
    return ana


def everything_is_there(server: RunningServer, folder: Path, name: str, more: int = 0) -> Person:
    """Ana finds on another machine what she stored, byte for byte."""
    ana = newcomer(server.address, folder / name)
    assert by(ana, "login", "ana@example.org").code == 0
    out = folder / f"{name}-out"
    out.mkdir()
    reports = by(ana, "--json", "ls", "--limit", "500").json["reports"]
    assert len(reports) == len(FILES) + more
    got = by(ana, "get", *(report["id"] for report in reports), "-o", str(out))
    assert got.code == 0, got.err
    for file, content in FILES.items():
        assert (out / file).read_bytes() == content
    return ana


@pytest.mark.slow
@pytest.mark.servers
def test_blocks_move_to_kubo_and_back_beneath_a_running_server(
    empty_kubo: KuboServer, tmp_path: Path
) -> None:
    data, kubo = tmp_path / "data", in_file(tmp_path, "kubo", empty_kubo.address)
    with running_server(data) as server:
        ana = filled(server, tmp_path)
        moved = admin(data, "--json", "migrate", "--from", "directory:", "--to", kubo)
        assert moved.code == 0, moved.err
        assert moved.json["pins"] > len(FILES)
        assert moved.json["records"] == 1
        assert moved.json["incomplete"] == []
        # Whoever was not told where the blocks are now may read what was there, and no more.
        (report, *_) = by(ana, "--json", "ls").json["reports"]
        read = by(ana, "get", report["id"], "-o", str(tmp_path / "read"))
        assert read.code == 0, read.err
        refused = by(ana, "--json", "edit", report["id"], "--title", "New")
        assert (refused.code, refused.error["code"]) == (1, "read-only")
    old = run("serve", "--port", "0", environ=environ(data))
    assert old.code == 2
    assert "moved to Kubo" in old.err

    with running_server(data, blocks=empty_kubo.address) as server:
        ana = everything_is_there(server, tmp_path, "second")
        store(ana, **{"new.txt": b"new"})
        checked = admin(data, "check", blocks=empty_kubo.address)
        assert checked.code == 0, checked.out
    there = f"directory:{tmp_path / 'blocks'}"
    back = admin(data, "migrate", "--from", kubo, "--to", there)
    assert back.code == 0, back.err
    with running_server(data, blocks=there) as server:
        everything_is_there(server, tmp_path, "third", more=1)
        checked = admin(data, "check", blocks=there)
        assert checked.code == 0, checked.out


@pytest.mark.slow
@pytest.mark.servers
def test_documents_and_blocks_move_together_and_a_killed_move_goes_on(
    database: str, empty_kubo: KuboServer, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with running_server(data) as server:
        filled(server, tmp_path)
    ends = ["--from", "sqlite:", "--to", in_file(tmp_path, "database", database)]
    ends += ["--from", "directory:", "--to", in_file(tmp_path, "kubo", empty_kubo.address)]
    killed = subprocess.Popen([COMMAND, "admin", "migrate", *ends], env=environ(data))
    try:
        until_something_is_pinned(empty_kubo, killed)
    finally:
        killed.kill()
        killed.wait()
    moved = admin(data, "--json", "migrate", *ends)
    assert moved.code == 0, moved.err
    assert moved.json["documents"] > len(FILES)
    assert moved.json["pins"] > len(FILES)
    elsewhere, blocks = tmp_path / "elsewhere", empty_kubo.address
    with running_server(elsewhere, documents=database, blocks=blocks) as server:
        everything_is_there(server, tmp_path, "second")
    checked = admin(elsewhere, "check", documents=database, blocks=blocks)
    assert checked.code == 0, checked.out


def until_something_is_pinned(kubo: KuboServer, move: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 300
    while time.monotonic() < end and move.poll() is None:
        if any(kubo.ask("pin/ls", type="recursive", stream="true")):
            return
        time.sleep(0.05)
    pytest.fail("nothing was moved")


@pytest.mark.parametrize(
    "ends",
    [
        ["--from", "directory:", "--to", "mongodb://user:hunter2@host/vault"],
        ["--from", "directory:", "--to", "directory:/elsewhere"],
        ["--from", "directory:", "--from", "directory:/a", "--to", "kubo+http://hunter2@host"],
        ["--from", "sqlite:", "--from", "directory:", "--to", "sqlite:/elsewhere"],
        ["--from", "kubo+http://hunter2@host", "--to", "kubo+http://hunter2@other"],
        ["--from", "directory:", "--to", "ftp://hunter2@host"],
        ["--unlock", "directory:"],
    ],
)
def test_ends_that_do_not_fit_are_refused_before_anything_is_asked(
    tmp_path: Path, ends: list[str]
) -> None:
    done = admin(tmp_path, "migrate", *ends)
    assert done.code == 2
    assert "hunter2" not in done.err
    assert not list(tmp_path.iterdir())


def test_a_folder_without_blocks_is_no_source(tmp_path: Path) -> None:
    done = admin(tmp_path, "migrate", "--from", "directory:", "--to", "kubo+http://127.0.0.1:1")
    assert done.code == 2
    assert "holds none" in done.err
    assert not (tmp_path / "blocks").exists()


def is_read_only(data: Path) -> bool:
    unlocked = admin(data, "--json", "migrate", "--unlock", "sqlite:")
    was: bool = unlocked.json["was_read_only"]
    return was


@pytest.mark.slow
def test_what_cannot_be_reached_or_is_another_vaults_stops_nobody(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    for folder in (data, other):
        with running_server(folder) as server:
            sign_up(server.address, folder / "ana", "ana@example.org")
    ends = ["--from", "sqlite:", "--from", "directory:", "--to", f"sqlite:{tmp_path / 'new'}"]
    away = admin(data, "migrate", *ends, "--to", "kubo+http://hunter2@127.0.0.1:1")
    assert away.code == 2
    assert "No Kubo answers" in away.err
    taken = admin(data, "migrate", *ends, "--to", f"directory:{other / 'blocks'}")
    assert taken.code == 2
    assert "holds a vault's blocks" in taken.err
    assert not is_read_only(data)
    checked = admin(other, "check")
    assert checked.code == 0, checked.out
