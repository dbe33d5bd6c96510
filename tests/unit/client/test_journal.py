"""The memory of an upload under way (docs/spec/10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hygieia.client.journal import Journal, Pending, Source, job_name
from hygieia.client.state import StateKey
from hygieia.errors import Conflict

KEY = StateKey("a" * 64)
SECRET = bytes(range(32))


def pending(path: str = "/home/ana/scan.pdf") -> Pending:
    return Pending(Source(path, 3, 5), "0" * 32, SECRET, bytes(32), "2026-11-21T10:00:00Z")


def leaf(n: int) -> bytes:
    return bytes([n]) * 36


def test_what_was_recorded_is_there_when_the_job_runs_again(tmp_path: Path) -> None:
    with Journal(tmp_path, "job", KEY) as journal:
        journal.use_upload("u1")
        report = pending()
        journal.begin(report)
        journal.record_leaves(report, [leaf(1), leaf(2)])
        journal.record_leaves(report, [leaf(3)])
    with Journal(tmp_path, "job", KEY) as again:
        assert again.upload == "u1"
        assert again.pending["/home/ana/scan.pdf"].leaves == [leaf(1), leaf(2), leaf(3)]
        assert again.pending["/home/ana/scan.pdf"].session_key == SECRET


def test_beginning_again_forgets_the_leaves_of_the_earlier_attempt(tmp_path: Path) -> None:
    with Journal(tmp_path, "job", KEY) as journal:
        first = pending()
        journal.begin(first)
        journal.record_leaves(first, [leaf(1)])
        journal.begin(pending())
    with Journal(tmp_path, "job", KEY) as again:
        assert again.pending["/home/ana/scan.pdf"].leaves == []


def test_a_committed_file_is_known_only_while_it_is_unchanged(tmp_path: Path) -> None:
    with Journal(tmp_path, "job", KEY) as journal:
        journal.record_committed([(Source("/a", 3, 5), {"id": "x"})])
    with Journal(tmp_path, "job", KEY) as again:
        assert again.committed_report(Source("/a", 3, 5)) == {"id": "x"}
        assert again.committed_report(Source("/a", 3, 6)) is None
        assert again.committed_report(Source("/b", 3, 5)) is None


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_torn_last_line_is_as_if_never_written(tmp_path: Path, cut: int) -> None:
    with Journal(tmp_path, "job", KEY) as journal:
        report = pending()
        journal.begin(report)
        journal.record_leaves(report, [leaf(1)])
    file = tmp_path / "job.journal"
    file.write_bytes(file.read_bytes()[:-cut])
    with Journal(tmp_path, "job", KEY) as again:
        assert again.pending["/home/ana/scan.pdf"].leaves == []
        again.record_leaves(again.pending["/home/ana/scan.pdf"], [leaf(9)])
    with Journal(tmp_path, "job", KEY) as third:
        assert third.pending["/home/ana/scan.pdf"].leaves == [leaf(9)]


def test_a_journal_sealed_under_another_password_starts_afresh(tmp_path: Path) -> None:
    with Journal(tmp_path, "job", KEY) as journal:
        journal.begin(pending())
    with Journal(tmp_path, "job", StateKey("b" * 64)) as other:
        assert not other.pending
    with Journal(tmp_path, "job", KEY) as again:
        assert not again.pending


def test_a_flipped_byte_makes_nothing_of_it_count(tmp_path: Path) -> None:
    with Journal(tmp_path, "job", KEY) as journal:
        journal.begin(pending())
        journal.use_upload("u1")
    file = tmp_path / "job.journal"
    raw = bytearray(file.read_bytes())
    raw[30] ^= 1
    file.write_bytes(bytes(raw))
    with Journal(tmp_path, "job", KEY) as again:
        assert not again.pending
        assert again.upload is None


def test_the_file_holds_neither_key_nor_name(tmp_path: Path) -> None:
    with Journal(tmp_path, "job", KEY) as journal:
        journal.begin(pending())
    raw = (tmp_path / "job.journal").read_bytes()
    assert b"scan" not in raw
    assert SECRET.hex().encode() not in raw
    assert (tmp_path / "job.journal").stat().st_mode & 0o077 == 0


def test_two_runs_of_one_job_do_not_meet(tmp_path: Path) -> None:
    with Journal(tmp_path, "job", KEY), pytest.raises(Conflict), Journal(tmp_path, "job", KEY):
        pass


def test_a_finished_job_is_forgotten(tmp_path: Path) -> None:
    with Journal(tmp_path, "job", KEY) as journal:
        journal.begin(pending())
        journal.finish()
    with Journal(tmp_path, "job", KEY) as again:
        assert not again.pending


def test_a_job_is_named_by_its_files_and_options_in_any_order() -> None:
    a, b = Path("/a"), Path("/b")
    assert job_name([a, b], ["x"]) == job_name([b, a], ["x"])
    assert job_name([a, b], ["x"]) != job_name([a, b], ["y"])
    assert job_name([a], []) != job_name([b], [])
