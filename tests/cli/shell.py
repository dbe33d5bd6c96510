"""Runs the command as a person's shell would: her environment, her folder, what she typed."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.running import COMMAND, Person, _without_settings

PASSWORD = "seven quiet herons cross the estuary"
OTHER_PASSWORD = "nine loud gulls leave the harbour"
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401  (whatever the command answers)
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error that ``--json`` reports, of exactly the promised fields."""
        document = self.json
        assert set(document["error"]) == {"code", "message", "hint"}
        found: dict[str, Any] = document["error"]
        return found


def environment_of(person: Person) -> dict[str, str]:
    """What every command of hers is started with."""
    return (
        _without_settings()
        | NO_KEYRING
        | {
            "HYGIEIA_HOME": str(person.home),
            "HYGIEIA_SERVER": person.server,
            "HYGIEIA_PASSWORD_FILE": str(person.password_file),
        }
    )


def run(
    *arguments: str,
    environ: dict[str, str] | None = None,
    stdin: bytes = b"",
    cwd: Path | None = None,
) -> Done:
    """Run one command without a terminal, however it ends."""
    done = subprocess.run(
        [COMMAND, *arguments],
        env=_without_settings() | NO_KEYRING if environ is None else environ,
        input=stdin,
        cwd=cwd,
        capture_output=True,
        timeout=300,
        check=False,
    )
    said = done.stderr.decode()
    assert "Traceback" not in said, said
    assert "defect" not in said, said
    return Done(done.returncode, done.stdout.decode(), said)


def by(person: Person, *arguments: str, stdin: bytes = b"", **changes: str | None) -> Done:
    """Run one command of hers; ``changes`` set or (None) remove variables of the environment."""
    environ = environment_of(person)
    for name, value in changes.items():
        environ.pop(name, None)
        if value is not None:
            environ[name] = value
    return run(*arguments, environ=environ, stdin=stdin, cwd=person.home.parent)


def newcomer(server: str, folder: Path, password: str = PASSWORD) -> Person:
    """Somebody with a password in a file and no account yet."""
    folder.mkdir(parents=True, exist_ok=True)
    person = Person(folder / "home", server)
    person.password_file.write_text(f"{password}\n", encoding="utf-8")
    return person


def sign_up(server: str, folder: Path, email: str) -> Person:
    """Somebody with an account; her kit is in ``folder / "kit"``."""
    person = newcomer(server, folder)
    done = by(person, "signup", email, "--name", "Ana Test", "--kit", str(folder / "kit"))
    assert done.code == 0, done.err
    return person


def store(person: Person, **files: bytes) -> dict[str, dict[str, Any]]:
    """Store files by name; what ``put --json`` tells of each."""
    folder = person.home.parent / "stored"
    folder.mkdir(exist_ok=True)
    paths = []
    for name, content in files.items():
        (folder / name).write_bytes(content)
        paths.append(str(folder / name))
    done = by(person, "--json", "put", *paths)
    assert done.code == 0, done.out + done.err
    return {report["file_name"]: report for report in done.json["reports"]}
