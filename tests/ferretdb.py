"""A server that speaks MongoDB's protocol, for tests: FerretDB before PostgreSQL with DocumentDB.

PostgreSQL runs in the Debian that ``scripts/ferretdb`` made, as its own user, with its data in a
folder of that Debian; FerretDB runs beside it. Both listen on loopback and are gone afterwards.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.small_disk import small_disk

USER = "hygieia"
PROGRAMS = "/usr/lib/postgresql/18/bin"
START_SECONDS = 180
SETTINGS = {
    "shared_preload_libraries": "'pg_cron,pg_documentdb_core,pg_documentdb'",
    "cron.database_name": "'postgres'",
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    # A test's documents outlive a killed process, and need not outlive the machine.
    "fsync": "off",
    "shared_buffers": "'64MB'",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running PostgreSQL that keeps documents; any number of FerretDBs may stand before it."""

    debian: Path
    ferretdb: Path
    folder: str
    port: int
    password: str

    def start(self) -> None:
        """Starts PostgreSQL and waits until it takes connections."""
        self._control("start", "--options", f"-p {self.port}")

    def stop(self, mode: str = "fast") -> None:
        """Stops PostgreSQL; ``immediate`` leaves it no time to write anything."""
        self._control("stop", "--mode", mode)

    @property
    def place(self) -> Path:
        """Where its folder is outside the Debian."""
        return self.debian / self.folder.strip("/")

    def is_running(self) -> bool:
        """Whether it has not been stopped, nor ended by itself."""
        return (self.place / "data/postmaster.pid").exists()

    def recover(self) -> None:
        """Waits until it takes connections again, and starts it if it has ended instead."""
        end = time.monotonic() + START_SECONDS
        while self.is_running():
            assert time.monotonic() < end, "PostgreSQL does not recover"
            with contextlib.suppress(AssertionError):
                self.run("pg_isready", "--host=127.0.0.1", f"--port={self.port}", "--quiet")
                return
            time.sleep(0.1)
        self.start()

    def end(self) -> None:
        """Stops it if it runs."""
        if self.is_running():
            self.stop("immediate")

    def _control(self, verb: str, *arguments: str) -> None:
        log = f"{self.folder}/server.log"
        self.run(
            "pg_ctl",
            "--wait",
            "--timeout",
            "170",
            "--pgdata",
            f"{self.folder}/data",
            "--log",
            log,
            *arguments,
            verb,
        )

    def run(self, program: str, *arguments: str) -> None:
        """Runs a program of PostgreSQL inside the Debian, as the user who owns the data."""
        done = subprocess.run(
            [
                "chroot",
                "--userspec=postgres:postgres",
                self.debian,
                f"{PROGRAMS}/{program}",
                *arguments,
            ],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "LC_ALL": "C.UTF-8",
                "PGPASSWORD": self.password,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            timeout=START_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stdout or b"").decode(errors="replace")
            raise AssertionError(f"{program} of PostgreSQL failed: {said[-2000:]}")


@dataclass(slots=True)
class FerretDb:
    """One FerretDB; it can be stopped and started again at the same address."""

    cluster: Cluster
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def uri(self, port: int | None = None) -> str:
        """Its address; with ``port``, that of what stands before it."""
        return f"mongodb://{USER}:{self.cluster.password}@127.0.0.1:{port or self.port}/"

    def start(self) -> None:
        """Starts it and waits until it takes connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        cluster = self.cluster
        with (self.folder / "ferretdb.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    cluster.ferretdb,
                    f"--postgresql-url=postgres://{USER}:{cluster.password}@127.0.0.1:{cluster.port}/postgres",
                    f"--listen-addr=127.0.0.1:{self.port}",
                    f"--state-dir={self.folder}",
                    "--telemetry=disable",
                    "--debug-addr=-",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def stop(self) -> None:
        """Kills it: every connection ends at once, whatever it carries."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process is not None and self.process.poll() is None:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=5),
            ):
                return
            time.sleep(0.05)
        log = (self.folder / "ferretdb.log").read_text(errors="replace")
        raise AssertionError(f"FerretDB does not start: {log[-2000:]}")


@contextlib.contextmanager
def postgresql(install: Path, *, disk_mib: int | None = None) -> Iterator[Cluster]:
    """A new PostgreSQL with DocumentDB; ``install`` is what ``scripts/ferretdb`` made. Needs root.

    With ``disk_mib`` its data are on a disk of that size, in memory, which a test may fill.
    """
    debian = (install / "debian").resolve()
    _clear_up(debian, install / "ferretdb")
    folder = Path("srv") / f"hygieia-{os.getpid()}-{secrets.token_hex(4)}"
    place = debian / folder
    cluster = Cluster(debian, install / "ferretdb", f"/{folder}", free_port(), secrets.token_hex(8))
    with contextlib.ExitStack() as stack:
        place.mkdir(mode=0o700)
        stack.callback(shutil.rmtree, place)
        if disk_mib is not None:
            stack.enter_context(small_disk(place, disk_mib))
        owner = (debian / "var/lib/postgresql").stat()
        os.chown(place, owner.st_uid, owner.st_gid)
        _make(cluster, place)
        cluster.start()
        stack.callback(cluster.end)
        address = ("--host=127.0.0.1", f"--port={cluster.port}", f"--username={USER}")
        create = "--command=CREATE EXTENSION documentdb CASCADE"
        cluster.run("psql", *address, "--dbname=postgres", "--quiet", create)
        yield cluster


def _clear_up(debian: Path, program: Path) -> None:
    """Ends and removes what runs that were killed have left."""
    for place in (debian / "srv").glob("hygieia-*"):
        owner = place.name.split("-")[1]
        if not Path("/proc", owner).exists():
            with contextlib.suppress(AssertionError):
                Cluster(debian, program, f"/srv/{place.name}", 0, "").end()
            if place.is_mount():
                subprocess.run(["umount", "-l", place], check=False)
            shutil.rmtree(place)


def _make(cluster: Cluster, place: Path) -> None:
    (place / "password").write_text(cluster.password)
    (place / "password").chmod(0o644)  # the folder is closed to others
    cluster.run(
        "initdb",
        f"--pgdata={cluster.folder}/data",
        f"--username={USER}",
        f"--pwfile={cluster.folder}/password",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    )
    with (place / "data/postgresql.conf").open("a") as file:
        file.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())


@contextlib.contextmanager
def ferretdb(cluster: Cluster, folder: Path) -> Iterator[FerretDb]:
    """A FerretDB of one's own before ``cluster``, with its state in ``folder``."""
    server = FerretDb(cluster, folder, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()
