"""Reading from gateways when the server is gone, and saying what the server has lost."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hygieia.client import Device
from tests.cli.shell import PASSWORD, by, run, sign_up, store
from tests.running import Person, RunningServer, running_server

_MOST_COLLECTIONS = 20


@dataclass(frozen=True)
class Left:
    """What is left of a server that is stopped: its person, and gateways with its data."""

    ana: Person
    reports: dict[str, dict[str, Any]]
    newest: RunningServer
    older: RunningServer


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    folder = tmp_path_factory.mktemp("left")
    with running_server(folder / "data") as server:
        ana = sign_up(server.address, folder / "ana", "ana@example.org")
        reports = store(ana, **{"first.txt": b"first"})
    shutil.copytree(folder / "data", folder / "older")
    with running_server(folder / "data") as again:
        # At another address: the profile is moved there as its owner would, by signing in.
        moved = Person(ana.home, again.address)
        assert by(moved, "login", "ana@example.org").code == 0
        reports |= store(moved, **{"second.bin": bytes(2_000_000)})
    with running_server(folder / "data") as newest, running_server(folder / "older") as older:
        yield Left(moved, reports, newest, older)


def test_everything_is_read_from_gateways_while_the_server_is_gone(
    left: Left, tmp_path: Path
) -> None:
    gateway = ("--gateway", left.newest.address)
    assert by(left.ana, "ls").code == 7
    listed = by(left.ana, "ls", "--json", *gateway)
    assert listed.code == 0, listed.out + listed.err
    assert {r["file_name"]: r["state"] for r in listed.json["reports"]} == {
        "first.txt": "unknown",
        "second.bin": "unknown",
    }
    first, second = left.reports["first.txt"]["id"], left.reports["second.bin"]["id"]
    assert by(left.ana, "cat", first, *gateway).out == "first"
    done = by(left.ana, "get", first, second, "-o", f"{tmp_path}/", *gateway)
    assert done.code == 0, done.err
    assert (tmp_path / "second.bin").read_bytes() == bytes(2_000_000)
    info = by(left.ana, "info", second, "--json", *gateway).json
    assert (info["signature"], info["rev"], info["state"]) == ("valid", None, "unknown")
    assert by(left.ana, "get", first, "--revision", "1", *gateway, "-o", "-").out == "first"


def test_an_older_index_than_this_device_saw_is_not_shown_as_the_newest(left: Left) -> None:
    older = by(left.ana, "ls", "--gateway", left.older.address, "--json")
    assert older.code == 4
    assert older.error["code"] == "block-missing"
    # One that has the blocks of the newest is enough, wherever its name is looked up.
    both = ("--gateway", left.older.address, "--gateway", left.newest.address)
    names = {r["file_name"] for r in by(left.ana, "ls", *both, "--json").json["reports"]}
    assert names == {"first.txt", "second.bin"}


def test_a_report_whose_blocks_the_server_has_lost_is_listed_as_missing(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        ben = sign_up(server.address, tmp_path / "ben", "ben@example.org")
        # Times are whole seconds: what is stored in the second of the kit is kept for the kit.
        kit_second = int(time.time())
        while int(time.time()) == kit_second:
            time.sleep(0.05)
        reports = store(ben, **{"kept.txt": b"kept", "lost.txt": b"lost"})
        lost = reports["lost.txt"]["id"]
        asyncio.run(_lose(Device(ben.home), lost))
        states: dict[str, str] = {}
        for _ in range(_MOST_COLLECTIONS):
            # The server's own worker may have a part of the purge in hand when this one begins.
            assert run("admin", "gc", "--data", str(server.data)).code == 0
            states = {r["file_name"]: r["state"] for r in by(ben, "ls", "--json").json["reports"]}
            if states["lost.txt"] == "missing":
                break
        assert states == {"kept.txt": "stored", "lost.txt": "missing"}
        [row] = [line for line in by(ben, "ls").out.splitlines() if "lost" in line]
        assert row.endswith("missing here")
        done = by(ben, "info", lost, "--json")
        assert done.code == 4
        assert done.json["error"]["code"] == "block-missing"
        assert (done.json["title"], done.json["state"]) == ("lost", "missing")
        assert by(ben, "info", reports["kept.txt"]["id"], "--json").json["state"] == "stored"
        # She still has the file, so putting it again mends it.
        [again] = by(ben, "--json", "put", str(tmp_path / "ben" / "stored" / "lost.txt")).json[
            "reports"
        ]
        assert again["id"] != lost
        assert by(ben, "cat", again["id"]).out == "lost"


async def _lose(device: Device, report: str) -> None:
    """Have the server drop a report that the index goes on naming."""
    async with device.open(PASSWORD) as vault:
        transport = vault.session.transport
        await transport.call("DELETE", f"/reports/{report}")
        await transport.call("DELETE", f"/reports/{report}/purge")
