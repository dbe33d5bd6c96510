"""A vault whose blocks are in a real Kubo: what the node itself serves, keeps and frees."""

from __future__ import annotations

import os
import random
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from hygieia.ipld import dagpb
from hygieia.ipld.cid import CID
from tests.kubo import KuboServer
from tests.running import COMMAND, Person, RunningServer, running_server

pytestmark = pytest.mark.servers

PASSWORD = "correct horse battery staple"
EMPTY_FOLDER = "bafkreiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
FILE_BYTES = 5_000_000


@pytest.fixture
def server(kubo: KuboServer, tmp_path: Path) -> Iterator[RunningServer]:
    kubo.empty()
    with running_server(tmp_path / "server", blocks=kubo.address) as server:
        yield server


def signed_up(server: RunningServer, folder: Path, name: str) -> Person:
    person = server.person(folder / name, PASSWORD)
    kit = folder / f"{name}-kit"
    kit.mkdir()
    person.run("signup", f"{name}@example.org", "--name", name.title(), "--kit", str(kit))
    return person


def a_file(folder: Path, seed: int) -> Path:
    path = folder / f"scan-{seed}.bin"
    path.write_bytes(random.Random(seed).randbytes(FILE_BYTES))
    return path


def read(address: str, **headers: str) -> bytes:
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: bytes = answer.read()
        return content


def status_of(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def below(kubo: KuboServer, root: str) -> set[str]:
    """The blocks of a DAG, as raw CIDs."""
    lines = kubo.ask("refs", arg=root, recursive="true", unique="true", offline="true")
    cids = [root, *(line["Ref"] for line in lines)]
    return {str(CID(0x55, 0x12, CID.parse(cid).digest)) for cid in cids}


def pinned_blocks(kubo: KuboServer) -> set[str]:
    pinned = {line["Cid"] for line in kubo.ask("pin/ls", type="recursive", stream="true")}
    return set[str]().union(*(below(kubo, root) for root in pinned))


def size_of(kubo: KuboServer, cids: set[str]) -> int:
    return sum(
        line["Size"] for cid in cids for line in kubo.ask("block/stat", arg=cid, offline="true")
    )


def collect_garbage(server: RunningServer, kubo: KuboServer) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HYGIEIA_")}
    settings = {"HYGIEIA_DATA_DIR": str(server.data), "HYGIEIA_BLOCKS": kubo.address}
    subprocess.run([COMMAND, "admin", "gc"], env=environment | settings, check=True, timeout=120)


@pytest.mark.slow
def test_a_report_is_read_whole_and_by_ranges_from_kubos_own_gateway(
    server: RunningServer, kubo: KuboServer, tmp_path: Path
) -> None:
    ana = signed_up(server, tmp_path, "ana")
    ana.run("put", str(a_file(tmp_path, 1)))
    (root,) = ana.roots()
    names = [link["Name"] for link in kubo.ask("ls", arg=root)[0]["Objects"][0]["Links"]]
    for name in names:
        ours = read(f"{server.address}/ipfs/{root}/{name}")
        address = f"{kubo.node.gateway}/ipfs/{root}/{name}"
        assert read(address) == ours
        chance = random.Random(2)
        for _ in range(12):
            start = chance.randrange(len(ours))
            end = chance.randrange(start, len(ours))
            assert read(address, Range=f"bytes={start}-{end}") == ours[start : end + 1]


@pytest.mark.slow
def test_the_nodes_pins_are_named_after_what_they_keep(
    server: RunningServer, kubo: KuboServer, tmp_path: Path
) -> None:
    ana = signed_up(server, tmp_path, "ana")
    report = ana.run_json("put", str(a_file(tmp_path, 1)))["reports"][0]
    (first,) = ana.roots()
    ana.run("edit", report["id"], "--title", "Another")  # pinned by its difference
    (second,) = ana.roots()
    pins = kubo.ask("pin/ls", type="recursive", names="true", stream="true")
    named = {pin["Cid"]: pin.get("Name", "") for pin in pins}
    assert named[first] == named[second] == f"hygieia report:{report['id']}"
    assert any(name.startswith("hygieia index:") for name in named.values())


def test_a_payload_has_the_cid_that_ipfs_add_gives(
    server: RunningServer, kubo: KuboServer, tmp_path: Path
) -> None:
    ana = signed_up(server, tmp_path, "ana")
    ana.run("put", str(a_file(tmp_path, 1)))
    (root,) = ana.roots()
    links = kubo.ask("ls", arg=root)[0]["Objects"][0]["Links"]
    largest = max(links, key=lambda link: int(link["Size"]))
    node = read(f"{kubo.node.gateway}/ipfs/{largest['Hash']}?format=raw")
    header, payload = dagpb.decode_node(node).links
    octets = read(f"{server.address}/ipfs/{root}/{largest['Name']}")[header.tsize :]
    file = tmp_path / "payload"
    file.write_bytes(octets)
    added = kubo.run("add", "--only-hash", "--quieter", str(file))
    assert added.strip() == str(payload.cid)


@pytest.mark.slow
def test_what_is_deleted_is_freed_and_nothing_that_others_need(
    server: RunningServer, kubo: KuboServer, tmp_path: Path
) -> None:
    ana, ben = signed_up(server, tmp_path, "ana"), signed_up(server, tmp_path, "ben")
    ana.run("put", str(a_file(tmp_path, 1)))
    ben.run("put", str(a_file(tmp_path, 2)))
    (report,) = ben.roots()
    ana.run("delete-account", "--confirm", "ana@example.org")
    # The deletion wakes the server's own sweeper too: while that one has the lease, ours is idle.
    end = time.monotonic() + 100
    while True:
        collect_garbage(server, kubo)
        kept = pinned_blocks(kubo)
        is_freed = kubo.blocks() - {EMPTY_FOLDER} == kept and size_of(kubo, kept) < FILE_BYTES * 1.2
        if is_freed or time.monotonic() > end:
            break
    # Ben's report and his index; of Ana's five blocks of a megabyte, none.
    assert below(kubo, report) <= kept
    assert kubo.blocks() - {EMPTY_FOLDER} == kept
    assert size_of(kubo, kept) < FILE_BYTES * 1.2
    assert ben.start("get", report, "-o", str(tmp_path / "back")).returncode == 0


@pytest.mark.slow
def test_a_kubo_that_is_restarted_is_said_to_be_away_and_found_again(
    server: RunningServer, kubo: KuboServer, tmp_path: Path
) -> None:
    ana = signed_up(server, tmp_path, "ana")
    ana.run("put", str(a_file(tmp_path, 1)))
    (root,) = ana.roots()
    kubo.stop()
    try:
        assert status_of(f"{server.address}/ipfs/{root}?format=raw") == 503
        assert status_of(f"{server.address}/readyz") == 503
        refused = ana.start("put", str(a_file(tmp_path, 2)))
        assert refused.returncode != 0
        assert b"Traceback" not in refused.stderr
    finally:
        kubo.start()
    end = time.monotonic() + 30
    while status_of(f"{server.address}/readyz") != 200 and time.monotonic() < end:
        time.sleep(0.2)
    ana.run("put", str(a_file(tmp_path, 2)))
    assert len(ana.roots()) == 2
    assert read(f"{kubo.node.gateway}/ipfs/{root}?format=raw")
