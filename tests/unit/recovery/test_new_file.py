"""A new file appears whole and durable, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hygieia.errors import StorageFull
from hygieia.limits import MAX_FILE_NAME_BYTES
from hygieia.recovery.files import Names, NewFile

PIECE = bytes(8 << 20)


def test_a_long_file_is_synced_as_it_grows_and_appears_when_kept(tmp_path: Path) -> None:
    with NewFile(tmp_path / "scan.pdf") as file:
        for _ in range(10):
            file.write([PIECE])
        assert not (tmp_path / "scan.pdf").exists()
        path = file.keep()
    assert path.stat().st_size == 10 * len(PIECE)
    assert list(tmp_path.iterdir()) == [path]


def test_what_the_disk_refused_meanwhile_is_told_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", refuse)
    with NewFile(tmp_path / "scan.pdf") as file:
        for _ in range(4):
            file.write([PIECE])
        with pytest.raises(StorageFull):
            file.keep()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["x" * 251 + ".pdf", "1. " + "x" * 252, "ä. " + "片" * 83 + "xx", "片" * 83 + "é.pdf"],
    ids=["with an extension", "one dot early on", "a dot and wide letters", "wide letters"],
)
def test_reports_of_one_name_as_long_as_a_disk_takes_all_have_a_file(
    name: str, tmp_path: Path
) -> None:
    assert len(name.encode()) == MAX_FILE_NAME_BYTES
    names = Names(tmp_path)
    kept = []
    # Twelve by one recovery, and one more where it finds the first of them taken.
    for place in [*(names.place(name) for _ in range(12)), tmp_path / name]:
        with NewFile(place) as file:
            kept.append(file.keep())
    assert len(set(kept)) == 13
    assert {path.suffix == ".pdf" for path in kept} == {name.endswith(".pdf")}
