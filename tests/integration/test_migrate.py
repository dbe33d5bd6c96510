"""A vault moved from SQLite to MongoDB and back beneath its server, with its people looking on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Done, by, newcomer, run, sign_up, store
from tests.mongodb import MongoDb
from tests.running import RunningServer, _without_settings, running_server


@pytest.fixture
def database(mongodb: MongoDb) -> Iterator[str]:
    with mongodb.databases() as address:
        yield address("vault")


def migrate(data: Path, *arguments: str) -> Done:
    environ = _without_settings() | {"HYGIEIA_DATA_DIR": str(data)}
    return run("admin", "migrate", *arguments, environ=environ)


def vault_of(server: RunningServer, folder: Path) -> dict[str, str]:
    """What ana, on a machine of hers, finds in her vault."""
    ana = newcomer(server.address, folder)
    assert by(ana, "login", "ana@example.org").code == 0
    reports = by(ana, "--json", "ls").json["reports"]
    return {report["file_name"]: by(ana, "cat", report["id"]).out for report in reports}


@pytest.mark.slow
@pytest.mark.servers
def test_a_vault_moves_to_mongodb_and_back_while_its_server_runs(
    database: str, tmp_path: Path
) -> None:
    data, files = tmp_path / "data", {"a.txt": b"first", "b.txt": b"second"}
    address = tmp_path / "address"
    address.write_text(database)
    with running_server(data) as server:
        ana = sign_up(server.address, tmp_path / "ana", "ana@example.org")
        stored = store(ana, **files)
        moved = migrate(data, "--from", "sqlite:", "--to", f"@{address}")
        assert moved.code == 0, moved.err
        refused = by(ana, "--json", "edit", stored["a.txt"]["id"], "--title", "New")
        assert (refused.code, refused.error["code"]) == (1, "read-only")
        assert by(ana, "cat", stored["a.txt"]["id"]).out == "first"

    expected = {name: content.decode() for name, content in files.items()}
    with running_server(data, documents=database) as server:
        assert vault_of(server, tmp_path / "second") == expected
    new = f"sqlite:{tmp_path / 'new.sqlite'}"
    back = migrate(data, "--json", "--from", f"@{address}", "--to", new)
    assert back.code == 0, back.err
    assert back.json["documents"] > 0
    with running_server(data, documents=new) as server:
        assert vault_of(server, tmp_path / "third") == expected
        ana = newcomer(server.address, tmp_path / "fourth")
        assert by(ana, "login", "ana@example.org").code == 0
        store(ana, **{"c.txt": b"third"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "sqlite:"],
        ["--to", "sqlite:"],
        ["--from", "sqlite:", "--to", "postgres://x"],
        ["--from", "sqlite:", "--to", "mongodb://user:hunter2@host"],
        ["--from", "sqlite:", "--to", "@nowhere"],
        ["--from", "sqlite:", "--to", "sqlite:", "--unlock", "sqlite:"],
        [],
    ],
)
def test_what_cannot_be_moved_is_said_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    done = migrate(tmp_path, *arguments)
    assert done.code == 2
    assert "hunter2" not in done.err


@pytest.mark.slow
def test_a_source_is_unlocked_by_its_operator(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        sign_up(server.address, tmp_path / "ana", "ana@example.org")
    elsewhere = f"sqlite:{tmp_path / 'elsewhere'}"
    moved = migrate(tmp_path / "data", "--from", "sqlite:", "--to", elsewhere)
    assert moved.code == 0, moved.err
    again = migrate(tmp_path / "data", "--from", "sqlite:", "--to", elsewhere)
    assert again.code == 2
    assert "holds a vault" in again.err
    unlocked = migrate(tmp_path / "data", "--json", "--unlock", "sqlite:")
    assert unlocked.json == {"was_read_only": True}
    with running_server(tmp_path / "data") as server:
        sign_up(server.address, tmp_path / "bob", "bob@example.org")
