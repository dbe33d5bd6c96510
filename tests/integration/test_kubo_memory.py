"""A server over a real Kubo stores and gives back a long file with the memory of a short one."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import pytest

from tests.kubo import KuboServer
from tests.running import Person, RunningServer, running_server

pytestmark = pytest.mark.servers

PASSWORD = "violet harbour quartz 52 lantern"
MIB = 1 << 20
# The short one fills every place that batches have on their way; a long one held would be over MORE.
SHORT_MIB, LONG_MIB = 48, 192
MORE_MIB = 96


def goes_in_and_out(ana: Person, server: RunningServer, folder: Path, mib: int) -> None:
    """Put a file; get it as `hygieia` does, and by its path as a browser does."""
    path, back = folder / "file", folder / "back"
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
    report = ana.run_json("put", str(path))["reports"][0]
    ana.run("get", report["id"], "-o", str(back))
    assert back.read_bytes() == path.read_bytes()
    back.unlink()
    url = f"{server.address}/ipfs/{report['cid']}/data.pgp"
    size = 0
    with urllib.request.urlopen(url, timeout=300) as answer:
        while piece := answer.read(MIB):
            size += len(piece)
    assert size > mib * MIB


def peak_mib(server: RunningServer) -> float:
    """The most memory that it ever had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.slow
@pytest.mark.parametrize("way", ["by its RPC", "by its gateway"])
def test_memory_does_not_grow_with_the_file(kubo: KuboServer, tmp_path: Path, way: str) -> None:
    kubo.empty()
    gateway = kubo.node.gateway if way == "by its gateway" else ""
    with running_server(tmp_path / "data", blocks=kubo.address, kubo_gateway=gateway) as server:
        ana = server.person(tmp_path / "ana", PASSWORD)
        ana.run("signup", "ana@example.org", "--kit", str(tmp_path / "kit"))
        goes_in_and_out(ana, server, tmp_path, SHORT_MIB)
        least = peak_mib(server)
        goes_in_and_out(ana, server, tmp_path, LONG_MIB)
        most = peak_mib(server)
    assert most < least + MORE_MIB, f"{least:.0f} MiB for {SHORT_MIB}, {most:.0f} for {LONG_MIB}"
