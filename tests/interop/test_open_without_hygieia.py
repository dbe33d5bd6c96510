"""The by-hand guide, run as it stands where nothing of ours is (docs/guide).

A vault of 50 records is made with the `hygieia` command; a Kubo node takes over its blocks and its
name; then server, database, block directory and client state are deleted. What is left is a kit, a
password, a Debian 13 with four programs, and somebody else's gateway.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import http.server
import json
import re
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.sample_records import make_records
from tests.guide import Chroot, folder_in, shell_lines
from tests.kubo import KuboNode, kubo_node
from tests.running import running_server

pytestmark = [pytest.mark.servers, pytest.mark.slow]

GUIDE = Path(__file__).parents[2] / "docs/guide/open-without-hygieia.md"
PASSWORD = "sieben Raben ziehen nach Norden"
RECORDS = 50
# Names as long as a disk takes, and what is left of them beside an id.
LONG_NAMES = {
    "Befund " + "x" * 244 + ".pdf": "x" * 218 + ".pdf",
    "診" * 83 + "é.pdf": "診" * 72 + "é.pdf",
}


@dataclass(frozen=True, slots=True)
class LostVault:
    """What is left of a vault: a kit, a node with its blocks, and what it must give back.

    ``page`` is what was printed with the kit, and ``server`` the address that is no more.
    """

    kit: bytes
    page: str
    server: str
    node: KuboNode
    digests: list[str]

    @property
    def code(self) -> str:
        """The recovery code as it is printed."""
        found = re.search(r'data-code="([^"]+)"', self.page)
        assert found is not None
        return found[1]

    def secret(self, kind: str) -> str:
        """The one of the two secrets that somebody has."""
        return {"password": PASSWORD, "code": self.code}[kind]


@pytest.fixture(scope="module")
def lost_vault(kubo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LostVault]:
    folder = tmp_path_factory.mktemp("vault")
    records = make_records(folder / "records", RECORDS)
    digests = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in records)
    for path, name in zip(records, LONG_NAMES, strict=False):
        path.rename(path.with_name(name))
    with kubo_node(kubo_program, tmp_path_factory.mktemp("kubo")) as node:
        with running_server(folder / "server") as server:
            person = server.person(folder / "client", PASSWORD)
            person.run("signup", "ana@example.org", "--name", "Ana Probst", "--kit", str(folder))
            person.run("put", str(folder / "records"))
            kit = (folder / "hygieia-kit.json").read_bytes()
            page = (folder / "hygieia-code.html").read_text("utf-8")
            take_over(node, server.address, json.loads(kit)["ipns_name"], person.roots(), folder)
        shutil.rmtree(folder)
        yield LostVault(kit, page, server.address, node, digests)


def take_over(node: KuboNode, server: str, name: str, roots: list[str], folder: Path) -> None:
    """What any friend of the vault can do, who has no key: copy the blocks and the name."""
    record = read(f"{server}/ipns/{name}?format=ipns-record")
    index = re.search(rb"/ipfs/(b[a-z2-7]{58})", record)
    assert index is not None
    for root in [index[1].decode(), *roots]:
        car = folder / "copy.car"
        car.write_bytes(read(f"{server}/ipfs/{root}?format=car"))
        node.import_car(car)
    node.put_record(name, record)


def read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:
        content: bytes = answer.read()
        return content


@pytest.fixture
def elsewhere(debian_chroot: Path) -> Iterator[Chroot]:
    with folder_in(debian_chroot) as chroot:
        yield chroot


def open_by_hand(
    chroot: Chroot,
    vault: LostVault,
    *,
    careful: bool = False,
    secret: str = "password",
    typed: str | None = None,
    gateway: str | None = None,
    **changes: Any,  # noqa: ANN401  (any field of a kit)
) -> str:
    """Follow the guide; what it said, the last line last."""
    kit = json.loads(vault.kit) | changes
    (chroot.folder / "hygieia-kit.json").write_text(json.dumps(kit), encoding="utf-8")
    done = chroot.bash(
        shell_lines(GUIDE, careful=careful, secret=secret),
        stdin=f"{typed or vault.secret(secret)}\n",
        GATEWAY=gateway or vault.node.gateway,
    )
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == ("STOP" not in said), said
    return said


def opened(chroot: Chroot) -> list[str]:
    """The digests of the files that came out."""
    files = (chroot.folder / "vault").glob("*") if (chroot.folder / "vault").exists() else []
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)


@pytest.mark.parametrize(
    ("careful", "secret"),
    [(False, "password"), (True, "code")],
    ids=["password and own gateway", "code and a stranger's gateway"],
)
def test_every_record_comes_back(
    lost_vault: LostVault, elsewhere: Chroot, careful: bool, secret: str
) -> None:
    said = open_by_hand(elsewhere, lost_vault, careful=careful, secret=secret)
    assert "No name found" not in said
    assert opened(elsewhere) == lost_vault.digests
    assert f"\n{RECORDS}\n" in said
    names = {path.name[33:] for path in (elsewhere.folder / "vault").iterdir()}
    assert names >= set(LONG_NAMES.values())


@pytest.mark.parametrize("secret", ["password", "code"])
def test_a_wrong_secret_stops_before_anything_is_fetched(
    lost_vault: LostVault, elsewhere: Chroot, secret: str
) -> None:
    said = open_by_hand(elsewhere, lost_vault, secret=secret, typed="something else")
    assert f"STOP: wrong {secret}" in said
    assert not (elsewhere.folder / "index.pgp").exists()


@pytest.mark.parametrize(
    ("secret", "field"),
    [
        *(("password", field) for field in ("certificate", "sealed_key", "email", "seal_mac")),
        *(("code", field) for field in ("certificate", "recovery_key", "recovery_mac")),
    ],
)
def test_a_changed_kit_stops(
    lost_vault: LostVault, elsewhere: Chroot, secret: str, field: str
) -> None:
    changed = json.loads(lost_vault.kit)[field][::-1]
    assert "STOP" in open_by_hand(elsewhere, lost_vault, secret=secret, **{field: changed})
    assert not opened(elsewhere)


def test_the_lines_on_the_printed_page_make_the_key_and_find_the_vault(
    lost_vault: LostVault, elsewhere: Chroot
) -> None:
    [lines] = re.findall(r"<pre>(.*?)</pre>", lost_vault.page, re.DOTALL)
    # What is printed names the server, which has gone.
    lines = html.unescape(lines).replace(lost_vault.server, lost_vault.node.gateway)
    by_hand = [line for line in lines.splitlines() if not line.startswith("hygieia ")]
    (elsewhere.folder / "hygieia-kit.json").write_bytes(lost_vault.kit)
    done = elsewhere.bash("\n".join(["set -e", *by_hand]), stdin=f"{lost_vault.code}\n")
    assert re.fullmatch(r"/ipfs/b[a-z2-7]{58}\n", done.stdout), done.stdout + done.stderr
    index = f"{lost_vault.node.gateway}{done.stdout.strip()}/index.pgp"
    done = elsewhere.bash(f"curl -s {index} | sq decrypt --recipient-file key.pgp", stdin="")
    assert "hygieia index 1" in done.stdout, done.stderr


def test_an_index_older_than_the_kit_stops(lost_vault: LostVault, elsewhere: Chroot) -> None:
    said = open_by_hand(elsewhere, lost_vault, sequence=10_000)
    assert "STOP: this index is older than the kit" in said
    assert not opened(elsewhere)


def test_a_gateway_that_lies_about_a_block_is_caught(
    lost_vault: LostVault, elsewhere: Chroot
) -> None:
    with lying_gateway(lost_vault.node.gateway) as gateway:
        said = open_by_hand(elsewhere, lost_vault, careful=True, gateway=gateway)
    assert "STOP: the gateway lies about block" in said
    assert not opened(elsewhere)


@contextlib.contextmanager
def lying_gateway(honest: str) -> Iterator[str]:
    """Passes every answer on, with the last byte of each block changed."""

    class Liar(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = read(honest + self.path)
            if "format=raw" in self.path:
                content = content[:-1] + bytes([content[-1] ^ 1])
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
