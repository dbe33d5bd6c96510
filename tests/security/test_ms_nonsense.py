"""A server whose answers are no answers: every command ends plainly, nothing is believed by halves."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.running import Person, RunningServer
from tests.security.hostile import HostileProxy, Reply, json_reply
from tests.security.victims import BLOOD_TEST, Victim, make_victim, run_here

NONSENSE: dict[str, Reply] = {
    "no body": Reply(200, b""),
    "an empty object": json_reply({}),
    "a list": Reply(200, b"[]"),
    "null": Reply(200, b"null"),
    "a page": Reply(200, b"<html>Please sign in to the hotel's network</html>"),
    "cut JSON": Reply(200, b'{"account": {"email": "ada@'),
    "not UTF-8": Reply(200, b'{"account": "\xff"}'),
    "deep": Reply(200, b'{"a":' * 50_000),
    "long numbers": Reply(200, b'{"rev": ' + b"9" * 5000 + b"}"),
    "a problem that is none": Reply(500, b"[1, 2"),
    "an unknown problem": json_reply({"code": "constructor", "title": 7, "detail": ["x"]}, 418),
    "a screaming problem": json_reply(
        {"code": "not-found", "detail": "\x1b[2J\u202egone" + "!" * 9000}, 404
    ),
}
WRONG_TYPES: list[Any] = [None, -1, 1e99, True, "text", ["x"], {"x": {}}]


def _commands(victim: Victim, file: Path) -> dict[str, tuple[list[str], str, str]]:
    """A command, and the answer of its that is exchanged."""
    report = victim.id(BLOOD_TEST)
    return {
        "parameters": (["login", victim.email], "POST", "/api/v1/sign-in/parameters"),
        "sessions": (["login", victim.email], "POST", "/api/v1/sessions"),
        "account": (["whoami"], "GET", "/api/v1/account"),
        "list of sessions": (["sessions"], "GET", "/api/v1/sessions"),
        "index": (["ls"], "GET", "/api/v1/index"),
        "changes": (["ls"], "GET", "/api/v1/changes"),
        "report": (["edit", report, "--title", "x"], "GET", f"/api/v1/reports/{report}"),
        "info": (["info", report], "GET", f"/api/v1/reports/{report}"),
        "versions": (["versions", report], "GET", f"/api/v1/reports/{report}/versions"),
        "upload": (["put", str(file)], "POST", "/api/v1/uploads"),
    }


@pytest.fixture(scope="module")
def victim(
    _proxy: HostileProxy, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Victim:
    """A vault of its own: an honest answer to a change changes it."""
    _proxy.behave()
    folder = tmp_path_factory.mktemp("nell") / "nell"
    return make_victim(server, _proxy.address, folder, "nell@example.org")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_bytes(b"text")
    return path


ANSWERS = [
    "parameters",
    "sessions",
    "account",
    "list of sessions",
    "index",
    "changes",
    "report",
    "info",
    "versions",
    "upload",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_no_answer_is_said_to_be_none(
    answer: str, proxy: HostileProxy, victim: Victim, device: Person, file: Path
) -> None:
    command, method, path = _commands(victim, file)[answer]
    for name, reply in NONSENSE.items():
        proxy.behave()
        proxy.answer(method, path, reply)
        done = run_here(device, "--json", *command)
        said = done.stdout.decode()
        assert "defect" not in said, (name, said)
        assert done.exit_code != 0, (name, said)
        assert "\x1b" not in said
        assert "\u202e" not in said
        assert len(done.document["error"]["message"]) < 500


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_field_of_another_kind_is_no_field(
    answer: str, proxy: HostileProxy, victim: Victim, device: Person, file: Path
) -> None:
    """Whatever stands in a field, the command ends with one of its codes and a sentence."""
    command, method, path = _commands(victim, file)[answer]
    run_here(device, "--json", *command)
    honest = next(
        reply.document for request, reply in proxy.replies if request in proxy.asked(method, path)
    )
    # Every field meets some of the kinds, every kind some of the fields.
    for place, (name, value) in enumerate(itertools.product(honest, WRONG_TYPES)):
        if place % 3 and len(honest) > 3:
            continue
        proxy.behave()
        proxy.answer(method, path, json_reply(honest | {name: value}))
        done = run_here(device, "--json", *command)
        said = done.stdout.decode()
        assert "defect" not in said, (name, value, said)


def test_pages_without_end_are_not_turned_for_ever(
    proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    """Each page names another next one."""
    report = victim.id(BLOOD_TEST)
    pages = itertools.count()

    def versions(answer: dict[str, Any]) -> None:
        answer["items"], answer["next"] = [], f"page-{next(pages)}"

    def changes(answer: dict[str, Any]) -> None:
        answer["next"], answer["more"] = f"page-{next(pages)}", True

    for path, change, command in (
        (f"/api/v1/reports/{report}/versions", versions, ["versions", report]),
        ("/api/v1/changes", changes, ["ls"]),
    ):
        proxy.behave()
        proxy.change("GET", path, change)
        run_here(device, "--json", *command)
        assert len(proxy.asked("GET", path)) < 300
