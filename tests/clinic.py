"""A server as a clinic runs it, on a MongoDB and a Kubo that a test can break in every way."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.ferretdb import Cluster, FerretDb, ferretdb, postgresql
from tests.kubo import KuboServer, kubo_server
from tests.mongodb import MongoDb
from tests.running import RunningServer, frozen, running_server
from tests.small_disk import filled_up, small_disk
from tests.tcp_proxy import TcpProxy, Weather, tcp_proxy

# Shorter than an operator would have it: a test waits for every one of them. A database that has
# just been started must answer in time all the same.
IMPATIENT = {"timeoutMS": 6000, "serverSelectionTimeoutMS": 4000, "connectTimeoutMS": 4000}
POSTGRESQL_MIB = 400
KUBO_MIB = 100
BETWEEN_CUTS_SECONDS = 0.15
BACK_WITHIN_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Clinic:
    """The server's stores, each behind a cable that can be pulled."""

    cluster: Cluster
    database: FerretDb
    kubo: KuboServer
    to_database: TcpProxy
    to_kubo: TcpProxy
    to_gateway: TcpProxy

    @contextlib.contextmanager
    def server(self, data: Path) -> Iterator[RunningServer]:
        """A server on these stores; several share them."""
        database = MongoDb(self.database.uri(self.to_database.port))
        with running_server(
            data,
            log_level="warning",
            documents=database.address("clinic", **IMPATIENT),
            blocks=self.kubo.address_at(self.to_kubo.port),
            kubo_gateway=f"http://127.0.0.1:{self.to_gateway.port}",  # as compose.yaml has it
        ) as server:
            yield server


@contextlib.contextmanager
def clinic(ferretdb_install: Path, kubo_program: Path, folder: Path) -> Iterator[Clinic]:
    """Both stores on small disks of their own, and the cables."""
    disk = folder / "kubo-disk"
    disk.mkdir()
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        cluster = enter(postgresql(ferretdb_install, disk_mib=POSTGRESQL_MIB))
        database = enter(ferretdb(cluster, folder / "ferretdb"))
        enter(small_disk(disk, KUBO_MIB))
        kubo = enter(kubo_server(kubo_program, disk / "repository"))
        cables = [
            enter(tcp_proxy(port)) for port in (database.port, kubo.api_port, kubo.gateway_port)
        ]
        yield Clinic(cluster, database, kubo, *cables)


Break = Callable[[Clinic], contextlib.AbstractContextManager[None]]


def wait_until_ready(server: RunningServer) -> float:
    """Wait until the server, not restarted, says that it is well again; the seconds it took."""
    began = time.monotonic()
    while time.monotonic() < began + BACK_WITHIN_SECONDS:
        with (
            contextlib.suppress(urllib.error.HTTPError, TimeoutError),
            urllib.request.urlopen(f"{server.address}/readyz", timeout=10),
        ):
            return time.monotonic() - began
        time.sleep(0.2)
    log = (server.data / "server.log").read_text(errors="replace")
    raise AssertionError(f"the server does not recover: {log[-2000:]}")


# -- what can happen to the database -----------------------------------------------------------


@contextlib.contextmanager
def database_stopped(clinic: Clinic) -> Iterator[None]:
    """It is killed, and started again later."""
    clinic.database.stop()
    try:
        yield
    finally:
        clinic.database.start()


@contextlib.contextmanager
def database_restarted(clinic: Clinic) -> Iterator[None]:
    """It is killed and started again at once."""
    clinic.database.stop()
    clinic.database.start()
    yield


@contextlib.contextmanager
def database_frozen(clinic: Clinic) -> Iterator[None]:
    """It takes connections and answers nothing."""
    with frozen(clinic.database.process):
        yield


@contextlib.contextmanager
def database_full(clinic: Clinic) -> Iterator[None]:
    """Nothing more fits on its disk, whatever that does to it."""
    with filled_up(clinic.cluster.place):
        yield
    clinic.cluster.recover()


@contextlib.contextmanager
def database_answers_errors(clinic: Clinic) -> Iterator[None]:
    """It takes every question and can do nothing: what is behind it has crashed."""
    clinic.cluster.stop("immediate")
    try:
        yield
    finally:
        clinic.cluster.start()


# -- what can happen to Kubo ---------------------------------------------------------------------


@contextlib.contextmanager
def kubo_stopped(clinic: Clinic) -> Iterator[None]:
    """It is ended, and started again later."""
    clinic.kubo.stop()
    try:
        yield
    finally:
        clinic.kubo.start()


@contextlib.contextmanager
def kubo_restarted(clinic: Clinic) -> Iterator[None]:
    """It is killed and started again at once."""
    assert clinic.kubo.process is not None
    clinic.kubo.process.kill()
    clinic.kubo.stop()
    clinic.kubo.start()
    yield


@contextlib.contextmanager
def kubo_frozen(clinic: Clinic) -> Iterator[None]:
    """It takes connections and answers nothing."""
    with frozen(clinic.kubo.process):
        yield


@contextlib.contextmanager
def kubo_full(clinic: Clinic) -> Iterator[None]:
    """Nothing more fits on its disk; the operator makes room and restarts it.

    Its LevelDB goes on saying that there is no room once a write of its journal has failed.
    """
    with filled_up(clinic.kubo.node.repository.parent):
        yield
    clinic.kubo.stop()
    clinic.kubo.start()


# -- what can happen to either cable -------------------------------------------------------------


def weather(cable: Callable[[Clinic], TcpProxy], kind: Weather) -> Break:
    """The cable carries what the weather lets through."""

    @contextlib.contextmanager
    def lasting(clinic: Clinic) -> Iterator[None]:
        proxy = cable(clinic)
        proxy.turn(kind)
        try:
            yield
        finally:
            proxy.turn(Weather.FINE)
            proxy.cut()  # what was said in bad weather is not taken up again

    return lasting


def pulled_again_and_again(cable: Callable[[Clinic], TcpProxy]) -> Break:
    """Every connection is cut in the middle of whatever it carries, many times."""

    @contextlib.contextmanager
    def lasting(clinic: Clinic) -> Iterator[None]:
        enough = threading.Event()

        def pull() -> None:
            while not enough.wait(BETWEEN_CUTS_SECONDS):
                cable(clinic).cut()

        puller = threading.Thread(target=pull)
        puller.start()
        try:
            yield
        finally:
            enough.set()
            puller.join()

    return lasting
