"""What `hygieia doctor` finds amiss, and what it says to do."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hygieia import __version__
from tests.cli.shell import Done, by, newcomer, sign_up
from tests.running import running_server


@contextlib.contextmanager
def server_that_says(facts: dict[str, Any]) -> Iterator[str]:
    """One that answers only what a server says of itself; its address."""

    class Saying(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(facts).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Saying) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def finding(done: Done, what: str) -> dict[str, Any]:
    [found] = [each for each in done.json["checks"] if each["what"] == what]
    return dict(found)


def said_now(after: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + after).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("changes", "what", "advice"),
    [
        ({"time": said_now(timedelta(hours=-2))}, "clock", "Set this machine's clock"),
        ({"time": said_now(timedelta(days=2))}, "clock", "Set this machine's clock"),
        ({"time": "soon"}, "clock", "Update the server."),
        ({"version": "999.0.0"}, "versions", "Update the older of the two."),
    ],
)
def test_a_skewed_clock_and_another_version_are_told_with_what_to_do(
    tmp_path: Path, changes: dict[str, str], what: str, advice: str
) -> None:
    facts = {"version": __version__, "time": said_now(), "gateways": []} | changes
    with server_that_says(facts) as address:
        done = by(newcomer(address, tmp_path / "ben"), "doctor", "--json")
    assert done.code == 1
    assert done.json["well"] is False
    assert finding(done, what)["well"] is False
    assert advice in finding(done, what)["advice"]
    assert finding(done, "server")["well"] is True


def test_a_gateway_without_the_vault_is_told(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "other") as other,
        running_server(tmp_path / "data", gateways=other.address) as server,
    ):
        ana = sign_up(server.address, tmp_path / "ana", "ana@example.org")
        done = by(ana, "doctor", "--json")
        said = by(ana, "doctor")
    assert (done.code, said.code) == (1, 1)
    assert finding(done, f"gateway {server.address}")["well"] is True
    empty = finding(done, f"gateway {other.address}")
    assert (empty["well"], empty["seen"]) == (False, "does not have this vault")
    assert f"LOOK  gateway {other.address}: does not have this vault" in said.out
    assert "It is no copy of your vault." in said.out
