"""The lines of hosting.md for one folder: a vault in use is saved, lost and served from the copy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.guide import marked, shell
from tests.ports import free_port
from tests.running import COMMAND, Person, running_server
from tests.storing import comes_back, put

HOSTING = Path(__file__).parents[2] / "docs" / "guide" / "hosting.md"
PASSWORD = "violet harbour quartz 52 lantern"


@pytest.mark.slow
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
    assert "reports and 1 index," in said
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


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Person, dict[str, str]]:
    """A folder with a vault in ``data`` that was in use and is stopped, and an older ``backup``.

    With it somebody, her reports and their digests.
    """
    folder = tmp_path_factory.mktemp("template")
    with running_server(folder / "data") as server:
        ana = server.person(folder / "ana", PASSWORD)
        ana.run("signup", "ana@example.org", "--kit", str(folder / "kit"))
        stored = dict(put(ana, folder, number) for number in range(2))
        shell(marked(HOSTING, "savehome"), folder)
        stored |= [put(ana, folder, 3)]
    return folder, ana, stored


@pytest.fixture
def used(
    template: tuple[Path, Person, dict[str, str]], tmp_path: Path
) -> tuple[Person, dict[str, str]]:
    """The same in a folder of the test's own."""
    folder, ana, stored = template
    for name in ("data", "backup"):
        shutil.copytree(folder / name, tmp_path / name)
    return ana, stored


def everything_is_there(data: Path, ana: Person, stored: dict[str, str]) -> bool:
    """Whether a server on the folder gives back what was put."""
    with running_server(data, port_of(ana)):
        return all(comes_back(ana, data, report) == digest for report, digest in stored.items())


def port_of(person: Person) -> int:
    return urlsplit(person.server).port or 0


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["missing", "empty", "damaged"])
def test_a_vault_without_its_catalogue_is_mended_from_the_files(
    tmp_path: Path, used: tuple[Person, dict[str, str]], harm: str
) -> None:
    catalogue = tmp_path / "data" / "blocks" / "catalogue.sqlite"
    for beside in catalogue.parent.glob("catalogue.sqlite-*"):
        beside.unlink()
    if harm == "missing":
        catalogue.unlink()
    else:
        catalogue.write_bytes(b"" if harm == "empty" else b"noise" * 10_000)
    shell(marked(HOSTING, "mendhome"), tmp_path)
    assert everything_is_there(tmp_path / "data", *used)


def test_files_that_are_gone_are_brought_back_from_the_backup(
    tmp_path: Path, used: tuple[Person, dict[str, str]]
) -> None:
    blocks = tmp_path / "data" / "blocks"
    saved = {
        path.relative_to(tmp_path / "backup" / "blocks")
        for folder in ("packs", "copies")
        for path in (tmp_path / "backup" / "blocks" / folder).rglob("*")
        if path.is_file()
    }
    for path in saved:
        (blocks / path).unlink(missing_ok=True)
    (blocks / "catalogue.sqlite").write_bytes(b"")
    with pytest.raises(AssertionError):  # exit code 6: blocks are missing
        shell(marked(HOSTING, "mendhome"), tmp_path)
    shell(marked(HOSTING, "mendfrom"), tmp_path)
    assert everything_is_there(tmp_path / "data", *used)


def test_a_folder_moves_to_another_place(
    tmp_path: Path, used: tuple[Person, dict[str, str]]
) -> None:
    (tmp_path / "moved").mkdir()  # as a disk's mount point is there
    moved = marked(HOSTING, "movehome").replace("/srv/vault", str(tmp_path / "moved"))
    *lines, last = moved.splitlines(keepends=True)
    assert last.startswith("hygieia serve --data")
    assert shell("".join(lines), tmp_path).startswith("3 reports")
    (tmp_path / "data").rename(tmp_path / "old")
    assert everything_is_there(tmp_path / "moved", *used)
