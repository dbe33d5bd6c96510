"""A podman that answers to `docker compose`, and whole vaults in it, gone afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.running import Person

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
BUILD_SECONDS = 900
UP_SECONDS = 300
SERVER_IMAGE = "localhost/hygieia-ci/server"
# A function, not a file in front of PATH: while another thread forks, what was just written is busy,
# and the shell goes on to whatever `docker` the machine has.
DOCKER_OF_THIS_ENGINE = """
docker() {
  if [ "$1" = compose ]; then shift; "$COMPOSE" "$@"; else podman "$@"; fi
}
"""


@dataclass(frozen=True, slots=True)
class Engine:
    """What ``scripts/container-engine`` made, with an API socket that compose talks to."""

    folder: Path
    socket: Path

    @property
    def environment(self) -> dict[str, str]:
        """What podman and compose are started with; nothing of ours from outside."""
        lines = (self.folder / "environment").read_text().splitlines()
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        named = dict(line.split("=", 1) for line in lines)
        return kept | named | {"DOCKER_HOST": f"unix://{self.socket}"}

    def podman(self, *arguments: str, check: bool = True, timeout: float = 120) -> str:
        """One podman command; its standard output, with the errors of the program run in it."""
        done = subprocess.run(
            ["podman", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        said = "".join(
            line
            for line in (done.stdout + done.stderr).splitlines(keepends=True)
            if "systemd" not in line  # it misses one for health checks: see `_nudge`
        )
        if check and done.returncode:
            raise AssertionError(f"podman {arguments[0]} ended with {done.returncode}: {said}")
        return said

    def build(self, version: str) -> str:
        """Our image, as compose builds it, with a version written on it; its name."""
        image = f"{SERVER_IMAGE}:{version}"
        with self._building() as socket:
            done = subprocess.run(
                [
                    self.folder / "docker-compose",
                    "--file",
                    DOCKER / "compose.yaml",
                    "build",
                    "server",
                ],
                env=self.environment
                | {"DOCKER_HOST": f"unix://{socket}", "DOCKER_BUILDKIT": "0"}
                | {"VAULT_IMAGE": image, "VAULT_VERSION": version},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=BUILD_SECONDS,
                check=False,
            )
        if done.returncode:
            raise AssertionError(f"compose builds nothing: {(done.stdout + done.stderr)[-3000:]}")
        return image

    @contextlib.contextmanager
    def _building(self) -> Iterator[Path]:
        """An API that builds as ``build-options`` say, which compose knows no words for."""
        options = (self.folder / "build-options").read_text().splitlines()
        volumes = [line.removeprefix("--volume=") for line in options if "--volume=" in line]
        settings = (self.folder / "containers.conf").read_text()
        changed = f"[containers]\nvolumes = {json.dumps(volumes)}\n"
        conf = self.socket.with_name("build.conf")
        conf.write_text(settings.replace("[containers]\n", changed, 1))
        socket = self.socket.with_name("build.sock")
        with _service(socket, self.environment | {"CONTAINERS_CONF": str(conf)}):
            yield socket

    def run(self, image: str, *words: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
        """Run a container to its end: its exit code and what it said."""
        name = f"hygieia-test-{os.getpid()}-once"
        self.podman("run", "--name", name, *options, image, *words, check=False)
        said = self.podman("logs", name)
        code = int(self.podman("inspect", "--format", "{{.State.ExitCode}}", name))
        self.podman("rm", "--force", name)
        return code, said

    def clear(self) -> None:
        """Removes what a run left that was killed: its networks would stand in our way."""
        self.podman("rm", "--all", "--force", "--time", "0")
        self.podman("volume", "prune", "--force")
        self.podman("network", "prune", "--force")

    def inspect(self, thing: str) -> Any:  # noqa: ANN401  (podman's own document)
        """What podman knows of a container or an image."""
        return json.loads(self.podman("inspect", thing))[0]


@contextlib.contextmanager
def engine(folder: Path, run: Path) -> Iterator[Engine]:
    """Start podman's API on a socket in `run`, and what makes its health checks happen.

    Images and networks outlive a run, so there is one run at a time and it begins with none.
    """
    made = Engine(folder, run / "podman.sock")
    ended = threading.Event()
    nudging = threading.Thread(target=_nudge, args=(made, ended))
    with (folder / "in-use").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        made.clear()
        with _service(made.socket, made.environment):
            try:
                nudging.start()
                yield made
            finally:
                ended.set()
                nudging.join()


@contextlib.contextmanager
def _service(socket: Path, environment: dict[str, str]) -> Iterator[None]:
    """Podman's API on a socket."""
    service = subprocess.Popen(
        ["podman", "system", "service", "--time=0", f"unix://{socket}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + UP_SECONDS
        while not socket.exists() and time.monotonic() < end:
            time.sleep(0.05)
        yield
    finally:
        service.terminate()
        service.wait()


def _nudge(engine: Engine, ended: threading.Event) -> None:
    """Podman leaves it to systemd to run health checks; where there is none, somebody else must."""
    while not ended.wait(1):
        for container in engine.podman("ps", "--quiet", check=False).split():
            engine.podman("healthcheck", "run", container, check=False)


@dataclass
class Stack:
    """One vault as docker/compose.yaml has it, with CI's images, ports and secrets of its own."""

    engine: Engine
    folder: Path
    number: int
    image: str
    profiles: str = ""
    overrides: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Choose what must not meet another stack's."""
        names = ("PUBLISH", "KUBO_GATEWAY_PORT", "PUBLISH_HTTP", "PUBLISH_HTTPS")
        self.ports = {name: free_port() for name in names}
        self.secrets.parent.mkdir(parents=True, exist_ok=True)
        self.backups.mkdir(exist_ok=True)

    @property
    def project(self) -> str:
        """Compose's name for it."""
        return f"hygieia-test-{os.getpid()}-{self.number}"

    @property
    def secrets(self) -> Path:
        """The folder of its secrets."""
        return self.folder / "secrets"

    @property
    def backups(self) -> Path:
        """The folder of its backups."""
        return self.folder / "backup"

    @property
    def address(self) -> str:
        """Where people reach the server."""
        return f"http://localhost:{self.ports['PUBLISH']}"

    @property
    def gateway(self) -> str:
        """Kubo's own gateway, which only CI's override publishes."""
        return f"http://127.0.0.1:{self.ports['KUBO_GATEWAY_PORT']}"

    @property
    def environment(self) -> dict[str, str]:
        """Its settings, as docker/.env would hold them."""
        files = [DOCKER / file for file in ("compose.yaml", "compose.ci.yaml", *self.overrides)]
        ours = {name: str(port) for name, port in self.ports.items()}
        ours |= {
            "PUBLISH": f"127.0.0.1:{self.ports['PUBLISH']}",
            "PUBLISH_HTTP": f"127.0.0.1:{self.ports['PUBLISH_HTTP']}",
            "PUBLISH_HTTPS": f"127.0.0.1:{self.ports['PUBLISH_HTTPS']}",
            "FRONT": f"172.31.{84 + self.number}",
            "SECRETS": str(self.secrets),
            "BACKUP": str(self.backups),
            "VAULT_IMAGE": self.image,
            "COMPOSE_PROFILES": self.profiles,
            "HYGIEIA_PUBLIC_URL": self.address,
        }
        project = {
            "COMPOSE_FILE": ":".join(map(str, files)),
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_ANSI": "never",
        }
        return self.engine.environment | ours | self.settings | project

    def make_secrets(self) -> None:
        """As hosting.md says it."""
        subprocess.run(["sh", DOCKER / "make-secrets", self.secrets], check=True)

    def start(self, *words: str, timeout: float = UP_SECONDS) -> tuple[int, str]:
        """One `docker compose` command, however it ends: exit code and what was said."""
        done = subprocess.run(
            [self.engine.folder / "docker-compose", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def compose(self, *words: str) -> str:
        """One that must succeed."""
        code, said = self.start(*words)
        if code:
            logs = self.start("logs", "--tail", "20")[1]
            raise AssertionError(f"compose {words[0]} ended with {code}: {said}\n{logs}")
        return said

    def script(self, lines: str) -> str:
        """Lines of a guide, run by a shell in docker/ where `docker` is what we have."""
        done = subprocess.run(
            ["sh", "-euc", f"{DOCKER_OF_THIS_ENGINE}\n{lines}"],
            env=self.environment | {"COMPOSE": str(self.engine.folder / "docker-compose")},
            cwd=DOCKER,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=UP_SECONDS,
            check=False,
        )
        if done.returncode:
            raise AssertionError(
                f"{lines} ended with {done.returncode}: {done.stdout}{done.stderr}"
            )
        return done.stdout

    def container(self, service: str) -> Any:  # noqa: ANN401  (podman's own document)
        """What podman knows of one service's container."""
        return self.engine.inspect(f"{self.project}-{service}-1")

    def wait(self) -> None:
        """Wait until the server takes requests."""
        end = time.monotonic() + UP_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.address}/readyz", timeout=5).close()
                return
            time.sleep(0.1)
        raise AssertionError("the server does not answer:\n" + self.start("logs", "server")[1])

    def wait_for(self, file: str, service: str) -> None:
        """Wait until a file is there in a container."""
        end = time.monotonic() + UP_SECONDS
        while time.monotonic() < end:
            if self.start("exec", "-T", service, "test", "-s", file)[0] == 0:
                return
            time.sleep(0.2)
        raise AssertionError(f"{file} is not made:\n" + self.start("logs", service)[1])

    def up(self) -> None:
        """All of it."""
        self.compose("up", "--detach", "--no-build")
        self.wait()

    def remove(self) -> None:
        """Everything, the data too."""
        everything = ("--profile", "tls", "--profile", "backup", "--profile", "cluster")
        self.start(*everything, "down", "--volumes", "--timeout", "1", "--remove-orphans")
        shutil.rmtree(self.secrets, ignore_errors=True)

    def person(self, name: str) -> Person:
        """Somebody outside, with the command of the working tree."""
        person = Person(self.folder / name, self.address)
        person.password_file.write_text("violet harbour quartz 52 lantern\n", encoding="utf-8")
        person.password_file.chmod(0o600)
        return person
