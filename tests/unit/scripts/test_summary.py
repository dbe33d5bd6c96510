from __future__ import annotations

from pathlib import Path

import pytest

from scripts.summary import main


def results(folder: Path, *cases: str) -> str:
    path = folder / "results.xml"
    body = "".join(f"<testcase name='t'>{case}</testcase>" for case in cases)
    path.write_text(f"<testsuites><testsuite>{body}</testsuite></testsuites>", encoding="utf-8")
    return str(path)


def test_several_runs_are_added_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = results(tmp_path, "", "", "<properties/>")
    assert main([run, run]) == 0
    assert capsys.readouterr().out == "6 passed, 0 failed\n"


def test_errors_and_failures_count_once_a_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([results(tmp_path, "", "<failure/><error/>", "<error/>", "<skipped/>")]) == 1
    assert capsys.readouterr().out == "1 passed, 2 failed, 1 skipped\n"


@pytest.mark.parametrize("content", [None, "", "<testsuites>"])
def test_a_run_that_left_no_result_has_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    path = tmp_path / "cut.xml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert main([results(tmp_path, ""), str(path)]) == 1
    assert capsys.readouterr().out == "1 passed, 1 failed\n"


def test_nothing_run_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert capsys.readouterr().out == "0 passed, 0 failed\n"


def test_a_failed_part_without_tests_counts_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--also-failed", "1", results(tmp_path, "")]) == 1
    assert capsys.readouterr().out == "1 passed, 1 failed\n"
