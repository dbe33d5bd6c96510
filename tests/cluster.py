"""IPFS Cluster for tests: two peers on loopback, each beside a Kubo of its own."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kubo import KuboServer, end, in_a_swarm, kubo_server
from tests.ports import free_port

SECRET = "5d" * 32
USER, PASSWORD = "vault", "a password for tests"
START_SECONDS = 60


@dataclass
class ClusterPeer:
    """A running peer and the Kubo that it keeps copies in."""

    name: str
    kubo: KuboServer
    folder: Path
    rest_port: int
    swarm_port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """What HYGIEIA_CLUSTER names it by."""
        return f"http://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.rest_port}"

    def ask(self, path: str, method: str = "GET") -> Any:  # noqa: ANN401  (whatever it answers)
        """One call of its REST API."""
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rest_port}{path}",
            method=method,
            headers={"Authorization": f"Basic {login}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]

    def kill(self) -> None:
        """End peer and Kubo as a power cut would."""
        for process in (self.process, self.kubo.process):
            if process is not None:
                process.kill()
                process.wait()

    def pins(self) -> dict[str, dict[str, Any]]:
        """What the Cluster shall keep, by root."""
        return {line["cid"]: line for line in self.ask("/allocations")}

    def keeps(self, root: str) -> bool:
        """Whether its own Kubo has the root pinned."""
        lines = self.kubo.ask("pin/ls", type="recursive", stream="true")
        return root in {line.get("Cid") for line in lines}


@contextlib.contextmanager
def two_peers(kubo: Path, cluster: Path, folder: Path) -> Iterator[tuple[ClusterPeer, ClusterPeer]]:
    """Two Kubos connected with each other, a Cluster peer beside each."""
    with contextlib.ExitStack() as stack:
        # Cluster's connector can send Kubo no token.
        first, second = (
            stack.enter_context(
                kubo_server(kubo, folder / f"kubo-{number}", token=None, **in_a_swarm())
            )
            for number in (1, 2)
        )
        second.connect(first)
        one = stack.enter_context(cluster_peer(cluster, folder / "peer-1", "one", first))
        address = f"/ip4/127.0.0.1/tcp/{one.swarm_port}/p2p/{one.ask('/id')[0]['id']}"
        two = stack.enter_context(cluster_peer(cluster, folder / "peer-2", "two", second, address))
        wait_until(lambda: len(one.ask("/peers")) == 2 == len(two.ask("/peers")), one)
        yield one, two


@contextlib.contextmanager
def cluster_peer(
    program: Path, folder: Path, name: str, kubo: KuboServer, bootstrap: str | None = None
) -> Iterator[ClusterPeer]:
    """Start one peer before a Kubo, and end it afterwards."""
    rest, swarm = free_port(), free_port()
    folder.mkdir(parents=True)
    environment = os.environ | {
        "IPFS_CLUSTER_PATH": str(folder),
        "CLUSTER_SECRET": SECRET,
        "CLUSTER_PEERNAME": name,
        "CLUSTER_LISTENMULTIADDRESS": f"/ip4/127.0.0.1/tcp/{swarm}",
        "CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS": f"/ip4/127.0.0.1/tcp/{rest}",
        "CLUSTER_RESTAPI_BASICAUTHCREDENTIALS": f"{USER}:{PASSWORD}",
        "CLUSTER_IPFSHTTP_NODEMULTIADDRESS": f"/ip4/127.0.0.1/tcp/{kubo.api_port}",
        "CLUSTER_CRDT_TRUSTEDPEERS": "*",
        "CLUSTER_MDNSINTERVAL": "0",
        "CLUSTER_MONITORPINGINTERVAL": "1s",
    }
    subprocess.run(
        [program, "init", "--consensus", "crdt"], env=environment, check=True, capture_output=True
    )
    _without_proxies(folder / "service.json")
    options = [] if bootstrap is None else ["--bootstrap", bootstrap]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [program, "daemon", *options], env=environment, stdout=log, stderr=log
        )
    peer = ClusterPeer(name, kubo, folder, rest, swarm, process)
    try:
        wait_until(lambda: bool(peer.ask("/id")), peer)
        yield peer
    finally:
        end(process)


def wait_until(done: Any, peer: ClusterPeer) -> None:  # noqa: ANN401  (a question: yes or no)
    """Ask again and again until the answer is yes."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            if done():
                return
        time.sleep(0.2)
    log = (peer.folder / "log").read_text(errors="replace")
    raise AssertionError(f"it did not come to pass; the peer says: {log[-2000:]}")


def _without_proxies(settings: Path) -> None:
    """Take out the APIs that no test uses: their ports are fixed."""
    config = json.loads(settings.read_text(encoding="utf-8"))
    config["api"] = {"restapi": config["api"]["restapi"]}
    settings.write_text(json.dumps(config), encoding="utf-8")
