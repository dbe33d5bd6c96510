"""A wrong password: what a device that knows the account tells the server, and what it does not."""

from __future__ import annotations

from pathlib import Path

from tests.running import Person
from tests.security.hostile import HostileProxy, Reply
from tests.security.victims import CONTENTS, LETTER, Victim, refused, unchanged

WRONG = "seven loud herons cross the estuary"


def _mistype(person: Person) -> None:
    person.password_file.write_text(f"{WRONG}\n")


def test_a_device_that_is_signed_in_asks_nobody(
    proxy: HostileProxy, victim: Victim, device: Person, tmp_path: Path
) -> None:
    _mistype(device)
    letter = tmp_path / "letter.txt"
    letter.write_bytes(CONTENTS[LETTER])
    with unchanged(tmp_path):
        for command in (["whoami"], ["ls"], ["put", str(letter)], ["rm", victim.id(LETTER)]):
            refused(device, *command, code="credentials-refused", exit_code=3)
        email = ["--confirm", victim.email]
        refused(device, "delete-account", *email, code="credentials-refused", exit_code=3)
    assert proxy.seen == []


def test_a_sign_in_tells_the_server_neither_password_nor_device(
    proxy: HostileProxy, victim: Victim, device: Person
) -> None:
    _mistype(device)
    with unchanged(device.home):
        refused(device, "login", victim.email, code="credentials-refused", exit_code=3)
    [sent] = proxy.asked("POST", "/api/v1/sessions")
    assert "device" not in sent.document, "only the right password brings the device's token out"
    assert all(WRONG.encode() not in request.body for request in proxy.seen)


def test_a_server_that_lets_anybody_in_is_not_believed(
    proxy: HostileProxy, victim: Victim, device: Person, new_device: Person
) -> None:
    """It answers a wrong password with a true account: the seal does not open, nothing starts."""
    device.run("login", victim.email)
    [(_, honest)] = [r for r in proxy.replies if r[0].path == "/api/v1/sessions"]
    proxy.behave()
    proxy.answer("POST", "/api/v1/sessions", Reply(201, honest.body))
    _mistype(new_device)
    refused(new_device, "login", victim.email, code="sealed-key-refused")
    assert proxy.after_the_lie() == []


def test_a_kit_is_opened_before_anyone_is_asked(
    proxy: HostileProxy, victim: Victim, device: Person, tmp_path: Path
) -> None:
    _mistype(device)
    code = tmp_path / "code"
    code.write_text("0000-0000-0000-0000-0000-0000-0000-0000")
    gateway = ["--gateway", proxy.address, "--out", str(tmp_path / "out")]
    with unchanged(tmp_path):
        refused(device, "recover", str(victim.kit), *gateway, code="sealed-key-refused")
        with_code = [str(victim.kit), "--code-file", str(code)]
        refused(device, "recover", *with_code, *gateway, code="invalid-input", exit_code=1)
    assert proxy.seen == []
    assert not (tmp_path / "out").exists()
