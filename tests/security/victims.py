"""The person under attack: a vault with reports, a kit, and devices that know it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import argon2.low_level
import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.cli.invocation import Invocation
from hygieia.cli.main import run
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session, saved_session, signed_in_profile, unlock
from hygieia.client.state import ProfileStore
from hygieia.client.transport import Transport
from hygieia.client.vault import open_vault
from tests.factories.stretching import stretch_once
from tests.running import Person, RunningServer

T = TypeVar("T")

PASSWORD = "seven quiet herons cross the estuary"
CONTENTS = {
    "blood-test.txt": b"Haemoglobin 13.9 g/dl\n" * 40,
    "letter.txt": b"Dear colleague, thank you for seeing Ada.\n" * 30,
    # Several leaves and many chunks.
    "scan.bin": hashlib.shake_256(b"scan").digest(2_500_000),
}
BLOOD_TEST, LETTER, SCAN = CONTENTS


@dataclass(frozen=True)
class Victim:
    """An account as it was left after some use; `home` is never run on, only copied."""

    home: Path
    kit: Path
    code: str
    email: str
    password: str
    server: str
    reports: dict[str, dict[str, Any]]
    first_root: str
    """The root of the blood test's revision 1; the current one is revision 2."""

    def device(self, home: Path) -> Person:
        """A device of hers that has been used before, in a folder of its own."""
        shutil.copytree(self.home, home)
        return self._at(home)

    def new_device(self, home: Path) -> Person:
        """A device that has never seen this account."""
        return self._at(home)

    def _at(self, home: Path) -> Person:
        person = Person(home, self.server)
        person.password_file.write_text(f"{self.password}\n", encoding="utf-8")
        return person

    def id(self, name: str) -> str:
        found: str = self.reports[name]["id"]
        return found

    def cid(self, name: str) -> str:
        found: str = self.reports[name]["cid"]
        return found


def make_victim(server: RunningServer, address: str, folder: Path, email: str) -> Victim:
    """Sign up at `address`, store three reports, change the title of one."""
    person = Person(folder / "home", address)
    folder.mkdir(parents=True)
    person.password_file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    person.run("signup", email, "--name", "Ada", "--kit", str(folder / "kit"))
    files = folder / "files"
    files.mkdir()
    for name, content in CONTENTS.items():
        (files / name).write_bytes(content)
    stored = person.run_json("put", str(files))["reports"]
    reports = {report["file_name"]: report for report in stored}
    first = reports[BLOOD_TEST]
    [reports[BLOOD_TEST]] = person.run_json("edit", first["id"], "--title", "Blood")["reports"]
    return Victim(
        home=person.home,
        kit=folder / "kit" / "hygieia-kit.json",
        code=code_on(folder / "kit" / "hygieia-code.html"),
        email=email,
        password=PASSWORD,
        server=address,
        reports=reports,
        first_root=first["cid"],
    )


def sign_up(person: Person, email: str) -> Person:
    """An account with an empty vault."""
    person.password_file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    person.run("signup", email, "--kit", str(person.home.parent / f"{person.home.name}-kit"))
    return person


def code_on(page: Path) -> str:
    """The recovery code as the printed page shows it."""
    found = re.search(r"\b([0-9A-Z]{4}-){7}[0-9A-Z]{4}\b", page.read_text("utf-8"))
    assert found is not None, "the page shows no code"
    return found[0]


# -- what an attack must not do ------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    exit_code: int
    stdout: bytes
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout)
        return found


def run_here(person: Person, *arguments: str) -> Done:
    """Run a whole command within this process: half a second less than starting another one."""
    options = ["--server", person.server, "--password-file", str(person.password_file)]
    output, errors = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HYGIEIA_HOME", str(person.home))
            patch.setattr("sys.stdin", io.StringIO())
            patch.setattr(argon2.low_level, "hash_secret_raw", stretch_once)
            exit_code = run([*options, *arguments], Invocation())
        output.flush()
        written = output.buffer
        assert isinstance(written, io.BytesIO)
        return Done(exit_code, written.getvalue(), errors.getvalue())


def refused(person: Person, *arguments: str, code: str, exit_code: int = 6) -> dict[str, Any]:
    """Run a command that must be refused with this code; the error it printed."""
    done = run_here(person, "--json", *arguments)
    assert done.exit_code == exit_code, done
    error: dict[str, Any] = done.document["error"]
    assert error["code"] == code, done
    return error


def snapshot(folder: Path) -> dict[str, str]:
    """Every file below, with the digest of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        # A lock, or the count of refused seals, is no change that an attacker wants.
        if path.is_file() and path.name not in {"lock", "refused-seals.json"}
    }


@contextlib.contextmanager
def unchanged(*folders: Path) -> Iterator[None]:
    """Whatever happens inside, no file of these folders appears, goes, or changes."""
    before = [snapshot(folder) for folder in folders]
    yield
    assert [snapshot(folder) for folder in folders] == before


# -- looking through her own eyes -----------------------------------------------------------------


@contextlib.asynccontextmanager
async def session_of(person: Person) -> AsyncIterator[Session]:
    """Her session as the SDK opens it."""
    store = ProfileStore(person.home, "default")
    profile = signed_in_profile(store)
    password = person.password_file.read_text("utf-8").removesuffix("\n")
    unlocked = await unlock(profile, lambda: password)
    token = saved_session(profile, unlocked.state_key)["token"]
    async with Transport(profile.server, token=token) as transport:
        yield Session(store, profile, transport, unlocked)


def in_vault(
    person: Person, work: Callable[[Session, IndexSync, GatewayReader], Awaitable[T]]
) -> T:
    """Do something with her open vault."""

    async def run() -> T:
        async with session_of(person) as session, open_vault(session) as (index, reader):
            return await work(session, index, reader)

    return asyncio.run(run())
