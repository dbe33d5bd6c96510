"""``hygieia admin verify`` on real nodes: harm is found, named, and mended from the second copy."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.kubo import TOKEN, KuboServer, kubo_server
from tests.running import COMMAND, Person, RunningServer, running_server

PASSWORD = "correct horse battery staple"
FILE_BYTES = 3_000_000
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@dataclass
class Vault:
    """A running server, somebody who uses it, and its settings for the command."""

    server: RunningServer
    ana: Person
    settings: dict[str, str]

    def put(self, path: Path, seed: int, size_bytes: int = FILE_BYTES) -> Any:  # noqa: ANN401  (as JSON has it)
        path.write_bytes(random.Random(seed).randbytes(size_bytes))
        return self.ana.run_json("put", str(path))["reports"][0]

    def verify(self, *options: str) -> tuple[int, Any]:
        """Run ``hygieia admin verify --json``; its exit code and its document."""
        done = self._admin("--json", *options)
        assert b"Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    def verify_for_people(self, *options: str) -> str:
        done = self._admin(*options)
        return (done.stdout + done.stderr).decode()

    def environment(self, **settings: str) -> dict[str, str]:
        """What the command is told by."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HYGIEIA_")}
        given = self.settings | settings
        ours = {f"HYGIEIA_{name.upper()}": value for name, value in given.items()}
        return kept | ours | {"HYGIEIA_DATA_DIR": str(self.server.data)}

    def leases(self) -> set[str]:
        """The work that somebody is at."""
        file = f"file:{self.server.data / 'documents.sqlite'}?mode=ro"
        with contextlib.closing(sqlite3.connect(file, uri=True)) as documents:
            rows = documents.execute("SELECT id FROM documents WHERE collection = 'leases'")
            return {row[0] for row in rows}

    def _admin(self, *options: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [COMMAND, "admin", "verify", *options],
            env=self.environment(),
            capture_output=True,
            timeout=300,
            check=False,
        )


def vault_in(folder: Path, **settings: str) -> Iterator[Vault]:
    settings = {"verify_mib_a_second": "10000", "verify_hours": "0"} | settings
    with running_server(folder / "server", **settings) as server:
        ana = server.person(folder / "ana", PASSWORD)
        (folder / "kit").mkdir()
        ana.run("signup", "ana@example.org", "--name", "Ana", "--kit", str(folder / "kit"))
        yield Vault(server, ana, settings)


# -- a vault in a directory ----------------------------------------------------------------------


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    yield from vault_in(tmp_path / "first")


@pytest.fixture
def second(tmp_path: Path) -> Iterator[RunningServer]:
    """Another server, to hold a copy that its gateway gives."""
    with running_server(tmp_path / "second") as server:
        yield server


