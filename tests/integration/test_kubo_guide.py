"""The guide's commands for a node, run as they stand: what they make is a node that fits."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hygieia.blocks.kubo import open_kubo
from hygieia.documents.sqlite import open_sqlite
from hygieia.ipld.cid import parse_any
from tests.dags import report
from tests.guide import marked
from tests.kubo import KuboNode, KuboServer
from tests.no_network import no_network
from tests.ports import free_port
from tests.running import running_server

pytestmark = pytest.mark.servers

GUIDE = Path(__file__).parents[2] / "docs/guide/kubo.md"
TOKEN = "a-long-word-of-ones-own"
GATEWAY = "http://127.0.0.1:8080"


@dataclass
class Guided:
    """A node in the making, by the guide's blocks."""

    program: Path
    repository: Path

    def follow(self, *marks: str, **variables: str) -> None:
        """Run blocks of the guide, in the shell that people have."""
        for mark in marks:
            done = subprocess.run(
                ["bash", "-euc", marked(GUIDE, mark)],
                env=os.environ
                | {
                    "PATH": f"{self.program.parent}:{os.environ['PATH']}",
                    "IPFS_PATH": str(self.repository),
                    "TOKEN": TOKEN,
                }
                | variables,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr

    @property
    def config(self) -> Any:  # noqa: ANN401  (as JSON has it)
        return json.loads((self.repository / "config").read_text(encoding="utf-8"))

    def elsewhere(self) -> KuboServer:
        """The node on ports of its own, for a machine that has another one already."""
        api, gateway = free_port(), free_port()
        node = KuboNode(self.program, self.repository, f"http://127.0.0.1:{gateway}")
        node.run("config", "--json", "Addresses.API", f'"/ip4/127.0.0.1/tcp/{api}"')
        node.run("config", "--json", "Addresses.Gateway", f'"/ip4/127.0.0.1/tcp/{gateway}"')
        return KuboServer(node, api, TOKEN)


@pytest.fixture
def guided(kubo_program: Path, tmp_path: Path) -> Guided:
    return Guided(kubo_program, tmp_path / "repository")


async def test_a_private_node_fits_and_has_nobody_to_talk_to(
    guided: Guided, tmp_path: Path
) -> None:
    guided.follow("node", "private")
    server = guided.elsewhere()
    server.start()
    documents = open_sqlite(tmp_path / "documents.sqlite")
    try:
        store = open_kubo(server.address, documents)
        dag = report(1, 50_000)
        await store.put(dag.blocks, holder="upload")
        await store.pin(dag.root, name="report:1")
        assert peers_of(server) == []
        assert not [where for where in server.ask("id")[0]["Addresses"] if "/ip" in where]
        await store.close()
    finally:
        await documents.close()
        server.stop()


@pytest.mark.slow
def test_nodes_of_ones_own_find_each_other_and_nobody_else(
    kubo_program: Path, tmp_path: Path
) -> None:
    first, second = (Guided(kubo_program, tmp_path / name) for name in ("one", "two"))
    port = free_port()
    first.follow("node", "private")
    identity = first.config["Identity"]["PeerID"]
    peers = [{"ID": identity, "Addrs": [f"/ip4/127.0.0.1/tcp/{port}"]}]
    first.follow("peers", PEERS="[]")
    second.follow("node", "private")
    second.follow("peers", PEERS=json.dumps(peers))
    one, two = first.elsewhere(), second.elsewhere()
    for server, swarm in ((one, port), (two, free_port())):
        # 4001, where a test may not listen, is the only thing that is changed.
        assert server.node.run("config", "Addresses.Swarm").split() == [
            "[",
            '"/ip4/0.0.0.0/tcp/4001"',
            "]",
        ]
        server.node.run("config", "--json", "Addresses.Swarm", f'["/ip4/127.0.0.1/tcp/{swarm}"]')
    one.start()
    try:
        two.start()
        try:
            file = tmp_path / "file"
            file.write_bytes(os.urandom(100_000))
            root = one.run("add", "--quieter", str(file)).strip()
            end = time.monotonic() + 60
            while peers_of(two) != [identity] and time.monotonic() < end:
                time.sleep(0.2)
            two.ask("pin/add", arg=root)
            assert peers_of(two) == [identity]
        finally:
            two.stop()
    finally:
        one.stop()


def peers_of(server: KuboServer) -> list[str]:
    """The nodes that it is connected with."""
    return [peer["Peer"] for peer in server.ask("swarm/peers")[0].get("Peers") or []]


def test_a_public_node_fits_and_announces_every_block_that_the_vault_keeps(
    guided: Guided, tmp_path: Path
) -> None:
    guided.follow("node", "public")
    assert guided.config["Bootstrap"], "it knows where the public network begins"
    assert "/ip4/0.0.0.0/tcp/4001" in guided.config["Addresses"]["Swarm"]
    server = KuboServer(KuboNode(guided.program, guided.repository, GATEWAY), 5001, TOKEN)
    # Its settings and ports are the guide's own; no test joins the public network.
    with no_network():
        server.start()
        try:
            keep_a_report(server, tmp_path)
            # At each start, and now and then, it goes through all; in between it tells of new roots.
            server.stop()
            server.start()
            # By digest: keepers name as raw what reports name as nodes.
            pinned = {parse_any(cid).digest for cid in server.ask("pin/ls")[0]["Keys"]}
            end = time.monotonic() + 60
            while announced(server) != len(pinned) and time.monotonic() < end:
                time.sleep(0.2)
            assert announced(server) == len(pinned)
        finally:
            server.stop()


def keep_a_report(server: KuboServer, folder: Path) -> None:
    """Let a vault on this node take a report, and give it back."""
    content = os.urandom(3_000_000)
    (folder / "scan").write_bytes(content)
    with running_server(folder / "vault", blocks=server.address) as vault:
        ana = vault.person(folder / "ana", "violet harbour quartz 52 lantern")
        ana.run("signup", "ana@example.org", "--kit", str(folder / "kit"))
        report = ana.run_json("put", str(folder / "scan"))["reports"][0]["id"]
        ana.run("get", report, "-o", str(folder / "back"))
    assert (folder / "back").read_bytes() == content


def announced(server: KuboServer) -> int:
    """How many blocks it tells the network of, or would if there were one."""
    count: int = server.ask("provide/stat", all="true")[0]["Sweep"]["schedule"]["keys"]
    return count
