"""The whole vault with its documents in MongoDB: the real server, the real command, real faults."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest

from tests.cli.shell import OTHER_PASSWORD, Done, by, newcomer, run, sign_up, store
from tests.factories.servers import new_id
from tests.ferretdb import Cluster, FerretDb, ferretdb
from tests.mongodb import MongoDb
from tests.running import RunningServer, _without_settings, running_server
from tests.tcp_proxy import TcpProxy, Weather, tcp_proxy

pytestmark = pytest.mark.servers

# Shorter than an operator would have it: a test waits for every one of them. A database that has
# just been started must answer in time all the same.
IMPATIENT = {"timeoutMS": 6000, "serverSelectionTimeoutMS": 4000, "connectTimeoutMS": 4000}
BACK_WITHIN_SECONDS = 120


@pytest.fixture
def database(mongodb: MongoDb) -> Iterator[str]:
    """The address of an empty database."""
    with mongodb.databases() as address:
        yield address("vault")


@pytest.mark.slow
def test_a_vault_lives_on_mongodb(database: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, documents=database) as server:
        ana = sign_up(server.address, tmp_path / "ana", "ana@example.org")
        stored = store(ana, **{"a.txt": b"first", "b.bin": bytes(3_000_000)})
        assert by(ana, "cat", stored["a.txt"]["id"]).out == "first"
        new_password = tmp_path / "new-password"
        new_password.write_text(OTHER_PASSWORD)
        changed = by(ana, "passwd", "--new-password-file", str(new_password))
        assert changed.code == 0, changed.err
    assert not list(data.glob("*.sqlite*"))

    with running_server(data, documents=database) as server:
        again = newcomer(server.address, tmp_path / "again", OTHER_PASSWORD)
        assert by(again, "login", "ana@example.org").code == 0
        listed = {report["id"] for report in by(again, "--json", "ls").json["reports"]}
        assert listed == {report["id"] for report in stored.values()}
        out = tmp_path / "out.bin"
        got = by(again, "get", stored["b.bin"]["id"], "-o", str(out))
        assert got.code == 0, got.err
        assert out.read_bytes() == bytes(3_000_000)
        checked = admin(data, database, "check")
        assert checked.code == 0, checked.out + checked.err


def admin(data: Path, documents: str, *arguments: str) -> Done:
    """``hygieia admin`` beside a server with these documents."""
    ours = {"HYGIEIA_DATA_DIR": str(data), "HYGIEIA_DOCUMENTS": documents}
    return run("admin", *arguments, environ=_without_settings() | ours)


@pytest.mark.slow
def test_a_start_that_cannot_be_is_one_line_and_exit_2(mongodb: MongoDb, tmp_path: Path) -> None:
    secret = "hunter2hunter2"
    place = mongodb.address("vault", serverSelectionTimeoutMS=1000).rpartition("@")[2]
    for documents in (
        f"mongodb://hygieia:{secret}@{place}",  # wrong password
        f"mongodb://stranger:{secret}@{place}",
        f"mongodb://hygieia:{secret}@127.0.0.1:1/vault?serverSelectionTimeoutMS=500",
        f"mongodb://hygieia:{secret}@127.0.0.1",
        f"mongodb://hygieia:{secret}@127.0.0.1/vault?colour=red",
        "mongodb:",
    ):
        environ = _without_settings() | {"HYGIEIA_DOCUMENTS": documents}
        done = run("serve", "--data", str(tmp_path), "--port", "0", environ=environ)
        assert done.code == 2, documents
        [line, *hint] = done.err.strip().splitlines()
        assert line.startswith("hygieia"), done.err
        assert len(hint) <= 1
        assert secret not in done.err
    assert not list(tmp_path.glob("*.sqlite*")), "the embedded store is no way out"


def test_another_programs_database_is_left_alone(mongodb: MongoDb, tmp_path: Path) -> None:
    with (
        mongodb.databases() as address,
        pymongo.MongoClient[dict[str, Any]](address("others")) as client,
    ):
        client.get_default_database()["invoices"].insert_one({"_id": "1"})
        environ = _without_settings() | {"HYGIEIA_DOCUMENTS": address("others")}
        done = run("serve", "--data", str(tmp_path), "--port", "0", environ=environ)
        assert done.code == 2
        assert "another program" in done.err
        assert client.get_default_database().list_collection_names() == ["invoices"]


@dataclass
class Behind:
    """A running server whose database can be stopped, or be cut off by the proxy between."""

    server: RunningServer
    database: FerretDb
    proxy: TcpProxy


@pytest.fixture
def behind(documentdb: Cluster, tmp_path: Path) -> Iterator[Behind]:
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(ferretdb(documentdb, tmp_path / "ferretdb"))
        proxy = stack.enter_context(tcp_proxy(database.port))
        name = f"hygieia-test-{new_id()}"
        documents = MongoDb(database.uri(proxy.port)).address(name, **IMPATIENT)
        server = stack.enter_context(running_server(tmp_path / "data", documents=documents))
        yield Behind(server, database, proxy)


def ask(server: RunningServer, path: str, body: object = None) -> tuple[int, Any, Any]:
    """Status, headers and JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(server.address + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, json.loads(error.read())


def sign_in_parameters(server: RunningServer) -> tuple[int, Any, Any]:
    return ask(server, "/api/v1/sign-in/parameters", {"email": "ana@example.org"})


def until_it_is(status: int, asked: Callable[[], int]) -> None:
    """Ask again and again until this is the answer's status."""
    end = time.monotonic() + BACK_WITHIN_SECONDS
    while (said := asked()) != status:
        assert time.monotonic() < end, f"it still answers {said}"
        time.sleep(0.1)


@pytest.mark.parametrize(
    "weather", [None, Weather.GONE, Weather.DEAF, Weather.FORGETFUL, Weather.GARBAGE]
)
def test_without_its_database_the_server_says_503_and_comes_back_by_itself(
    behind: Behind, weather: Weather | None
) -> None:
    assert sign_in_parameters(behind.server)[0] == 200
    if weather is None:
        behind.database.stop()
    else:
        behind.proxy.turn(weather)
    status, headers, problem = sign_in_parameters(behind.server)
    assert (status, problem["code"]) == (503, "unavailable")
    assert int(headers["Retry-After"]) == problem["retry_after"]
    assert "127.0.0.1" not in json.dumps(problem)
    assert ask(behind.server, "/readyz")[0] == 503
    assert ask(behind.server, "/healthz")[0] == 200
    if weather is None:
        behind.database.start()
    behind.proxy.turn(Weather.FINE)
    until_it_is(200, lambda: sign_in_parameters(behind.server)[0])
    until_it_is(200, lambda: ask(behind.server, "/readyz")[0])
