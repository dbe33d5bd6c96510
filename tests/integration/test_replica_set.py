"""The vault on a replica set of three of MongoDB's own servers: users, elections, lost majorities."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import bson
import pytest

from hygieia.documents.mongo import open_mongo
from hygieia.documents.port import DocumentStore
from hygieia.errors import Duplicate, Unavailable
from tests.cli.shell import run
from tests.counting import Counting
from tests.mongod import Client, ReplicaSet, replica_set
from tests.mongodb import MongoDb
from tests.running import RunningServer, _without_settings, frozen, running_server
from tests.storing import comes_back, put
from tests.tcp_proxy import tcp_proxy

# The first of them waits for the set.
pytestmark = [pytest.mark.servers, pytest.mark.timeout(1200)]

PASSWORD = "violet harbour quartz 52 lantern"
BACK_WITHIN_SECONDS = 120


@pytest.fixture(scope="module")
def replicas(
    mongod_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReplicaSet]:
    """Three members."""
    with replica_set(mongod_program, tmp_path_factory.mktemp("mongod") / "set", 3) as made:
        yield made


@pytest.fixture
def address(replicas: ReplicaSet) -> Iterator[str]:
    """An empty database for a user who may read and write it and nothing else, as compose.yaml has."""
    with MongoDb(replicas.uri).databases() as name:
        database = name("vault").rpartition("/")[2].partition("?")[0]
        yield replicas.user(database, "readWrite")
        for member in replicas.members:
            if member.process is None:
                member.start()
        assert replicas.is_whole()


@pytest.fixture
async def store(address: str) -> AsyncIterator[DocumentStore]:
    opened = await asyncio.to_thread(open_mongo, address)
    yield opened
    await opened.close()


def ask(server: RunningServer, path: str) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer."""
    try:
        with urllib.request.urlopen(server.address + path, timeout=60) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers)


def wait_for(server: RunningServer, status: int) -> dict[str, str]:
    """Until the server, not restarted, says that of its readiness; the answer's headers."""
    end = time.monotonic() + BACK_WITHIN_SECONDS
    while time.monotonic() < end:
        found, headers = ask(server, "/readyz")
        if found == status:
            return headers
        time.sleep(0.2)
    raise AssertionError((server.data / "server.log").read_text(errors="replace")[-2000:])


@pytest.mark.slow
def test_no_acknowledged_report_is_lost_when_the_primary_is_killed_under_it(
    replicas: ReplicaSet, address: str, tmp_path: Path
) -> None:
    stored: dict[str, str] = {}
    with running_server(tmp_path / "data", documents=address) as server:
        ana = server.person(tmp_path / "ana", PASSWORD)
        ana.run("signup", "ana@example.org", "--kit", str(tmp_path / "kit"))
        ended = threading.Event()

        def go_on() -> None:
            number = 0
            while not ended.wait(0.5):  # each is fetched again in the end
                number += 1
                try:
                    stored.update([put(ana, tmp_path, number)])
                except AssertionError:
                    continue  # not acknowledged

        beside = threading.Thread(target=go_on)
        beside.start()
        try:
            killed = replicas.primary()
            killed.kill()
            assert replicas.primary() is not killed
            wait_for(server, 200)
            reached = len(stored) + 1
            end = time.monotonic() + BACK_WITHIN_SECONDS
            while len(stored) < reached and time.monotonic() < end:
                time.sleep(0.1)
            assert len(stored) >= reached, "it goes on with another primary"
            killed.start()
            assert replicas.is_whole()
        finally:
            ended.set()
            beside.join()
        listed = {report["id"] for report in ana.run_json("ls", "--limit", "500")["reports"]}
        assert listed >= set(stored)
        for report, digest in stored.items():
            assert comes_back(ana, tmp_path, report) == digest
    assert not list((tmp_path / "data").glob("*.sqlite*"))


@pytest.mark.slow
def test_without_a_majority_nothing_is_changed_and_it_is_said(
    replicas: ReplicaSet, address: str, tmp_path: Path
) -> None:
    patient = f"{address}&timeoutMS=10000&serverSelectionTimeoutMS=5000"
    with running_server(tmp_path / "data", documents=patient) as server:
        ana = server.person(tmp_path / "ana", PASSWORD)
        ana.run("signup", "ana@example.org", "--kit", str(tmp_path / "kit"))
        kept = put(ana, tmp_path, 1)
        primary = replicas.primary()
        lost = [primary, next(member for member in replicas.members if member is not primary)]
        for member in lost:
            member.kill()
        headers = wait_for(server, 503)
        assert int(headers["Retry-After"]) > 0
        file = tmp_path / "refused"
        file.write_bytes(b"refused")
        refused = ana.start("--json", "put", str(file))
        assert refused.returncode in {1, 7}, refused.stderr
        assert json.loads(refused.stdout)["error"]["code"] in {"unavailable", "unreachable"}
        assert b"Traceback" not in refused.stderr
        lost[0].start()
        wait_for(server, 200)
        ana.run("put", str(file))
        assert comes_back(ana, tmp_path, kept[0]) == kept[1]
        assert len(ana.run_json("ls")["reports"]) == 2


