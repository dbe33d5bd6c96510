"""Files found, named and typed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hygieia.client.sources import (
    Skipped,
    check_unchanged,
    find_file,
    find_files,
    found_now,
    media_type_of,
    reading,
)
from hygieia.errors import ContentChanged, NotFound, UsageError


def test_folders_are_walked_in_order_and_each_file_is_found_once(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = find_files([tmp_path / "b", tmp_path, tmp_path / "a"])
    assert [str(f.path.relative_to(tmp_path)) for f in found] == ["b/1", "b/2", "a"]


def titles_of(*paths: Path) -> list[str]:
    return [found.title for found in find_files(paths)]


def written(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))


def test_a_file_below_a_folder_is_called_by_the_way_to_it(tmp_path: Path) -> None:
    written(tmp_path / "top.pdf", tmp_path / "2024" / "knee" / "scan.pdf")
    assert titles_of(tmp_path) == ["2024/knee/scan", "top"]
    assert titles_of(tmp_path / "2024" / "knee" / "scan.pdf") == ["scan"]


def test_of_several_folders_each_one_is_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "a" / "scan.pdf", tmp_path / "b" / "scan.pdf", tmp_path / "b" / "other.pdf")
    assert titles_of(tmp_path / "a", tmp_path / "b") == ["a/scan", "b/other", "b/scan"]
    monkeypatch.chdir(tmp_path / "a")
    assert titles_of(Path()) == ["scan"]
    assert titles_of(Path(), Path("../b")) == ["a/scan", "b/other", "b/scan"]


def test_files_called_alike_are_told_apart_by_the_folders_in_which_they_differ(
    tmp_path: Path,
) -> None:
    scans = [tmp_path / "x" / "a" / "scan.pdf", tmp_path / "x" / "b" / "scan.pdf"]
    letter = tmp_path / "x" / "letter.pdf"
    written(*scans, letter)
    assert titles_of(*scans, letter) == ["a/scan", "b/scan", "letter"]
    assert titles_of(scans[0], scans[0]) == ["scan"]
    written(tmp_path / "y" / "a" / "scan.pdf")
    assert titles_of(tmp_path / "x" / "a", tmp_path / "y" / "a") == ["x/a/scan", "y/a/scan"]


def test_what_systems_leave_in_folders_links_and_pipes_are_skipped_and_told(
    tmp_path: Path,
) -> None:
    written(*(tmp_path / name for name in (".DS_Store", "thumbs.db", "._scan.pdf", "scan.pdf")))
    (tmp_path / "link").symlink_to(tmp_path / "scan.pdf")
    os.mkfifo(tmp_path / "pipe")
    told: list[Skipped] = []
    assert [f.path.name for f in find_files([tmp_path], told.append)] == ["scan.pdf"]
    assert {(each.path.name, each.why) for each in told} == {
        (".DS_Store", "system-file"),
        ("thumbs.db", "system-file"),
        ("._scan.pdf", "system-file"),
        ("link", "link"),
        ("pipe", "special"),
    }
    # Whoever names such a file herself wants it.
    assert len(find_files([tmp_path / ".DS_Store"])) == 1


def test_links_below_a_folder_are_not_followed_but_one_that_is_named_is(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "file")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    assert find_files([tmp_path / "in"]) == []
    assert len(find_files([tmp_path / "in" / "link"])) == 1


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        find_files([tmp_path / "none"])


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError):
        find_files([tmp_path / "pipe"])
    with pytest.raises(UsageError, match="folder"):
        find_file(tmp_path)


def test_a_name_that_moves_the_cursor_is_told_harmlessly(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        find_files([tmp_path / "\x1b[2J\u202e"])
    assert str(caught.value).isprintable()


def test_a_file_that_is_written_to_is_no_longer_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    found = find_file(path)
    check_unchanged(found.source)
    path.write_text("another")
    with pytest.raises(ContentChanged, match="'file'"):
        check_unchanged(found.source)
    check_unchanged(found_now(found).source)


def test_a_file_that_went_away_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    found = find_file(path)
    path.unlink()
    with pytest.raises(UsageError, match="cannot be read"), reading(path):
        pass
    with pytest.raises(UsageError, match="cannot be read"):
        check_unchanged(found.source)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.pdf", "application/pdf"),
        ("A.PDF", "application/pdf"),
        ("a.dcm", "application/dicom"),
        ("a.jpg", "image/jpeg"),
        ("a.txt", "text/plain"),
        ("a.tar.gz", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_the_type_follows_from_the_name_alone(name: str, media_type: str) -> None:
    assert media_type_of(name) == media_type
