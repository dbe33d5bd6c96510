"""Folders are made durable where the system can do that, and used where it cannot."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Protocol

import pytest

from hygieia.blocks.embedded.opening import make_folders
from hygieia.cli.kits import check_kit_folder, write_kit
from hygieia.client.journal import Journal
from hygieia.client.state import ProfileStore, StateKey
from hygieia.config import Settings
from hygieia.errors import Failed, UsageError
from hygieia.folders import make_folder
from hygieia.recovery.files import NewFile, sync_names
from hygieia.server.storage import make_data_folder
from tests.power_cut import PowerCut
from tests.unit.client.test_state import profile
from tests.unit.recovery.factories import sealed

KEY = StateKey("a" * 64)


class Refusing(Protocol):
    """Has syncs of folders, or of that one, end with such an error."""

    def __call__(self, number: int, *, of: Path | None = None) -> None: ...


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Refusing:
    def refuse(number: int, *, of: Path | None = None) -> None:
        real = os.fsync

        def sync(descriptor: int) -> None:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode) and (of is None or of.stat().st_ino == status.st_ino):
                raise OSError(number, os.strerror(number))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", sync)

    return refuse


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EBADF])
def test_what_a_client_writes_is_kept_where_folders_cannot_be_synced(
    tmp_path: Path, refusing: Refusing, number: int
) -> None:
    refusing(number)
    with NewFile(tmp_path / "out" / "scan.pdf") as file:
        file.write([b"content"])
        path = file.keep()
    sync_names(path.parent)
    assert path.read_bytes() == b"content"
    store = ProfileStore(tmp_path / "home", "ana")
    store.save(profile())
    assert store.load() == profile()
    with Journal(store.uploads_folder, "job", KEY) as journal:
        journal.use_upload("u1")
    check_kit_folder(tmp_path / "kit")
    page = write_kit(tmp_path / "kit", sealed().kit, sealed().code).page
    assert page is not None
    assert page.exists()


def test_a_vault_is_made_below_a_folder_that_cannot_be_synced(
    tmp_path: Path, refusing: Refusing
) -> None:
    (tmp_path / "data").mkdir()
    refusing(errno.EINVAL, of=tmp_path)
    make_data_folder(Settings(data_dir=tmp_path / "new"))
    make_folders(tmp_path / "data")
    assert (tmp_path / "data" / "packs").is_dir()


def test_a_disk_that_fails_is_told_and_no_kit_is_begun(tmp_path: Path, refusing: Refusing) -> None:
    refusing(errno.EIO)
    with pytest.raises(Failed, match="Input/output error"):
        sync_names(tmp_path)
    with pytest.raises(UsageError, match="Input/output error"):
        check_kit_folder(tmp_path / "kit")


def test_a_job_whose_journal_could_not_be_begun_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: Refusing
) -> None:
    refusing(errno.EIO)
    with pytest.raises(Failed, match="Input/output error"):
        Journal(tmp_path, "job", KEY).__enter__()
    monkeypatch.undo()
    with Journal(tmp_path, "job", KEY) as journal:
        assert journal.upload is None


def test_all_the_folders_that_were_missing_are_there_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = PowerCut(tmp_path, monkeypatch)
    make_folder(tmp_path / "one" / "two" / "three")
    assert cut.takes(tmp_path / "one" / "two" / "three") == []
    assert stat.S_IMODE((tmp_path / "one" / "two" / "three").stat().st_mode) == 0o700
