"""Two machines with compose.cluster.yaml: what one stores, the other keeps and serves alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import ROOT, Engine, Stack
from tests.guide import marked

# The first of them waits for the images.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]

HOSTING = ROOT / "docs" / "guide" / "hosting.md"
SECONDS = 300


@pytest.fixture
def machines(
    containers: Engine, server_image: str, tmp_path: Path
) -> Iterator[tuple[Stack, Stack]]:
    """The first with all of it, the second with a Kubo and a Cluster peer; a network between."""
    between = f"hygieia-test-{os.getpid()}-between"
    containers.podman("network", "create", between)
    first, second = (
        Stack(
            containers,
            tmp_path / name,
            number,
            server_image,
            profiles="cluster",
            overrides=("compose.cluster.yaml", "compose.cluster.ci.yaml"),
            settings={"BETWEEN": between, "PEER_NAME": name},
        )
        for number, name in ((5, "one"), (6, "two"))
    )
    for stack in (first, second):
        kubo = f"{stack.project}-kubo-1"
        stack.settings["ANNOUNCE"] = f"/dns4/{kubo}"
        stack.settings["PUBLISH_KUBO"] = stack.settings["PUBLISH_CLUSTER"] = "127.0.0.1:0"
        stack.make_secrets()
    try:
        first.up()
        join(first, second)
        yield first, second
    finally:
        for stack in (second, first):
            stack.remove()
        containers.podman("network", "rm", "--force", between, check=False)


def addresses(stack: Stack) -> list[str]:
    """What a machine prints for the others, as hosting.md says it: Kubo's, then Cluster's."""
    return stack.script(marked(HOSTING, "addresses")).split()


def join(first: Stack, second: Stack) -> None:
    """As hosting.md says it."""
    for service, said in zip(("kubo", "cluster"), addresses(first), strict=True):
        second.settings[f"{service.upper()}_PEERS"] = address(first, said, service)
    network = (first.secrets / "cluster-network").read_text()
    (second.secrets / "cluster-network").unlink()
    (second.secrets / "cluster-network").write_text(network)
    second.compose("up", "--detach", "--no-build", "kubo", "cluster")


def address(stack: Stack, said: str, service: str) -> str:
    """The address as the other machine sees it: here each container has a name of its own."""
    return said.replace(f"{stack.project}-kubo-1", f"{stack.project}-{service}-1")


def comes(stack: Stack, file: Path, report: str, gateway: str) -> bool:
    """Whether a report comes from one gateway, as soon as it is there."""
    person = stack.person("ana")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        file.unlink(missing_ok=True)
        with contextlib.suppress(AssertionError):
            person.run("get", report, "-o", str(file), "--gateway", gateway)
            return True
        time.sleep(1)
    return False


def keeps_no_secret_of_the_network(stack: Stack) -> None:
    """The backup has the peer's identity, for root alone, and none of the Cluster's secrets."""
    saved = stack.backups / "vault.tar"
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    secrets = [(stack.secrets / name).read_bytes() for name in ("cluster-network", "cluster")]
    login = secrets[1].split(b"//")[1].partition(b"@")[0].partition(b":")[2]
    with tarfile.open(saved) as tar:
        names = [name for name in tar.getnames() if name.startswith("cluster/")]
        assert "cluster/identity.json" in names
        for name in names:
            content = tar.extractfile(name)
            told = content.read() if content is not None else b""
            assert secrets[0].strip() not in told, name
            assert login not in told, name


def test_what_one_machine_stores_the_other_serves_when_the_first_is_gone(
    machines: tuple[Stack, Stack], tmp_path: Path
) -> None:
    first, second = machines
    ana = first.person("ana")
    ana.run("signup", "ana@example.org", "--kit", str(tmp_path / "kit"))
    content = os.urandom(4_000_000)
    (tmp_path / "scan").write_bytes(content)
    report = ana.run_json("put", str(tmp_path / "scan"))["reports"][0]["id"]
    assert comes(first, tmp_path / "back", report, second.gateway)
    first.compose("kill")
    ana.run("get", report, "-o", str(tmp_path / "alone"), "--gateway", second.gateway)
    alone = hashlib.sha256((tmp_path / "alone").read_bytes()).hexdigest()
    assert alone == hashlib.sha256(content).hexdigest()


def test_a_machine_restored_from_its_backup_is_the_peer_that_the_other_knows(
    machines: tuple[Stack, Stack], tmp_path: Path
) -> None:
    first, second = machines
    ana = first.person("ana")
    ana.run("signup", "ana@example.org", "--kit", str(tmp_path / "kit"))
    (tmp_path / "scan").write_bytes(os.urandom(2_000_000))
    kept = ana.run_json("put", str(tmp_path / "scan"))["reports"][0]["id"]
    known = addresses(first)
    first.script(marked(HOSTING, "backup"))
    keeps_no_secret_of_the_network(first)
    first.start("--profile", "backup", "down", "--volumes")
    first.script(marked(HOSTING, "restore"))
    assert addresses(first) == known
    first.wait()
    ana.run("get", kept, "-o", str(tmp_path / "kept"))
    assert (tmp_path / "kept").read_bytes() == (tmp_path / "scan").read_bytes()
    (tmp_path / "new").write_bytes(os.urandom(2_000_000))
    later = ana.run_json("put", str(tmp_path / "new"))["reports"][0]["id"]
    assert comes(first, tmp_path / "back", later, second.gateway), "it joins the second again"
