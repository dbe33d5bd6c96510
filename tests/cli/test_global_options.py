"""Passwords, output and errors: the same manners for every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import PASSWORD, by, newcomer, run
from tests.ports import free_port
from tests.running import Person, RunningServer


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_one_line_end_after_the_password_does_not_count(ana: Person, end: bytes) -> None:
    done = by(ana, "whoami", "--password-file", "-", stdin=PASSWORD.encode() + end)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("content", "exit_code", "code"),
    [
        (b" " + PASSWORD.encode(), 3, "credentials-refused"),
        (PASSWORD.encode() + b"\n\n", 1, "invalid-input"),
        (b"\n", 2, "usage"),
        (b"", 2, "usage"),
        (b"\xff\xfe", 2, "usage"),
        (b"x" * 5000, 2, "usage"),
    ],
)
def test_anything_else_in_the_file_does(
    ana: Person, content: bytes, exit_code: int, code: str
) -> None:
    done = by(ana, "--json", "whoami", "--password-file", "-", stdin=content)
    assert (done.code, done.error["code"]) == (exit_code, code)


def test_a_password_file_on_the_command_line_is_stronger_than_the_environment(
    ana: Person, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password")
    for arguments in (
        ["--password-file", str(wrong), "whoami"],
        ["whoami", "--password-file", str(wrong)],
    ):
        assert by(ana, *arguments).code == 3


def test_a_password_file_that_is_not_there_is_named(ana: Person) -> None:
    done = by(ana, "whoami", HYGIEIA_PASSWORD_FILE="/nowhere/pw")
    assert done.code == 2
    assert "'/nowhere/pw'" in done.err


def test_without_a_terminal_nothing_is_asked(ana: Person) -> None:
    done = by(ana, "--json", "whoami", HYGIEIA_PASSWORD_FILE=None, stdin=PASSWORD.encode() + b"\n")
    assert done.code == 3
    assert done.error["message"].startswith("There is no terminal to ask at: Password of ")
    assert "--password-file" in str(done.error["hint"])


def test_with_a_password_file_no_second_secret_is_asked_for(ana: Person) -> None:
    done = by(ana, "--json", "passwd")
    assert done.code == 3
    assert "--new-password-file" in str(done.error["hint"])


def test_standard_input_gives_one_thing_only(ana: Person) -> None:
    for arguments in (
        ["put", "-", "--name", "x.txt", "--password-file", "-"],
        ["passwd", "--password-file", "-", "--new-password-file", "-"],
    ):
        done = by(ana, "--json", *arguments, stdin=PASSWORD.encode())
        assert done.code == 2, arguments
        assert done.error["code"] == "usage"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (["ls", "--bogus"], 2, "usage"),
        (["ls", "--limit", "none"], 2, "usage"),
        (["bogus"], 2, "usage"),
        (["get"], 2, "usage"),
        (["edit", "0123456789"], 2, "usage"),
        (["ls", "--after", "bogus"], 1, "invalid-input"),
        (["info", "f" * 32], 4, "not-found"),
        (["info", "ffffff"], 4, "not-found"),
        (["info", "fff"], 1, "invalid-input"),
        (["put", "nowhere.pdf"], 4, "not-found"),
        (["put", "."], 2, "usage"),
        (["kit", "test", "nowhere.json"], 2, "usage"),
        (["recover", "nowhere.json", "--out", "x"], 2, "usage"),
        (["whoami", "--profile", "../x"], 2, "usage"),
        (["whoami", "--profile", "nobody"], 3, "not-signed-in"),
        (["ls", "--server", "ftp://example.org"], 2, "usage"),
        (["ls", "--server", "http://127.0.0.1:1"], 2, "usage"),
        (["cat", "f" * 32], 2, "usage"),
    ],
)
def test_every_error_is_one_json_document_with_its_exit_code(
    ana: Person, arguments: list[str], exit_code: int, code: str, tmp_path: Path
) -> None:
    done = run(
        *arguments,
        "--json",
        environ={
            "HYGIEIA_HOME": str(ana.home),
            "HYGIEIA_PASSWORD_FILE": str(ana.password_file),
            "PATH": "/usr/bin:/bin",
        },
        cwd=tmp_path,
    )
    assert done.code == exit_code
    assert done.error["code"] == code
    assert done.error["message"]
    assert done.err == ""


def test_for_people_an_error_is_a_sentence_and_what_to_do(ana: Person) -> None:
    done = by(ana, "whoami", "--profile", "nobody")
    assert done.out == ""
    assert done.err == "hygieia: Nobody is signed in here.\n  Sign in with: hygieia login EMAIL\n"


def test_quiet_leaves_results_and_errors_and_nothing_else(ana: Person) -> None:
    listed = by(ana, "ls", "--quiet")
    assert (listed.out, listed.err) == ("", "")
    assert "Your vault is empty" in by(ana, "ls").err
    assert by(ana, "info", "ffffff", "--quiet").err.startswith("hygieia: ")


def test_a_server_that_is_not_there_is_exit_7(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    person = newcomer(nobody, tmp_path / "ben")
    for arguments in (["login", "ben@example.org"], ["signup", "ben@example.org"], ["doctor"]):
        done = by(person, "--json", *arguments)
        assert done.code == 7
        assert done.json["error"]["code"] == "unreachable"


def test_doctor_says_what_it_looked_at(ana: Person, server: RunningServer) -> None:
    done = by(ana, "doctor", "--json")
    assert done.code == 0
    assert done.json["well"] is True
    looked_at = [check["what"] for check in done.json["checks"]]
    assert looked_at[:4] == ["this device", "server", "versions", "clock"]
    assert f"gateway {server.address}" in looked_at
    for check in done.json["checks"]:
        assert set(check) == {"what", "well", "seen", "advice"}


def test_doctor_without_a_server_gives_its_findings_and_the_error_in_one_document(
    tmp_path: Path,
) -> None:
    person = newcomer(f"http://127.0.0.1:{free_port()}", tmp_path / "ben")
    document = by(person, "doctor", "--json").json
    assert document["well"] is False
    assert document["error"]["code"] == "unreachable"
    said = by(person, "doctor")
    assert "LOOK  server" in said.out
    assert said.code == 7


def test_something_else_at_the_address_is_no_defect_of_ours(tmp_path: Path) -> None:
    """A plain web server: pages where JSON is expected."""
    import http.server
    import threading

    class Page(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>\x1b[2J welcome")

        do_GET = do_POST  # noqa: N815  (the base class's name)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        person = newcomer(f"http://127.0.0.1:{page.server_address[1]}", tmp_path / "ben")
        done = by(person, "login", "ben@example.org")
        page.shutdown()
    assert done.code == 1
    assert "not JSON" in done.err
    assert "\x1b" not in done.err
