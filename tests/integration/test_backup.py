"""The lines of hosting.md for one folder: a vault in use is saved, lost and served from the copy."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from pathlib import Path

from tests.guide import marked
from tests.running import COMMAND, Person, free_port, running_server

HOSTING = Path(__file__).parents[2] / "docs" / "guide" / "hosting.md"
PASSWORD = "violet harbour quartz 52 lantern"


def shell(lines: str, folder: Path) -> str:
    """Run lines in a folder, where `hygieia` is the command of this environment."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HYGIEIA_")}
    done = subprocess.run(
        ["sh", "-euc", lines],
        env=environment | {"PATH": f"{COMMAND.parent}:{environment['PATH']}"},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def put(person: Person, folder: Path, number: int) -> tuple[str, str]:
    """Put a file; the report's id and the file's SHA-256."""
    file = folder / f"{number}.bin"
    content = os.urandom(200_000 if number % 3 else 3_000)
    file.write_bytes(content)
    report = person.run_json("put", str(file))["reports"][0]["id"]
    return report, hashlib.sha256(content).hexdigest()


def comes_back(person: Person, folder: Path, report: str) -> str:
    """The SHA-256 of a report's file."""
    file = folder / "back"
    file.unlink(missing_ok=True)
    person.run("get", report, "-o", str(file))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_vault_in_use_is_saved_lost_and_served_from_the_copy(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    later: dict[str, str] = {}
    with running_server(tmp_path / "data") as server:
        ana = server.person(tmp_path / "ana", PASSWORD)
        ana.run("signup", "ana@example.org", "--kit", str(tmp_path / "kit"))
        before = dict(put(ana, files, number) for number in range(4))
        gone = put(ana, files, 4)[0]
        ana.run("rm", gone)
        ended = threading.Event()

        def go_on() -> None:
            number = 5
            while not ended.is_set():
                later.update([put(ana, files, number)])
                number += 1

        beside = threading.Thread(target=go_on)
        beside.start()
        try:
            said = shell(marked(HOSTING, "savehome"), tmp_path)
        finally:
            ended.set()
            beside.join()
    assert "reports and 1 indexes" in said
    (tmp_path / "data").rename(tmp_path / "lost")
    restore = marked(HOSTING, "restorehome")
    assert restore.endswith("hygieia serve\n")
    shell(restore.removesuffix("hygieia serve\n"), tmp_path)
    port = free_port()
    with running_server(tmp_path / "data", port) as server:
        again = server.person(tmp_path / "new", PASSWORD)
        again.run("login", "ana@example.org")
        listed = {report["id"] for report in again.run_json("ls")["reports"]}
        assert set(before) <= listed <= set(before) | set(later)
        for report in listed:
            assert comes_back(again, files, report) == (before | later)[report]
        again.run("restore", gone)


def test_the_settings_of_a_practice_are_told_where_to_look(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "admin", "backup", str(tmp_path / "backup")],
        env={"PATH": os.environ["PATH"], "HYGIEIA_DOCUMENTS": "mongodb://db/vault"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "docs/guide/hosting.md" in done.stderr
    assert not (tmp_path / "backup").exists()


def test_a_damaged_vault_is_saved_as_far_as_it_is_there(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        ana = server.person(tmp_path / "ana", PASSWORD)
        ana.run("signup", "ana@example.org", "--kit", str(tmp_path / "kit"))
        put(ana, tmp_path, 1)
        for pack in (server.data / "blocks" / "packs").rglob("*"):
            if pack.is_file():
                pack.unlink()
        done = subprocess.run(
            [COMMAND, "admin", "backup", tmp_path / "copy", "--data", server.data, "--json"],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 6
    assert json.loads(done.stdout)["lost_packs"] > 0
    assert (tmp_path / "copy" / "documents.sqlite").exists()
