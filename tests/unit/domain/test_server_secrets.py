from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hygieia.domain.server_secrets import load_server_secrets
from hygieia.errors import ConfigError


def test_the_secret_is_made_once_and_is_the_servers_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first, second = load_server_secrets(path), load_server_secrets(path)
    assert first == second
    assert len(first.master) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]
    assert first.master.hex() not in repr(first)


def test_many_that_start_at_once_have_the_same_secret(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: load_server_secrets(path).master, range(16)))
    assert len(made) == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"secret": 1}', '{"secret": "00"}', "\0"]
)
def test_a_file_that_holds_something_else_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load_server_secrets(path)
    assert str(tmp_path) not in str(refusal.value)
    assert path.read_text() == text


def test_a_missing_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_server_secrets(tmp_path / "nowhere" / "secrets.json")


def test_digests_of_two_purposes_differ(tmp_path: Path) -> None:
    secrets = load_server_secrets(tmp_path / "secrets.json")
    assert secrets.digest("a", "bc") != secrets.digest("ab", "c")
