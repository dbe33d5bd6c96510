"""``copies``, and what ``info`` says of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import by, sign_up, store
from tests.running import COMMAND, Person, RunningServer, running_server


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[tuple[Person, RunningServer]]:
    """Somebody with two reports on a server of her own."""
    with running_server(tmp_path / "server", verify_hours="0") as server:
        ana = sign_up(server.address, tmp_path / "ana", "ana@example.org")
        store(ana, **{"blood.txt": b"Haemoglobin", "scan.dcm": bytes(3 << 20)})
        yield ana, server


def test_copies_are_told_once_they_were_looked_at(vault: tuple[Person, RunningServer]) -> None:
    ana, server = vault
    assert by(ana, "copies", "--json").json == {"copies": []}
    assert "Nothing was looked at yet" in by(ana, "copies").err
    (unchecked,) = by(ana, "copies", "--json", _id(ana, "scan")).json["copies"]
    assert (unchecked["state"], unchecked["nodes"]) == ("unchecked", [])
    assert "not looked at yet" in by(ana, "info", _id(ana, "scan")).out

    verify(server.data)
    found = by(ana, "copies", "--json").json["copies"]
    assert {one["report"] for one in found} == {None, _id(ana, "scan"), _id(ana, "blood")}
    assert {one["state"] for one in found} == {"safe"}
    told = by(ana, "copies").out
    assert "your index" in told
    assert "1 of 1" in told
    node = by(ana, "copies", _id(ana, "scan")).out
    assert "scan: safe, 1 of 1 copies" in node
    assert "this server" in node
    info = by(ana, "info", "--json", _id(ana, "scan")).json
    assert info["copies"]["copies"] == 1
    assert "1 of 1: this server" in by(ana, "info", _id(ana, "scan")).out


def verify(data: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HYGIEIA_")}
    command = [str(COMMAND), "admin", "verify", "--data", str(data)]
    subprocess.run(command, env=environment, cwd=data, capture_output=True, timeout=300, check=True)


def _id(person: Person, title: str) -> str:
    reports = by(person, "ls", "--json").json["reports"]
    found: str = next(report["id"] for report in reports if report["title"] == title)
    return found
