"""A private Kubo node for tests: no peers, a gateway on loopback, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The node stands alone: it asks no network, and answers from what it has.
SETTINGS = {
    "AutoConf.Enabled": "false",
    "AutoTLS.Enabled": "false",
    "Bootstrap": "[]",
    "Discovery.MDNS.Enabled": "false",
    "Gateway.NoFetch": "true",
    "Provide.Enabled": "false",
    "Addresses.Swarm": "[]",
}
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class KuboNode:
    """A running node; `gateway` is its address."""

    program: Path
    repository: Path
    gateway: str

    def run(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run one `ipfs` command against the node."""
        done = subprocess.run(
            [self.program, *arguments],
            env=_environment(self.repository),
            input=stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"ipfs {arguments[0]}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode()

    def import_car(self, car: Path) -> None:
        """Take over every block of a CAR, roots pinned."""
        self.run("dag", "import", "--pin-roots=true", str(car))

    def put_record(self, name: str, record: bytes) -> None:
        """Publish a signed IPNS record; no key is needed for that."""
        file = self.repository / "record"
        file.write_bytes(record)
        self.run("routing", "put", "--allow-offline", f"/ipns/{name}", str(file))


@contextlib.contextmanager
def kubo_node(program: Path, folder: Path) -> Iterator[KuboNode]:
    """Start a node with its repository in `folder`, and end it afterwards."""
    api, gateway = _free_ports(2)
    node = KuboNode(program, folder, f"http://127.0.0.1:{gateway}")
    node.run("init", "--profile=unixfs-v1-2025,server")
    ports = {
        "Addresses.API": f'"/ip4/127.0.0.1/tcp/{api}"',
        "Addresses.Gateway": f'"/ip4/127.0.0.1/tcp/{gateway}"',
    }
    for key, value in (SETTINGS | ports).items():
        node.run("config", "--json", key, value)
    with (folder / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(
            [program, "daemon", "--offline"], env=_environment(folder), stdout=log, stderr=log
        )
    try:
        _wait_until_it_answers(node, daemon)
        yield node
    finally:
        daemon.terminate()
        try:
            daemon.wait(timeout=20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def _environment(repository: Path) -> dict[str, str]:
    return os.environ | {"IPFS_PATH": str(repository), "IPFS_TELEMETRY": "off"}


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_until_it_answers(node: KuboNode, daemon: subprocess.Popen[bytes]) -> None:
    # The empty directory, which every node has.
    address = f"{node.gateway}/ipfs/bafyaabakaieac?format=raw"
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and daemon.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(address, timeout=5).close()
            return
        time.sleep(0.1)
    log = (node.repository / "daemon.log").read_text(errors="replace")
    raise AssertionError(f"Kubo does not start: {log[-2000:]}")
