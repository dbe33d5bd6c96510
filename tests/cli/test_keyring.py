"""A person at a terminal with a keyring is asked for her password once: at login."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.shell import PASSWORD, environment_of, newcomer, run, sign_up
from tests.cli.terminal import at_terminal
from tests.running import RunningServer


def kept_at_login(server: RunningServer, tmp_path: Path, email: str) -> tuple[dict[str, str], Path]:
    """The surroundings of a device after a login at a terminal, and its keyring's file."""
    sign_up(server.address, tmp_path / "kim", email)
    device = newcomer(server.address, tmp_path / "device")
    file = tmp_path / "keyring.json"
    file.write_text("{}")
    environ = environment_of(device) | {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHON_KEYRING_BACKEND": "tests.cli.keyring_in_a_file.KeyringInAFile",
        "TEST_KEYRING_FILE": str(file),
    }
    del environ["HYGIEIA_PASSWORD_FILE"]
    with at_terminal("login", email, environ=environ) as terminal:
        terminal.answer("Password of", PASSWORD)
        assert terminal.end() == 0, terminal.shown
    assert len(json.loads(file.read_text("utf-8"))) == 1
    return environ, file


def test_login_keeps_the_key_open_and_logout_forgets_it(
    server: RunningServer, tmp_path: Path
) -> None:
    environ, file = kept_at_login(server, tmp_path, "kim@example.org")
    assert PASSWORD not in file.read_text("utf-8")
    assert run("whoami", environ=environ).code == 0, "there is nobody to ask"
    assert run("logout", environ=environ).code == 0
    assert json.loads(file.read_text("utf-8")) == {}


def test_what_no_longer_opens_the_vault_is_forgotten_all_the_same(
    server: RunningServer, tmp_path: Path
) -> None:
    environ, file = kept_at_login(server, tmp_path, "lena@example.org")
    kept = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(dict.fromkeys(kept, "of another password")))
    assert run("logout", environ=environ).code == 3, "there is nobody to ask"
    assert run("logout", "--forget", environ=environ).code == 0
    assert json.loads(file.read_text("utf-8")) == {}


def test_a_keyring_that_lets_nothing_go_is_told(server: RunningServer, tmp_path: Path) -> None:
    environ, file = kept_at_login(server, tmp_path, "mona@example.org")
    done = run("logout", "--forget", environ=environ | {"TEST_KEYRING_LOCKED": "1"})
    assert done.code == 0
    assert "keyring is locked" in done.err
    assert len(json.loads(file.read_text("utf-8"))) == 1
