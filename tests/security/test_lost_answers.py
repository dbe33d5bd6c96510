"""What was done and never answered: a password, a recovery code. The person hears where she is."""

from __future__ import annotations

from pathlib import Path

import pytest

from hygieia.client import transport
from tests.running import Person
from tests.security.hostile import Forward, HostileProxy, Reply, Request
from tests.security.victims import PASSWORD, code_on, run_here

NEW_PASSWORD = "nine slow otters cross the delta"


class Lost:
    """Loses the answer to the first such request; whether it then answers what comes later."""

    def __init__(self, *, then_answers: bool) -> None:
        self.is_lost = False
        self.then_answers = then_answers

    async def __call__(self, _: Request, forward: Forward) -> Reply | None:
        if not self.is_lost:
            self.is_lost = True
            await forward()
            return None
        return await forward() if self.then_answers else None


@pytest.fixture(autouse=True)
def _asks_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def passwd(tmp_path: Path) -> tuple[str, str, str]:
    new = tmp_path / "new-password"
    new.write_text(f"{NEW_PASSWORD}\n", encoding="utf-8")
    return "passwd", "--new-password-file", str(new)


def choose(person: Person, password: str) -> None:
    person.password_file.write_text(f"{password}\n", encoding="utf-8")


def test_a_new_password_whose_answer_was_lost_is_changed_at_once(
    proxy: HostileProxy, newcomer: Person, passwd: tuple[str, ...]
) -> None:
    proxy.lie("PUT", "/api/v1/account/seal", Lost(then_answers=True))
    done = run_here(newcomer, *passwd)
    assert done.exit_code == 0, done
    choose(newcomer, NEW_PASSWORD)
    assert run_here(newcomer, "ls").exit_code == 0
    choose(newcomer, PASSWORD)
    assert run_here(newcomer, "ls").exit_code == 3


def test_a_new_password_that_this_device_never_heard_of_is_one_to_sign_in_with(
    proxy: HostileProxy, newcomer: Person, passwd: tuple[str, ...]
) -> None:
    email = run_here(newcomer, "--json", "whoami").document["email"]
    proxy.lie("PUT", "/api/v1/account/seal", Lost(then_answers=False))
    assert run_here(newcomer, *passwd).exit_code == 7
    proxy.behave()
    again = run_here(newcomer, *passwd)
    assert again.exit_code == 3
    assert "just before the connection broke off" in again.stderr
    choose(newcomer, NEW_PASSWORD)
    assert run_here(newcomer, "login", email).exit_code == 0
    assert run_here(newcomer, "ls").exit_code == 0


@pytest.mark.slow
def test_a_new_password_is_told_where_the_index_could_not_follow(
    proxy: HostileProxy, newcomer: Person, passwd: tuple[str, ...]
) -> None:
    proxy.answer("PUT", "/api/v1/index", Reply(502))
    done = run_here(newcomer, *passwd)
    assert done.exit_code == 1, done
    assert "The password is changed all the same" in done.stderr
    proxy.behave()
    choose(newcomer, NEW_PASSWORD)
    assert run_here(newcomer, "ls").exit_code == 0


def test_a_new_code_whose_answer_was_lost_is_on_the_page(
    proxy: HostileProxy, newcomer: Person, tmp_path: Path
) -> None:
    proxy.lie("PUT", "/api/v1/account/recovery", Lost(then_answers=True))
    done = run_here(newcomer, "kit", "--out", str(tmp_path / "kit"))
    assert done.exit_code == 0, done
    assert code_on(tmp_path / "kit" / "hygieia-code.html")
