"""Passwords too long, with a line break, or typed on machines that compose letters differently."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.running import Person
from tests.security.hostile import HostileProxy
from tests.security.victims import refused, run_here

ACCENTED = "Zwölf Boxkämpfer ﬁnden Škoda \uff12"
LONGEST = "".join(chr(0x61 + n * 7 % 26) for n in range(127))


def _write(person: Person, password: bytes) -> Person:
    person.password_file.parent.mkdir(exist_ok=True)
    person.password_file.write_bytes(password)
    return person


@pytest.mark.parametrize(
    "password",
    [
        b"password1234",
        b"q" * 127,
        LONGEST.encode() + b"x",
        "é".encode() * 64,
        b"seven quiet herons\ncross the estuary\n",
        b"seven quiet herons cross the estuary\n\n",
        b"seven quiet herons\rcross the estuary",
        b"seven quiet herons\0cross the estuary",
        b"seven quiet herons\tcross the estuary",
        b"\x1b[31mseven quiet herons cross",
        "seven quiet herons \u0085 cross".encode(),
        "seven quiet herons \U0001fae9 cross".encode(),
    ],
)
def test_no_account_is_made_with_it(password: bytes, proxy: HostileProxy, tmp_path: Path) -> None:
    person = _write(Person(tmp_path / "home", proxy.address), password)
    kit = tmp_path / "kit"
    arguments = ["signup", "odd@example.org", "--kit", str(kit)]
    refused(person, *arguments, code="invalid-input", exit_code=1)
    assert proxy.asked("POST", ".*") == []
    assert not any(kit.iterdir()) if kit.exists() else True


def test_what_is_no_text_is_no_password(proxy: HostileProxy, tmp_path: Path) -> None:
    for content in (b"", b"\n", b"\xff\xfe herons", b"h" * 5000):
        person = _write(Person(tmp_path / "home", proxy.address), content)
        refused(person, "login", "odd@example.org", code="usage", exit_code=2)
    assert proxy.seen == []


def test_every_normal_form_and_line_ending_is_the_same_password(
    proxy: HostileProxy, tmp_path: Path
) -> None:
    person = _write(Person(tmp_path / "home", proxy.address), ACCENTED.encode())
    person.run("signup", "accents@example.org", "--kit", str(tmp_path / "kit"))
    forms = [unicodedata.normalize(form, ACCENTED) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    assert len(set(forms)) == 4
    for typed in [*forms, f"{ACCENTED}\r\n", f"{ACCENTED}\n"]:
        other = _write(Person(tmp_path / "other", proxy.address), typed.encode())
        done = run_here(other, "login", "accents@example.org")
        assert done.exit_code == 0, (typed, done)


def test_the_longest_password_works(proxy: HostileProxy, tmp_path: Path) -> None:
    person = _write(Person(tmp_path / "home", proxy.address), LONGEST.encode())
    person.run("signup", "longest@example.org", "--kit", str(tmp_path / "kit"))
    assert run_here(person, "login", "longest@example.org").exit_code == 0
