"""Private Kubo nodes for tests: no peers, RPC and gateway on loopback, gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ports import free_port

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
# A node that is online without a network: nobody routes for it.
ALONE = {"Routing.Type": '"none"', "Ipns.DelegatedPublishers": "[]", "DNS.Resolvers": "{}"}
# What a vault's blocks need beyond that: writes that are on disk when they are acknowledged.
DURABLE = {
    "mounts": [
        {
            "mountpoint": "/blocks",
            "path": "blocks",
            "prefix": "flatfs.datastore",
            "shardFunc": "/repo/flatfs/shard/v1/next-to-last/2",
            "sync": True,
            "type": "flatfs",
        },
        {
            "compression": "none",
            "mountpoint": "/",
            "path": "datastore",
            "prefix": "leveldb.datastore",
            "type": "levelds",
        },
    ],
    "type": "mount",
}
TOKEN = "a-token-for-tests"
START_SECONDS = 120


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
    api, gateway = free_port(), free_port()
    node = KuboNode(program, folder, f"http://127.0.0.1:{gateway}")
    _make_repository(node, api, gateway, SETTINGS)
    with _daemon(node, "--offline"):
        yield node


@dataclass
class KuboServer:
    """A node as a clinic runs it: online without peers, its RPC behind a token."""

    node: KuboNode
    api_port: int
    token: str | None = TOKEN
    process: subprocess.Popen[bytes] | None = None
    _running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def address(self) -> str:
        """What HYGIEIA_BLOCKS names it by."""
        return self.address_at(self.api_port, self.token)

    @property
    def gateway_port(self) -> int:
        """Where its gateway listens on loopback."""
        return int(self.node.gateway.rpartition(":")[2])

    def address_at(self, port: int, token: str | None = TOKEN) -> str:
        """The same through another port, or with another token."""
        before = "" if token is None else f"{token}@"
        return f"kubo+http://{before}127.0.0.1:{port}"

    def start(self) -> None:
        """Start it again after `stop`."""
        self.process = self._running.enter_context(_daemon(self.node))

    def stop(self) -> None:
        """End it as an operator would."""
        self._running.close()

    def run(self, *arguments: str) -> str:
        """Run one `ipfs` command with the token."""
        token = () if self.token is None else ("--api-auth", f"bearer:{self.token}")
        return self.node.run(*token, *arguments)

    def ask(self, path: str, **query: str) -> list[dict[str, Any]]:
        """One call of its RPC; the objects it answers with."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.api_port}/api/v0/{path}?{urllib.parse.urlencode(query)}",
            method="POST",
            headers={} if self.token is None else {"Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]

    def read_block(self, cid: str) -> bytes:
        """A block's bytes as it has them."""
        request = urllib.request.Request(
            f"{self.node.gateway}/ipfs/{cid}?format=raw",
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
            return content

    @property
    def peer(self) -> str:
        """Where other nodes reach it: its swarm's address with its identity."""
        about = self.ask("id")[0]
        found: str = next(address for address in about["Addresses"] if "/tcp/" in address)
        return found

    def connect(self, other: KuboServer) -> None:
        """Join another node's swarm, as the only other in it."""
        self.ask("swarm/connect", arg=other.peer)

    def data_file(self, data: bytes) -> Path:
        """The file in which it keeps a block of these bytes."""
        stored = (self.node.repository / "blocks").rglob("*.data")
        (found,) = [
            path
            for path in stored
            if path.stat().st_size == len(data) and path.read_bytes() == data
        ]
        return found

    def empty(self) -> None:
        """Take out every pin and block."""
        for line in self.ask("pin/ls", type="recursive", stream="true"):
            self.ask("pin/rm", arg=line["Cid"])
        self.ask("repo/gc")

    def blocks(self) -> set[str]:
        """All blocks it has, as raw CIDs."""
        return {line["Ref"] for line in self.ask("refs/local")}


@contextlib.contextmanager
def kubo_server(
    program: Path, folder: Path, *, token: str | None = TOKEN, **settings: str
) -> Iterator[KuboServer]:
    """Start a node for a vault; `settings` are Kubo's, with _ for the dots, as JSON."""
    api, gateway = free_port(), free_port()
    node = KuboNode(program, folder, f"http://127.0.0.1:{gateway}")
    ours = {"Datastore.Spec": json.dumps(DURABLE)}
    if token is not None:
        allowed = {"vault": {"AuthSecret": f"bearer:{token}", "AllowedPaths": ["/api/v0"]}}
        ours["API.Authorizations"] = json.dumps(allowed)
    given = {name.replace("_", "."): value for name, value in settings.items()}
    _make_repository(node, api, gateway, SETTINGS | ALONE | ours | given)
    server = KuboServer(node, api, token)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def in_a_swarm() -> dict[str, str]:
    """Settings of a node that other nodes on loopback can be connected with."""
    port = free_port()
    return {
        "Addresses_Swarm": f'["/ip4/127.0.0.1/tcp/{port}"]',
        # Profile `server` hides loopback, which is all that a test has.
        "Addresses_NoAnnounce": "[]",
        "Swarm_AddrFilters": "[]",
    }


def _make_repository(node: KuboNode, api: int, gateway: int, settings: dict[str, str]) -> None:
    node.run("init", "--profile=unixfs-v1-2025,server")
    addresses = {
        "Addresses.API": f'"/ip4/127.0.0.1/tcp/{api}"',
        "Addresses.Gateway": f'"/ip4/127.0.0.1/tcp/{gateway}"',
    }
    for key, value in (settings | addresses).items():
        node.run("config", "--json", key, value)


@contextlib.contextmanager
def _daemon(node: KuboNode, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    with (node.repository / "daemon.log").open("ab") as log:
        daemon = subprocess.Popen(
            [node.program, "daemon", *options],
            env=_environment(node.repository),
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_it_answers(node, daemon)
        yield daemon
    finally:
        end(daemon)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process as an operator would, and if need be as a power cut."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment(repository: Path) -> dict[str, str]:
    return os.environ | {"IPFS_PATH": str(repository), "IPFS_TELEMETRY": "off"}


def _wait_until_it_answers(node: KuboNode, daemon: subprocess.Popen[bytes]) -> None:
    # The empty directory, which every node has.
    address = f"{node.gateway}/ipfs/bafyaabakaieac?format=raw"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and daemon.poll() is None:
        with contextlib.suppress(OSError):  # refused, or too slow to answer yet
            urllib.request.urlopen(address, timeout=5).close()
            return
        time.sleep(0.1)
    log = (node.repository / "daemon.log").read_text(errors="replace")
    raise AssertionError(f"Kubo does not start: {log[-2000:]}")
