"""What every test stands on: how hypothesis behaves, and where the real programs are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.ferretdb import Cluster, ferretdb, postgresql
from tests.kubo import KuboServer, kubo_server
from tests.mongod import replica_set
from tests.mongodb import MongoDb

# In CI the same examples every time; nowhere a deadline, for the machine is shared.
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings change no test."""
    for name in list(os.environ):
        if name.startswith("HYGIEIA_") and not name.startswith("HYGIEIA_TEST_"):
            monkeypatch.delenv(name)


def _program_from(variable: str, target: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).exists():
        pytest.fail(f"{variable} names nothing that is there: run `make {target}`")
    return Path(value)


@pytest.fixture(scope="session")
def debian_chroot() -> Path:
    """A Debian 13 with sq, curl, jq, argon2 and none of our code; mount nothing in it."""
    return _program_from("HYGIEIA_TEST_CHROOT", "test-interop")


@pytest.fixture(scope="session")
def kubo_program() -> Path:
    """Kubo's `ipfs` program."""
    return _program_from("HYGIEIA_TEST_KUBO", "test-servers")


@pytest.fixture(scope="session")
def cluster_program() -> Path:
    """IPFS Cluster's `ipfs-cluster-service` program."""
    return _program_from("HYGIEIA_TEST_CLUSTER", "test-servers")


@pytest.fixture(scope="session")
def kubo(kubo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboServer]:
    """A Kubo as a clinic runs it, for whoever empties it first."""
    with kubo_server(kubo_program, tmp_path_factory.mktemp("kubo") / "repository") as server:
        yield server


@pytest.fixture(scope="session")
def mongod_program() -> Path:
    """MongoDB's own `mongod`."""
    return _program_from("HYGIEIA_TEST_MONGOD", "test-servers")


@pytest.fixture(scope="session")
def documentdb() -> Iterator[Cluster]:
    """PostgreSQL with DocumentDB, for FerretDBs to stand before it."""
    with postgresql(_program_from("HYGIEIA_TEST_FERRETDB", "test-servers")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def mongodb(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MongoDb]:
    """What speaks MongoDB's protocol: the server of HYGIEIA_TEST_MONGODB_URI, else FerretDB."""
    uri = os.environ.get("HYGIEIA_TEST_MONGODB_URI")
    if uri:
        yield MongoDb(uri)
        return
    cluster: Cluster = request.getfixturevalue("documentdb")
    with ferretdb(cluster, tmp_path_factory.mktemp("ferretdb")) as server:
        yield MongoDb(server.uri())


@pytest.fixture(scope="session")
def mongod(mongod_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoDb]:
    """MongoDB's own server, a replica set of one: nobody else can be elected."""
    with replica_set(mongod_program, tmp_path_factory.mktemp("mongod") / "set", 1) as made:
        yield MongoDb(made.uri)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where real servers are promised, a skipped test is a failed one."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _nothing_is_skipped(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that is skipped as a whole never comes to the reports of its tests."""
    report = yield
    _nothing_is_skipped(report, collector.nodeid)
    return report


def _nothing_is_skipped(report: pytest.TestReport | pytest.CollectReport, what: str) -> None:
    if report.skipped and os.environ.get("HYGIEIA_TEST_NO_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"{what} was skipped, and nothing may be skipped here"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that needs a real program may take longer; files that take longest come first."""
    slow: Counter[Path] = Counter()
    many: Counter[Path] = Counter()
    for item in items:
        slow[item.path] += item.get_closest_marker("slow") is not None
        many[item.path] += 1
        needs_more = any(
            item.get_closest_marker(m) for m in ("interop", "servers", "containers", "slow")
        )
        if needs_more and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))
    if hasattr(config, "workerinput"):  # side by side: a long file begun last would run on alone
        items.sort(key=lambda item: (-slow[item.path], -many[item.path], item.path))


def pytest_make_parametrize_id(val: Any) -> str | None:  # noqa: ANN401  (whatever JSON or arguments it is)
    """Bytes make poor names for cases: their length says more."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) and len(val) > 16 else None
