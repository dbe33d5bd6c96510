"""The vault in containers: used from outside, restarted, killed, upgraded, saved and restored."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.containers.engine import ROOT, Engine, Stack
from tests.guide import marked
from tests.running import Person, running_server

# The first of them waits for the images.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]

HOSTING = ROOT / "docs" / "guide" / "hosting.md"


@dataclass(frozen=True, slots=True)
class Vault:
    """A person whose vault lies in a stack, and the digests of what she put."""

    person: Person
    digests: dict[str, str]
    folder: Path

    def put(self, *sizes: int) -> list[str]:
        """Put files of random octets; their ids."""
        ids = []
        for number, size in enumerate(sizes, start=len(self.digests)):
            file = self.folder / f"report-{number}.bin"
            content = os.urandom(size)
            file.write_bytes(content)
            put = self.person.run_json("put", str(file))["reports"][0]
            self.digests[put["id"]] = hashlib.sha256(content).hexdigest()
            ids.append(put["id"])
        return ids

    def is_whole(self, *options: str) -> bool:
        """Whether everything that was put comes back as it was."""
        listed = {report["id"] for report in self.person.run_json("ls")["reports"]}
        return listed == set(self.digests) and all(
            self.digest(report, *options) == digest for report, digest in self.digests.items()
        )

    def digest(self, report: str, *options: str) -> str:
        """The SHA-256 of what comes back."""
        file = self.folder / "back"
        file.unlink(missing_ok=True)
        self.person.run("get", report, "-o", str(file), *options)
        return hashlib.sha256(file.read_bytes()).hexdigest()


def fetch(url: str, span: tuple[int, int] | None = None) -> bytes:
    """What a gateway answers, whole or from one octet to another."""
    headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1]}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        assert answer.status == (200 if span is None else 206)
        content: bytes = answer.read()
        return content


@pytest.fixture(scope="module")
def vault(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Vault:
    person = stack.person("ana")
    person.run("signup", "ana@example.org", "--name", "Ana", "--kit", str(stack.folder / "kit"))
    made = Vault(person, {}, tmp_path_factory.mktemp("files"))
    made.put(2_000, 9_000_000)
    return made


def test_a_report_put_from_outside_is_read_through_kubos_gateway(
    stack: Stack, vault: Vault
) -> None:
    assert vault.is_whole()
    assert vault.is_whole("--gateway", stack.gateway)


def test_kubos_gateway_serves_a_report_whole_and_by_ranges(stack: Stack, vault: Vault) -> None:
    for report in vault.person.run_json("ls")["reports"]:
        path = f"/ipfs/{report['cid']}/data.pgp"
        whole = fetch(stack.gateway + path)
        assert whole == fetch(stack.address + path)
        # Across the header's edge, across a leaf's edge, the last octet.
        edges = [(0, 0), (100, 900), (len(whole) - 1, len(whole) - 1)]
        if len(whole) > 2**21:
            edges.append((2**20 - 7, 2**20 + 5_000))
        for first, last in edges:
            assert fetch(stack.gateway + path, (first, last)) == whole[first : last + 1]


def test_it_serves_the_web_app(stack: Stack) -> None:
    page = fetch(stack.address + "/").decode()
    assert '<div id="app"' in page
    assert all(fetch(stack.address + path) for path in re.findall(r'src="(/[^"]+\.js)"', page))


def test_it_starts_the_server_once_its_stores_are_healthy(stack: Stack) -> None:
    server = stack.container("server")["State"]["StartedAt"]
    for service in ("mongodb", "kubo"):
        state = stack.container(service)["State"]
        assert state["Health"]["Status"] == "healthy"
        assert state["StartedAt"] < server


def test_kubos_figures_are_had_on_the_network_that_the_guide_names_and_there_alone(
    stack: Stack, containers: Engine
) -> None:
    guide = HOSTING.read_text("utf-8")
    (path,) = re.findall(r"metrics_path: (\S+)", guide)
    ours, kubos = re.findall(r'targets: \["(\w+:\d+)"\]', guide)
    ask = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=20).read())"

    def asked(network: str, address: str) -> tuple[int, str]:
        options = (f"--network={stack.project}_{network}", "--entrypoint=python")
        return containers.run(stack.image, "-c", ask, f"http://{address}", options=options)

    code, told = asked("stores", kubos + path)
    assert (code, "ipfs_info{" in told) == (0, True), told
    assert asked("front", kubos + path)[0] != 0
    assert "403" in asked("stores", f"{ours}/metrics")[1], "nobody has said HYGIEIA_METRICS"


def test_it_keeps_everything_when_it_is_taken_down(stack: Stack, vault: Vault) -> None:
    stack.compose("down")
    stack.up()
    assert vault.is_whole()


def test_it_comes_back_by_itself_when_all_of_it_is_killed(stack: Stack, vault: Vault) -> None:
    vault.put(3_000_000)
    services = ("kubo", "mongodb", "server")
    before = {service: stack.container(service)["State"]["Pid"] for service in services}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    stack.wait()
    assert vault.is_whole()
    after = {service: stack.container(service)["State"]["Pid"] for service in services}
    assert all(after[service] != before[service] for service in services)


def test_it_is_upgraded_while_its_stores_run_on(
    stack: Stack, vault: Vault, containers: Engine
) -> None:
    old = {service: stack.container(service) for service in ("server", "mongodb", "kubo")}
    stack.image = containers.build("two")
    stack.script(marked(HOSTING, "upgrade"))
    stack.wait()
    new = {service: stack.container(service) for service in ("server", "mongodb", "kubo")}
    labels = new["server"]["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == "two"
    assert new["mongodb"]["Id"] == old["mongodb"]["Id"]
    assert new["kubo"]["Id"] == old["kubo"]["Id"]
    assert vault.is_whole()


@pytest.fixture
def fresh(stack: Stack, tmp_path: Path) -> Iterator[Stack]:
    """Another machine: nothing of the first but, once copied, its secrets and its backup."""
    other = Stack(stack.engine, tmp_path, stack.number + 1, stack.image)
    try:
        yield other
    finally:
        other.remove()


def test_a_backup_is_restored_on_a_machine_that_has_nothing(
    stack: Stack, vault: Vault, fresh: Stack
) -> None:
    stack.script(marked(HOSTING, "backup"))
    stack.wait()
    assert vault.is_whole(), "the one that was saved goes on"
    fresh.backups.rmdir()
    stack.backups.rename(fresh.backups)
    fresh.secrets.mkdir(mode=0o700)
    for secret in stack.secrets.iterdir():
        (fresh.secrets / secret.name).write_bytes(secret.read_bytes())
    said = fresh.script(marked(HOSTING, "restore"))
    assert f"{len(vault.digests)} reports" in said
    fresh.wait()
    person = fresh.person("ana")
    person.run("login", "ana@example.org")
    restored = Vault(person, vault.digests, vault.folder)
    assert restored.is_whole()
    assert restored.put(1_000)


def test_a_vault_moves_out_of_its_containers_into_a_folder(
    fresh: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("moved")
    folder.chmod(0o777)  # the server in the container writes as another user
    person = fresh.person("eva")
    fresh.make_secrets()
    fresh.up()
    person.run("signup", "eva@example.org", "--name", "Eva", "--kit", str(fresh.folder / "kit-eva"))
    moving = Vault(person, {}, tmp_path_factory.mktemp("files-of-eva"))
    moving.put(2_000, 3_000_000)
    fresh.script(marked(HOSTING, "out").replace("/srv/vault", str(folder)))
    fresh.compose("stop")
    for path in folder.rglob("*"):
        os.chown(path, 0, 0)
    with running_server(folder, fresh.ports["PUBLISH"]):
        assert moving.is_whole()


def test_a_backup_of_a_running_vault_is_refused(fresh: Stack) -> None:
    fresh.script(marked(HOSTING, "start"))
    fresh.wait()
    code, said = fresh.start("run", "backup")  # podman's API forgets the code with --rm
    assert code == 1
    assert "The vault runs" in said
    assert not list(fresh.backups.iterdir())


def test_nothing_is_restored_over_a_vault(fresh: Stack) -> None:
    fresh.script(marked(HOSTING, "start"))
    fresh.wait()
    fresh.script(marked(HOSTING, "backup"))
    code, said = fresh.start("run", "restore")
    assert code == 1
    assert "is not empty: nothing was restored" in said
