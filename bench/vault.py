"""A real server and a real person's command, each in a watched process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine import run
from bench.pulse import Span, Turn
from bench.watched import WATCH_LOOPS
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
EMAIL = "ana@example.org"
START_SECONDS = 90


@dataclass(frozen=True)
class Seen:
    """What a watched process says of itself."""

    peak_mib: float
    cpu_seconds: float
    late: list[Span]
    long_turns: list[Turn]
    turns: int
    started: bool
    alive_seconds: float


@dataclass
class Command:
    """One command that has run: how long it took, what it printed, what it said of itself."""

    seconds: float
    document: Any
    seen: Seen


@dataclass
class Vault:
    """A server's data and a person's client state in one folder, on one port."""

    folder: Path
    port: int = field(default_factory=free_port)
    documents: str = "sqlite:"
    blocks: str = "directory:"
    kubo_gateway: str = ""
    watching: bool = False
    """Whether event loops are asked for turns: what is timed is not, since each turn costs CPU."""
    served: Seen | None = None
    process_id: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def prepare(self) -> None:
        """Make the folder and the password's file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._password_file.write_text("correct horse battery staple\n", encoding="ascii")
        self._password_file.chmod(0o600)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """A server over the data; ``served`` is what it said of itself in the end."""
        result = self.folder / "server.json"
        words = ["serve", "--host", "127.0.0.1", "--port", str(self.port), "--data", str(self.data)]
        with (self.folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.watched", str(result), *words],
                cwd=ROOT,
                env=dict(os.environ) | self._environment | self._stores,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_ready(process)
            self.process_id = process.pid
            yield
        finally:
            process.terminate()
            process.wait()
        self.served = _read(result)

    def sign_up(self) -> None:
        self.run("signup", EMAIL, "--kit", str(self.folder / "kit"))

    def run(self, *arguments: str | Path) -> Command:
        """Run one command that must succeed."""
        result = self.folder / "client.json"
        command = [sys.executable, "-m", "bench.watched", result, "--json", *arguments]
        started = time.perf_counter()
        printed = run(command, self.environment)
        seconds = time.perf_counter() - started
        return Command(seconds, json.loads(printed or b"null"), _read(result))

    @property
    def environment(self) -> dict[str, str]:
        """What a command of hers is started with."""
        return self._environment | {
            "PYTHONPATH": str(ROOT),
            "HYGIEIA_HOME": str(self.folder / "home"),
            "HYGIEIA_SERVER": self.address,
            "HYGIEIA_PASSWORD_FILE": str(self._password_file),
            # No desktop's keyring: a bench leaves nothing behind.
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }

    @property
    def _environment(self) -> dict[str, str]:
        """As installed, whatever this shell says: compiled code is kept, beside the folder."""
        return {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(self.folder.parent / "compiled"),
            WATCH_LOOPS: "1" if self.watching else "",
        }

    @property
    def _stores(self) -> dict[str, str]:
        return {
            "HYGIEIA_DOCUMENTS": self.documents,
            "HYGIEIA_BLOCKS": self.blocks,
            "HYGIEIA_KUBO_GATEWAY": self.kubo_gateway,
            # Each round stores the file once more.
            "HYGIEIA_QUOTA_BYTES": "1TiB",
        }

    @property
    def _password_file(self) -> Path:
        return self.folder / "password"

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{self.address}/readyz", timeout=5).close()  # noqa: S310  (our own server, http)
                return
            time.sleep(0.02)
        log = (self.folder / "server.log").read_text(errors="replace")
        raise SystemExit(f"The server does not start: {log[-2000:]}")


def _read(path: Path) -> Seen:
    said = json.loads(path.read_text(encoding="ascii"))
    turns = [Turn(**turn) for turn in said.pop("long_turns")]
    return Seen(long_turns=turns, **said)
