"""What a machine of a network shows to the others: its nodes' ports, and no way to command them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import Engine, Stack

# The first of them waits for the images.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]

# Kubo's swarm, RPC, gateway; Cluster's REST API, proxy of the RPC, peers' port, pinning API.
PORTS = (4001, 5001, 8080, 9094, 9095, 9096, 9097)
# Prints which of the ports are open, once those that it was given are.
ASK = """
import json, socket, sys, time
awaited, ports = [set(map(tuple, each)) for each in json.loads(sys.argv[1])]
def is_open(place):
    try:
        socket.create_connection(place, 3).close()
    except OSError:
        return False
    return True
end = time.monotonic() + 90
while not all(map(is_open, awaited)) and time.monotonic() < end:
    time.sleep(0.2)
print(json.dumps(sorted(filter(is_open, ports))))
"""


@pytest.fixture
def machine(containers: Engine, server_image: str, tmp_path: Path) -> Iterator[Stack]:
    """One that only keeps copies, on a network that stands for what lies between machines."""
    between = f"hygieia-test-{os.getpid()}-between"
    containers.podman("network", "create", between)
    machine = Stack(
        containers,
        tmp_path / "machine",
        7,
        server_image,
        profiles="cluster",
        overrides=("compose.cluster.yaml", "compose.cluster.ci.yaml"),
        settings={"BETWEEN": between, "ANNOUNCE": "/dns4/machine.example.org"},
    )
    machine.settings["PUBLISH_KUBO"] = machine.settings["PUBLISH_CLUSTER"] = "127.0.0.1:0"
    machine.make_secrets()
    try:
        machine.compose("up", "--detach", "--no-build", "kubo", "cluster")
        yield machine
    finally:
        machine.remove()
        containers.podman("network", "rm", "--force", between, check=False)


def open_ports(machine: Stack, network: str, *awaited: tuple[str, int]) -> set[tuple[str, int]]:
    """Which ports of Kubo and Cluster a container on this network reaches, once it reaches those."""
    places = [(host, port) for host in ("kubo", "cluster") for port in PORTS]
    code, said = machine.engine.run(
        machine.image,
        *("-c", ASK, json.dumps([awaited, places])),
        options=(f"--network={network}", "--entrypoint=python"),
    )
    assert code == 0, said
    return {(host, port) for host, port in json.loads(said)}


def published(machine: Stack, service: str) -> set[str]:
    """The ports of a container that the machine itself hands on."""
    return {
        port for port, at in machine.container(service)["NetworkSettings"]["Ports"].items() if at
    }


def test_other_machines_reach_the_nodes_and_nothing_that_commands_them(machine: Stack) -> None:
    commanding = {("kubo", 5001), ("cluster", 9094)}
    nodes = {("kubo", 4001), ("cluster", 9096)}
    # Where the server is they are reached, or the rest would prove nothing.
    assert open_ports(machine, f"{machine.project}_stores", *commanding) >= commanding
    for service in ("kubo", "cluster"):
        machine.compose("exec", "-T", service, "sh", f"/etc/hygieia/{service}.sh", "ready")
    # The gateway gives what port 4001 gives as well: ciphertext, to who knows its CID.
    shown = open_ports(machine, machine.settings["BETWEEN"], *nodes)
    assert shown - {("kubo", 8080)} == nodes
    assert published(machine, "cluster") == {"9096/tcp"}
    # 8080 by CI's override alone.
    assert published(machine, "kubo") - {"8080/tcp"} == {"4001/tcp"}