def packs(vault: Vault) -> list[Path]:
    """The files that a large report's blocks are in."""
    folder = vault.server.data / "blocks" / "packs"
    return [path for path in folder.rglob("*") if path.stat().st_size > FILE_BYTES // 2]


@pytest.mark.slow
def test_a_vault_in_a_directory_is_mended_from_a_gateway(
    vault: Vault, second: RunningServer, tmp_path: Path
) -> None:
    report = vault.put(tmp_path / "scan.bin", 1)
    car = tmp_path / "copy.car"
    with urllib.request.urlopen(
        f"{vault.server.address}/ipfs/{report['cid']}?format=car", timeout=60
    ) as answer:
        car.write_bytes(answer.read())
    second.admin("blocks", "import", str(car))
    status, document = vault.verify("--gateway", second.address)
    assert (status, document["short"], document["mended_blocks"]) == (0, [], 0)
    own, gateway = document["nodes"]
    assert gateway["states"] == {"whole": 1, "missing": 1}  # the index is not
    for node in (own, gateway):
        assert document["started"] <= node["last_verified"] <= document["finished"]
    for pack in packs(vault):  # the report's alone: of the index there is no second copy
        pack.write_bytes(bytes(pack.stat().st_size))
    status, document = vault.verify()
    assert status == 6
    assert [one["subject"] for one in document["short"]] == [report["id"]]
    assert document["short"][0]["nodes"][0]["state"] == "damaged"
    assert document["short"][0]["nodes"][0]["verified"] is None
    said = vault.verify_for_people()
    assert f"report {report['id']}: 0 of 1 copies; this server missing (" in said
    assert re.search(rf"^this server: 1 missing, 1 whole; last verified {TIME}$", said, re.M)
    assert "--gateway URL" in said
    status, document = vault.verify("--gateway", second.address)
    assert (status, document["short"]) == (0, [])
    assert document["mended_blocks"] >= 3
    back = tmp_path / "back.bin"
    vault.ana.run("get", report["id"], "-o", str(back))
    assert back.read_bytes() == (tmp_path / "scan.bin").read_bytes()


@pytest.mark.slow
def test_an_interrupted_verification_is_gone_on_with(vault: Vault, tmp_path: Path) -> None:
    vault.put(tmp_path / "scan.bin", 6, 10 * FILE_BYTES)
    slow = subprocess.Popen(
        [COMMAND, "admin", "verify"],
        env=vault.environment(verify_mib_a_second="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 60
    while "verify" not in vault.leases() and time.monotonic() < end:
        time.sleep(0.05)
    slow.send_signal(signal.SIGINT)
    said = slow.communicate(timeout=60)[1]
    assert slow.returncode == 130
    assert b"run again to resume" in said
    assert "verify" not in vault.leases(), "another may begin at once"
    status, document = vault.verify()
    assert (status, document["reports"], document["safe"]) == (0, 1, 2)


def test_a_gateway_that_is_none_is_refused_before_anything_is_read(vault: Vault) -> None:
    status, document = vault.verify("--gateway", "gopher://gateway.example")
    assert (status, document["error"]["code"]) == (1, "invalid-input")


# -- a vault in a Kubo, a copy in another ---------------------------------------------------------


@pytest.fixture(scope="module")
def copy(kubo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboServer]:
    """A second Kubo that knows nobody: what it has, verify has put there."""
    with kubo_server(kubo_program, tmp_path_factory.mktemp("copy") / "repository") as server:
        yield server


@pytest.fixture
def clinic(kubo: KuboServer, copy: KuboServer, tmp_path: Path) -> Iterator[Vault]:
    kubo.empty()
    copy.empty()
    yield from vault_in(
        tmp_path / "clinic", blocks=kubo.address, copy_nodes=copy.address, wanted_copies="2"
    )


def harm_by_losing(node: KuboServer, data: bytes) -> None:
    node.data_file(data).unlink()


def harm_by_damage(node: KuboServer, data: bytes) -> None:
    file = node.data_file(data)
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def a_leaf(node: KuboServer, root: str) -> bytes:
    """The bytes of the largest block of a report."""
    refs = [line["Ref"] for line in node.ask("refs", arg=root, recursive="true")]
    sizes = {ref: node.ask("block/stat", arg=ref)[0]["Size"] for ref in refs}
    return node.read_block(max(sizes, key=lambda ref: sizes[ref]))


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("harm", [harm_by_losing, harm_by_damage], ids=["lost", "damaged"])
def test_two_kubos_mend_each_other(
    clinic: Vault,
    kubo: KuboServer,
    copy: KuboServer,
    tmp_path: Path,
    harm: Callable[[KuboServer, bytes], None],
) -> None:
    report = clinic.put(tmp_path / "scan.bin", 2)
    status, document = clinic.verify()
    assert (status, document["short"]) == (0, [])
    assert document["mended_blocks"] > 0
    assert report["cid"] in {
        line["Cid"] for line in copy.ask("pin/ls", type="recursive", stream="true")
    }
    leaf = a_leaf(kubo, report["cid"])
    for node in (kubo, copy):
        harm(node, leaf)
        status, document = clinic.verify()
        assert (status, document["short"], document["mended_blocks"]) == (0, [], 1), json.dumps(
            document
        )
        assert node.data_file(leaf).read_bytes() == leaf
    back = tmp_path / "back.bin"
    clinic.ana.run("get", report["id"], "-o", str(back))
    assert back.read_bytes() == (tmp_path / "scan.bin").read_bytes()


@pytest.mark.slow
@pytest.mark.servers
def test_what_both_have_lost_is_named_and_nothing_else(
    clinic: Vault, kubo: KuboServer, copy: KuboServer, tmp_path: Path
) -> None:
    lost, kept = clinic.put(tmp_path / "lost.bin", 3), clinic.put(tmp_path / "kept.bin", 4)
    clinic.verify()
    leaf = a_leaf(kubo, lost["cid"])
    for node in (kubo, copy):
        harm_by_losing(node, leaf)
    status, document = clinic.verify()
    assert status == 6
    assert [one["subject"] for one in document["short"]] == [lost["id"]]
    assert [node["state"] for node in document["short"][0]["nodes"]] == ["missing", "missing"]
    assert kept["id"] not in json.dumps(document["short"])


@pytest.mark.slow
@pytest.mark.servers
def test_a_copy_that_is_away_is_told_so_and_harms_nothing(
    clinic: Vault, copy: KuboServer, tmp_path: Path
) -> None:
    report = clinic.put(tmp_path / "scan.bin", 5)
    copy.stop()
    try:
        status, document = clinic.verify()
        said = clinic.verify_for_people()
    finally:
        copy.start()
    assert status == 6
    copies = {node["kind"]: node for node in document["short"][0]["nodes"]}
    states = {kind: node["state"] for kind, node in copies.items()}
    assert states == {"own": "whole", "kubo": "unreachable"}
    assert document["started"] <= copies["own"]["verified"] <= document["finished"]
    assert copies["kubo"]["verified"] is None
    assert [node["last_verified"] is None for node in document["nodes"]] == [False, True]
    assert re.search(rf"{report['id']}: 1 of 2 copies; this server whole \(verified {TIME}\)", said)
    assert "2 unreachable; nothing verified" in said
    assert TOKEN not in json.dumps(document)
    assert clinic.verify()[0] == 0
