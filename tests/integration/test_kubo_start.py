"""A server is told to use a Kubo or Cluster that it cannot use: one clear line, exit code 2."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest

from hygieia.blocks.kubo import open_kubo
from hygieia.blocks.kubo.books import Documents
from hygieia.blocks.kubo.gateway import KuboGateway
from hygieia.errors import ConfigError
from tests.kubo import DURABLE, TOKEN, KuboServer, kubo_server
from tests.ports import free_port
from tests.running import COMMAND, running_server
from tests.small_disk import filled_up, small_disk
from tests.tcp_proxy import TcpProxy, tcp_proxy

PROFILE = {
    "CidVersion": 1,
    "UnixFSRawLeaves": True,
    "UnixFSChunker": "size-1048576",
    "HashFunction": "sha2-256",
    "UnixFSFileMaxLinks": 1024,
}


def started_with(blocks: str, data: Path, **settings: str) -> str:
    """Start a server that must refuse; its one line."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HYGIEIA_")}
    done = subprocess.run(
        [COMMAND, "serve", "--port", "0", "--data", str(data)],
        env=environment | {"HYGIEIA_BLOCKS": blocks} | settings,
        cwd=data.parent,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    said = done.stderr + done.stdout
    assert done.returncode == 2, said
    assert "Traceback" not in said
    assert TOKEN not in said
    assert not (data / "blocks").exists(), "it fell back to a directory"
    return said


def refusal_of(address: str) -> str:
    """The same in this process, for the many cases."""
    with pytest.raises(ConfigError) as caught:
        open_kubo(address, cast("Documents", None))
    return f"{caught.value} {caught.value.hint}"


@contextmanager
def answering(answers: dict[str, tuple[int, object]]) -> Iterator[int]:
    """Something that answers the RPC's, or a Cluster's, first questions so; the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._read_body()  # what is left unread when it closes breaks the answer off
            path = urlsplit(self.path).path.removeprefix("/api/v0/")
            status, answer = answers.get(path, (400, {"Message": "an argument is required"}))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _read_body(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + len(b"\r\n"))
                self.rfile.readline()

        do_GET = do_POST  # noqa: N815  (the base class's way to name a method)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def node(
    version: str = "kubo/0.42.0/", durable: bool = True, **changed: object
) -> dict[str, tuple[int, object]]:
    spec = json.loads(json.dumps(DURABLE))
    spec["mounts"][0]["sync"] = durable
    settings = {"Import": {**PROFILE, **changed}, "Datastore": {"Spec": spec}}
    return {"id": (200, {"AgentVersion": version}), "config/show": (200, settings)}


NO_ROOM = (500, {"Message": "write: no space left on device", "Code": 0, "Type": "error"})
FORBIDDEN = (403, {"Message": "no", "Code": 0, "Type": "error"})


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (node("kubo/0.39.0/abc"), "too old"),
        (node("go-ipfs/0.42.0/"), "no Kubo RPC"),
        (node("kubo/next"), "no Kubo RPC"),
        (node(UnixFSChunker="size-262144"), "unixfs-v1-2025"),
        (node(CidVersion=None), "unixfs-v1-2025"),
        (node(durable=False), "durably"),
        ({**node(), "config/show": FORBIDDEN}, "token"),
        ({**node(), "repo/gc": FORBIDDEN}, "/api/v0/repo/gc"),
        ({**node(), "pin/update": FORBIDDEN}, "/api/v0/pin/update"),
        ({**node(), "dag/import": (200, {"Stats": {"BlockCount": 1}})}, "do not hash"),
        ({**node(), "dag/import": NO_ROOM}, "no room left on its disk"),
        ({"id": (200, ["what"])}, "No Kubo answers"),
        ({"id": (404, "nothing")}, "no Kubo RPC"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_kubo_that_does_not_fit_is_refused_in_one_line(
    answers: dict[str, tuple[int, object]], said: str
) -> None:
    with answering(answers) as port:
        refusal = refusal_of(f"kubo+http://{TOKEN}@127.0.0.1:{port}")
    assert said in refusal
    assert TOKEN not in refusal


@pytest.mark.parametrize(
    "address",
    [
        "kubo+http://",
        f"kubo+http://{TOKEN}@",
        f"kubo+http://{TOKEN}@127.0.0.1:port",
        f"kubo+http://user:{TOKEN}@127.0.0.1",
        f"kubo+http://{TOKEN}@127.0.0.1/api/v0",
        f"kubo+http://{TOKEN}%0a@127.0.0.1",
        f"kubo+http://{TOKEN}@127.0.0.1?x=1",
    ],
)
def test_an_address_that_is_none_is_refused_without_repeating_it(address: str) -> None:
    refusal = refusal_of(address)
    assert "cannot be understood" in refusal
    assert TOKEN not in refusal


def test_nobody_there_is_said(tmp_path: Path) -> None:
    address = f"kubo+http://{TOKEN}@127.0.0.1:{free_port()}"
    assert "No Kubo answers" in started_with(address, tmp_path / "data")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (None, "No IPFS Cluster answers"),
        ({"/id": (401, {"message": "Unauthorized"})}, "refuses the user and password"),
        ({"/id": (200, {"version": "1.1.6"})}, "is no IPFS Cluster"),
    ],
    ids=["nobody", "wrong-password", "something-else"],
)
def test_a_cluster_that_cannot_be_used_ends_the_start_in_one_line(
    tmp_path: Path, answers: dict[str, tuple[int, object]] | None, said: str
) -> None:
    with answering(node()) as kubo, answering(answers or {}) as cluster:
        port = free_port() if answers is None else cluster
        address = f"http://vault:sesame@127.0.0.1:{port}"
        line = started_with(
            f"kubo+http://{TOKEN}@127.0.0.1:{kubo}", tmp_path / "data", HYGIEIA_CLUSTER=address
        )
    assert said in line
    assert "sesame" not in line
    assert len(line.splitlines()) == 2, "what is wrong, and what to do"


@pytest.mark.servers
def test_a_real_kubo_refuses_a_wrong_token_and_none(kubo: KuboServer, tmp_path: Path) -> None:
    wrong = kubo.address_at(kubo.api_port, "another-token")
    assert "token" in started_with(wrong, tmp_path / "one")
    assert "token" in started_with(f"kubo+http://127.0.0.1:{kubo.api_port}", tmp_path / "two")


@pytest.mark.servers
def test_a_real_gateway_is_no_rpc(kubo: KuboServer, tmp_path: Path) -> None:
    port = urlsplit(kubo.node.gateway).port
    assert port is not None
    assert "no Kubo RPC" in started_with(kubo.address_at(port), tmp_path / "data")


@pytest.mark.servers
def test_a_gateway_that_is_none_or_another_ones_is_refused(
    kubo: KuboServer, kubo_program: Path, tmp_path: Path
) -> None:
    rpc = f"http://127.0.0.1:{kubo.api_port}"
    said = started_with(kubo.address, tmp_path / "rpc", HYGIEIA_KUBO_GATEWAY=rpc)
    assert "does not have" in said
    nobody = f"http://127.0.0.1:{free_port()}"
    said = started_with(kubo.address, tmp_path / "nobody", HYGIEIA_KUBO_GATEWAY=nobody)
    assert "No gateway answers" in said
    with kubo_server(kubo_program, tmp_path / "repository") as other:
        gateway = other.node.gateway
        said = started_with(kubo.address, tmp_path / "other", HYGIEIA_KUBO_GATEWAY=gateway)
    assert "does not have" in said


@pytest.mark.servers
def test_a_sweep_by_another_server_while_the_gateway_is_asked_is_no_refusal(
    kubo: KuboServer,
) -> None:
    swept = threading.Event()
    proxy = TcpProxy(kubo.gateway_port)

    def sweep_before_the_first_answer() -> None:
        select.select([proxy.listener], [], [])
        kubo.ask("repo/gc")
        swept.set()
        proxy.serve()

    serving = threading.Thread(target=sweep_before_the_first_answer, daemon=True)
    serving.start()
    gateway = KuboGateway(f"http://127.0.0.1:{proxy.port}")
    try:
        store = open_kubo(kubo.address, cast("Documents", None), gateway=gateway)
        asyncio.run(store.close())
        assert swept.is_set()
    finally:
        proxy.listener.shutdown(socket.SHUT_RDWR)
        proxy.listener.close()
        proxy.cut()
        serving.join()


@pytest.mark.servers
def test_a_real_kubo_whose_disk_is_full_is_told_as_such(kubo_program: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, 60), kubo_server(kubo_program, disk / "repository") as node:
        with filled_up(disk):
            said = started_with(
                node.address, tmp_path / "full", HYGIEIA_KUBO_GATEWAY=node.node.gateway
            )
            assert "no room left on its disk" in said
        node.stop()
        node.start()
        with running_server(tmp_path / "again", blocks=node.address):
            pass


@pytest.mark.servers
def test_a_gateway_that_would_fetch_is_refused(kubo_program: Path, tmp_path: Path) -> None:
    with kubo_server(kubo_program, tmp_path / "repository", Gateway_NoFetch="false") as node:
        gateway = node.node.gateway
        said = started_with(node.address, tmp_path / "data", HYGIEIA_KUBO_GATEWAY=gateway)
    assert "Gateway.NoFetch" in said


@pytest.mark.servers
def test_a_real_repository_with_other_defaults_is_refused(kubo: KuboServer, tmp_path: Path) -> None:
    kubo.run("config", "Import.UnixFSChunker", "size-262144")
    try:
        assert "unixfs-v1-2025" in started_with(kubo.address, tmp_path / "data")
    finally:
        kubo.run("config", "Import.UnixFSChunker", "size-1048576")


@pytest.mark.servers
def test_a_real_kubo_as_its_own_defaults_make_it_is_refused(
    kubo_program: Path, tmp_path: Path
) -> None:
    lazy = json.loads(json.dumps(DURABLE))
    lazy["mounts"][0]["sync"] = False
    spec = {"Datastore_Spec": json.dumps(lazy)}
    with kubo_server(kubo_program, tmp_path / "repository", **spec) as node:
        assert "durably" in started_with(node.address, tmp_path / "data")


@pytest.mark.servers
@pytest.mark.parametrize("lacking", ["dag/import", "repo/gc"])
def test_a_real_token_that_may_not_do_everything_is_refused(
    kubo_program: Path, tmp_path: Path, lacking: str
) -> None:
    needed = ("id", "config", "block", "dag", "pin", "refs", "repo", "routing", "name", "version")
    allowed = [f"/api/v0/{path}" for path in needed if not lacking.startswith(path)]
    rule = {"vault": {"AuthSecret": f"bearer:{TOKEN}", "AllowedPaths": allowed}}
    settings = {"API_Authorizations": json.dumps(rule)}
    with kubo_server(kubo_program, tmp_path / "repository", **settings) as node:
        said = started_with(node.address, tmp_path / "data")
    assert f"does not let this token use /api/v0/{lacking}" in said


@pytest.mark.servers
def test_a_kubo_of_a_version_that_is_too_old_ends_the_start_in_one_line(
    kubo: KuboServer, tmp_path: Path
) -> None:
    # An old Kubo takes minutes to build: this is the one we have, behind what changes its version.
    minor = kubo.ask("version")[0]["Version"].rpartition(".")[0]
    told = {f'"kubo/{minor}.'.encode(): b'"kubo/0.39.'}
    with tcp_proxy(kubo.api_port, told) as proxy:
        said = started_with(kubo.address_at(proxy.port), tmp_path / "data")
    assert said.splitlines() == ["hygieia: The Kubo is too old: it must be 0.40 or newer."]
