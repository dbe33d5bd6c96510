"""A real server and real people in processes of their own, as a user would start them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import free_port

COMMAND = Path(sys.executable).parent / "hygieia"
START_SECONDS = 120
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a shell: her own client state, her password in a file, one server."""

    home: Path
    server: str

    @property
    def password_file(self) -> Path:
        """The file that every command reads the password from."""
        return self.home.parent / f"{self.home.name}.password"

    def start(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run one command, however it ends."""
        return subprocess.run(
            [COMMAND, *arguments],
            env=self._environment(),
            input=stdin,
            capture_output=True,
            timeout=300,
            check=False,
        )

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one command and do not wait for its end; whoever asks kills or waits."""
        return subprocess.Popen(
            [COMMAND, *arguments],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _environment(self) -> dict[str, str]:
        return _without_settings() | {
            "HYGIEIA_HOME": str(self.home),
            "HYGIEIA_SERVER": self.server,
            "HYGIEIA_PASSWORD_FILE": str(self.password_file),
            # No desktop's keyring: a test leaves nothing behind.
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }

    def run(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run one command that must succeed; its standard output."""
        done = self.start(*arguments, stdin=stdin)
        if done.returncode != 0:
            said = (done.stderr + done.stdout[-500:]).decode(errors="replace")
            raise AssertionError(f"hygieia {arguments[0]} ended with {done.returncode}: {said}")
        return done.stdout.decode()

    def run_json(self, *arguments: str) -> Any:  # noqa: ANN401  (whatever the command answers)
        """Run one command with ``--json``; the document it printed."""
        return json.loads(self.run("--json", *arguments))

    def roots(self) -> list[str]:
        """The CID of every report in the vault's list, page by page."""
        found: list[str] = []
        after: list[str] = []
        while True:
            page = self.run_json("ls", "--limit", "500", *after)
            found += [report["cid"] for report in page["reports"]]
            if page["next"] is None:
                return found
            after = ["--after", page["next"]]


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers at `address` and keeps everything in `data`."""

    address: str
    data: Path
    process: subprocess.Popen[bytes]

    def person(self, home: Path, password: str) -> Person:
        """Somebody new, not signed in yet."""
        person = Person(home, self.address)
        person.password_file.write_text(f"{password}\n", encoding="utf-8")
        person.password_file.chmod(0o600)
        return person

    def admin(self, *arguments: str) -> str:
        """Run ``hygieia admin`` on this server's data; its standard output."""
        done = subprocess.run(
            [COMMAND, "admin", *arguments],
            env=_without_settings() | {"HYGIEIA_DATA_DIR": str(self.data)},
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        return done.stdout


@contextlib.contextmanager
def running_server(
    data: Path, at_port: int | None = None, /, **settings: str
) -> Iterator[RunningServer]:
    """Start a server on a free port or the one given, and end it as an operator would.

    `settings` are named as in `hygieia.config.Settings`.
    """
    data.mkdir(parents=True, exist_ok=True)
    port = at_port or free_port()
    server = RunningServer(f"http://127.0.0.1:{port}", data, _start(data, port, settings))
    try:
        _wait_until_ready(server)
        yield server
    finally:
        _stop(server.process)


def _start(data: Path, port: int, settings: dict[str, str]) -> subprocess.Popen[bytes]:
    ours = {f"HYGIEIA_{name.upper()}": value for name, value in settings.items()}
    with (data / "server.log").open("ab") as log:
        return subprocess.Popen(
            [COMMAND, "serve", "--host", "127.0.0.1", "--port", str(port), "--data", str(data)],
            env=_without_settings() | ours,
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _wait_until_ready(server: RunningServer) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.process.poll() is None:
        with contextlib.suppress(OSError):  # refused, not ready, or too slow to answer yet
            urllib.request.urlopen(f"{server.address}/readyz", timeout=5).close()
            return
        time.sleep(0.05)
    log = (server.data / "server.log").read_text(errors="replace")
    raise AssertionError(f"the server does not start: {log[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HYGIEIA_")}


def _stands_still(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    try:
        return all(each.read_text().rpartition(")")[2].split()[0] == "T" for each in threads)
    except (FileNotFoundError, ProcessLookupError):  # one has ended meanwhile
        return False


@contextlib.contextmanager
def frozen(process: subprocess.Popen[bytes] | None) -> Iterator[None]:
    """Meanwhile a server takes connections and answers nothing."""
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    # Its threads stop one after the other, as each gets a core: until then they answer.
    end = time.monotonic() + STOP_SECONDS
    while not _stands_still(process.pid):
        assert time.monotonic() < end, "it does not stop"
        time.sleep(0.01)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)