@pytest.mark.slow
async def test_no_acknowledged_write_is_lost_to_an_election(
    store: DocumentStore, replicas: ReplicaSet
) -> None:
    async with Counting(store) as counting:
        await counting.more(60)
        killed = await asyncio.to_thread(replicas.primary)
        killed.kill()
        await counting.more(60)
        killed.start()
        assert await asyncio.to_thread(replicas.is_whole)
    await counting.check()


@pytest.mark.slow
async def test_a_frozen_primary_is_voted_out(store: DocumentStore, replicas: ReplicaSet) -> None:
    await store.insert("things", "a", {}, unique="u")
    stopped = await asyncio.to_thread(replicas.primary)
    with frozen(stopped.process):
        async with asyncio.timeout(BACK_WITHIN_SECONDS):
            while True:
                try:
                    await store.insert("things", "b", {})
                except Unavailable:
                    continue
                except Duplicate:
                    pass  # an answer was lost
                break
    assert await asyncio.to_thread(replicas.is_whole)
    assert await store.get("things", "a") is not None
    assert await store.get("things", "b") is not None


def refusal(folder: Path, documents: str) -> str:
    """What a server says of such an address, in one line with a hint, when it does not start."""
    done = run(
        "serve",
        *("--data", str(folder), "--port", "0"),
        environ=_without_settings() | {"HYGIEIA_DOCUMENTS": documents},
    )
    assert done.code == 2, done.err
    line, *hint = done.err.strip().splitlines()
    assert line.startswith("hygieia"), done.err
    assert len(hint) <= 1, done.err
    assert not list(folder.glob("*.sqlite*")), "the embedded store is no way out"
    return done.err


@pytest.mark.slow
def test_what_a_real_mongodb_refuses_is_one_line_and_exit_2(
    replicas: ReplicaSet, tmp_path: Path
) -> None:
    secret = "hunter2hunter2"
    patience = "serverSelectionTimeoutMS=1500"
    good = replicas.user("refusing", "readWrite")
    reader = replicas.user("refusing", "read")
    password = good.split(":")[2].partition("@")[0]
    alone = replicas.secondary().host
    for documents, said in (
        (good.replace(password, secret), "refuses the user or password"),
        (f"mongodb://nobody:{secret}@{replicas.hosts}/refusing", "refuses the user or password"),
        (f"mongodb://{replicas.hosts}/refusing", "refuses the user or password"),
        (reader, "refuses the user or password"),
        (good.replace("=vault", "=another") + f"&{patience}", "No MongoDB answers"),
        (
            good.replace(replicas.hosts, alone).partition("?")[0] + "?directConnection=true",
            "not the primary",
        ),
    ):
        told = refusal(tmp_path, documents)
        assert said in told
        assert secret not in told


# A mongod that is too old needs an OpenSSL that is gone: this is the one we have, behind what changes
# its answers to those of MongoDB 5.0, which the driver would take, and of 4.0, which it does not.
@pytest.mark.parametrize(
    ("command", "field", "instead", "said"),
    [
        ("buildInfo", "versionArray", [5, 0, 31, 0], "The MongoDB is too old: it must be 6.0"),
        ("hello", "maxWireVersion", 7, "The MongoDB is not one that is supported: it must be 6.0"),
    ],
    ids=["5.0", "4.0"],
)
def test_a_mongodb_of_a_version_that_is_too_old_ends_the_start_in_one_line(
    replicas: ReplicaSet, tmp_path: Path, command: str, field: str, instead: object, said: str
) -> None:
    primary = replicas.primary()
    with Client(primary.host, directConnection=True) as client:
        now = client.admin.command(command)[field]
    told = {bson.encode({field: now})[4:-1]: bson.encode({field: instead})[4:-1]}
    user = replicas.user("refusing", "readWrite").partition("?")[0]
    with tcp_proxy(primary.port, told) as proxy:
        address = user.replace(replicas.hosts, f"127.0.0.1:{proxy.port}")
        line = refusal(tmp_path, f"{address}?directConnection=true")
    assert line.splitlines() == [f"hygieia: {said} or newer."]
