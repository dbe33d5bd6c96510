"""MS-21: the server asks the client for what no message of ours can ask.

To rotate to its certificate, to enrol in its recovery, to use an older format or another gateway:
unknown words are ignored, and nobody is led anywhere else.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.running import Person
from tests.security.forged_keys import EVE
from tests.security.hostile import HostileProxy, Reply
from tests.security.victims import BLOOD_TEST, CONTENTS, Victim, refused, run_here, snapshot

ORDERS: dict[str, Any] = {
    "rotate_to": EVE.certificate,
    "new_certificate": EVE.certificate,
    "escrow": {"certificate": EVE.certificate, "required": True},
    "recovery_contact": EVE.certificate,
    "recipients": [EVE.certificate],
    "former_keys": [EVE.key.key_id],
    "format": 0,
    "minimum_version": "99.0",
    "envelope_version": 1,
    "seipd": 1,
    "upgrade": "pip install hygieia-evil",
    "redirect": "http://127.0.0.1:9/",
    "__proto__": {"admin": True},
    "constructor": {"prototype": {"admin": True}},
}


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[bytes]]]:
    """An address that nobody may be led to, and what was sent there all the same."""
    received: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def listen() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    received.append(connection.recv(4096))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _requests(proxy: HostileProxy) -> list[str]:
    """What was asked for, with every body's field names; ids differ from run to run."""
    return sorted(f"{r.method} {r.path.split('/')[1:4]} {r.query[:5]}" for r in proxy.seen)


def _order(value: Any, where: str) -> Any:  # noqa: ANN401  (whatever JSON or arguments it is)
    """The answer with the orders in every object of it."""
    if isinstance(value, list):
        return [_order(each, where) for each in value]
    if not isinstance(value, dict) or set(value) == {"m", "t", "p"}:
        # Parameters of stretching with anything else beside them are refused outright.
        return value
    return (
        {name: _order(each, where) for name, each in value.items()} | ORDERS | {"gateways": [where]}
    )


def _all_she_does(person: Person, victim: Victim, folder: Path) -> None:
    for arguments in (
        ["login", victim.email],
        ["whoami"],
        ["ls"],
        ["info", victim.id(BLOOD_TEST)],
        ["versions", victim.id(BLOOD_TEST)],
        ["get", victim.id(BLOOD_TEST), "-o", str(folder / "out.txt")],
    ):
        done = run_here(person, "--json", *arguments)
        assert done.exit_code == 0, done


def test_orders_in_every_answer_change_nothing(
    proxy: HostileProxy,
    victim: Victim,
    device: Person,
    tmp_path: Path,
    elsewhere: tuple[str, list[bytes]],
) -> None:
    for name in ("obeying", "honest"):
        (tmp_path / name).mkdir()
    _all_she_does(device, victim, tmp_path / "honest")
    asked = _requests(proxy)

    proxy.behave()
    for method in ("GET", "POST"):
        proxy.change(method, "/api/v1/.*", lambda answer: _order(answer, elsewhere[0]))
    _all_she_does(device, victim, tmp_path / "obeying")
    assert _requests(proxy) == asked, "not one request more, less, or other"
    assert elsewhere[1] == []
    assert snapshot(tmp_path / "obeying") == snapshot(tmp_path / "honest")
    saved = (device.home / "profiles" / "default" / "profile.json").read_text()
    assert EVE.certificate.splitlines()[3] not in saved


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_neither_token_nor_secret_elsewhere(
    status: int,
    proxy: HostileProxy,
    victim: Victim,
    device: Person,
    elsewhere: tuple[str, list[bytes]],
) -> None:
    there = Reply(status, b"", {"Location": f"{elsewhere[0]}/api/v1/account"})
    for method in ("GET", "POST"):
        proxy.answer(method, ".*", there)
    for command in (["whoami"], ["login", victim.email], ["cat", victim.id(BLOOD_TEST)]):
        assert run_here(device, *command).exit_code in {1, 6, 7}
    assert elsewhere[1] == []


def test_a_record_is_stored_under_the_one_format_there_is(
    proxy: HostileProxy, newcomer: Person, tmp_path: Path, elsewhere: tuple[str, list[bytes]]
) -> None:
    """What is uploaded under orders is an envelope to her alone, like any other."""
    proxy.behave()
    for method in ("GET", "POST", "PUT"):
        proxy.change(method, "/api/v1/.*", lambda answer: _order(answer, elsewhere[0]))
    file = tmp_path / "file.txt"
    file.write_bytes(CONTENTS[BLOOD_TEST])
    [report] = run_here(newcomer, "--json", "put", str(file)).document["reports"]
    sent = {block.cid: block.data for block in proxy.uploaded()}
    assert all(CONTENTS[BLOOD_TEST][:40] not in data for data in sent.values())
    proxy.behave()
    assert run_here(newcomer, "--json", "info", report["id"]).document["readers"] == 1


def test_an_answer_without_end_is_not_read_to_its_end(
    proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    flood = Reply(200, b'{"items":["' + b"x" * (17 << 20), {"Content-Type": "application/json"})
    proxy.answer("GET", "/api/v1/changes", flood)
    refused(device, "ls", code="failed", exit_code=1)
