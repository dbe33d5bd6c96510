"""``put``, ``ls``, ``info``, ``get``, ``cat``, ``update``, ``edit``, ``versions``, ``rm``, ``restore``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import by, store
from tests.ports import free_port
from tests.running import Person, RunningServer

REPORT_FIELDS = {
    "id",
    "cid",
    "title",
    "file_name",
    "media_type",
    "size_bytes",
    "category",
    "revision",
    "created",
    "owner",
}
TEXT = b"Haemoglobin 13.9 g/dl\n"
LONG = hashlib.shake_256(b"scan").digest(2_500_000)


@pytest.fixture(scope="module")
def stored(ana: Person) -> dict[str, dict[str, Any]]:
    """Three reports; no test changes them but by putting them back."""
    return store(ana, **{"blood.txt": TEXT, "scan.dcm": LONG, "empty.bin": b""})


def listed(person: Person, *arguments: str) -> list[str]:
    return [
        report["file_name"] for report in by(person, "ls", "--json", *arguments).json["reports"]
    ]


def test_put_tells_of_each_report_in_the_order_asked_for(
    stored: dict[str, dict[str, Any]],
) -> None:
    assert list(stored) == ["blood.txt", "scan.dcm", "empty.bin"]
    for report in stored.values():
        assert set(report) == REPORT_FIELDS
        assert report["revision"] == 1
        assert report["category"] == "other"
        assert report["created"].endswith("Z")
        assert len(report["id"]) == 32
    assert stored["scan.dcm"]["media_type"] == "application/dicom"
    assert stored["scan.dcm"]["size_bytes"] == len(LONG)
    assert stored["blood.txt"]["title"] == "blood"


def test_ls_lists_the_same_newest_first_and_page_by_page(
    ana: Person, stored: dict[str, dict[str, Any]]
) -> None:
    document = by(ana, "ls", "--json").json
    assert document["next"] is None
    assert {r.pop("state") for r in document["reports"]} == {"stored"}
    assert {r["id"]: r for r in document["reports"]} == {r["id"]: r for r in stored.values()}
    keys = [(r["created"], r["id"]) for r in document["reports"]]
    assert keys == sorted(keys, reverse=True)
    first = by(ana, "ls", "--json", "--limit", "2").json
    rest = by(ana, "ls", "--json", "--limit", "2", "--after", first["next"]).json
    pages = [r for page in (first, rest) for r in page["reports"]]
    assert [r.pop("state") for r in pages] == ["stored"] * 3
    assert pages == document["reports"]
    assert rest["next"] is None


def test_ls_finds_by_words_and_category(ana: Person, stored: dict[str, dict[str, Any]]) -> None:
    assert listed(ana, "--search", "BLÓOD txt") == ["blood.txt"]
    assert listed(ana, "--search", "blood scan") == []
    assert listed(ana, "--category", "lab") == []
    assert set(listed(ana, "--category", "other")) == set(stored)


def test_ls_for_people_is_a_table_and_says_where_more_is(
    ana: Person, stored: dict[str, dict[str, Any]]
) -> None:
    done = by(ana, "ls", "--limit", "1")
    assert done.out.splitlines()[0].split() == ["ID", "DATE", "CATEGORY", "SIZE", "TITLE"]
    assert len(done.out.splitlines()) == 2
    assert "--after" in done.err


def test_info_tells_everything_that_was_signed(
    ana: Person, stored: dict[str, dict[str, Any]]
) -> None:
    document = by(ana, "info", stored["blood.txt"]["id"], "--json").json
    assert document.items() >= stored["blood.txt"].items()
    assert {"rev", "data_payload_cid", "readers", "signature", "state"} <= set(document)
    assert document["sha256"] == hashlib.sha256(TEXT).hexdigest()
    assert document["signature"] == "valid"
    assert document["signed_by"]["you"] is True
    assert document["read_by"] == []
    shown = by(ana, "info", stored["blood.txt"]["id"]).out
    assert "SHA-256" in shown
    assert "valid, by you" in shown


def test_a_report_is_named_by_id_by_six_of_it_or_by_cid(
    ana: Person, stored: dict[str, dict[str, Any]]
) -> None:
    report = stored["blood.txt"]
    for name in (report["id"], report["id"][:6], report["cid"]):
        assert by(ana, "cat", name).out.encode() == TEXT
    assert by(ana, "cat", report["id"][:5]).code == 1


def test_get_writes_what_was_stored_and_overwrites_nothing(
    ana: Person, stored: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    names = [report["id"] for report in stored.values()]
    done = by(ana, "get", *names, "-o", str(tmp_path), "--json")
    assert done.code == 0, done.err
    for report, content in zip(done.json["reports"], [TEXT, LONG, b""], strict=True):
        assert set(report) == REPORT_FIELDS | {"path", "signature"}
        assert Path(report["path"]).read_bytes() == content
    again = by(ana, "get", names[0], "-o", str(tmp_path / "blood.txt"))
    assert again.out == f"{tmp_path / 'blood (2).txt'}\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "blood (2).txt",
        "blood.txt",
        "empty.bin",
        "scan.dcm",
    ]


def test_get_writes_to_no_device(ana: Person, stored: dict[str, dict[str, Any]]) -> None:
    done = by(ana, "get", stored["blood.txt"]["id"], "-o", "/dev/null")
    assert done.code == 2
    assert "cat" in done.err
    assert not Path("/dev/null (2)").exists()


def test_get_takes_a_new_name_and_makes_a_folder_only_when_told_so(
    ana: Person, stored: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    name = stored["blood.txt"]["id"]
    mistyped = tmp_path / "new" / "folder" / "mine.txt"
    refused = by(ana, "get", name, "-o", str(mistyped))
    assert refused.code == 2
    assert "no folder" in refused.err
    assert not (tmp_path / "new").exists()
    assert by(ana, "get", name, "-o", str(tmp_path / "mine.txt")).code == 0
    assert (tmp_path / "mine.txt").read_bytes() == TEXT
    assert by(ana, "get", name, "-o", f"{tmp_path}/new/folder/").code == 0
    assert (tmp_path / "new" / "folder" / "blood.txt").read_bytes() == TEXT


def test_get_to_standard_output_is_cat(ana: Person, stored: dict[str, dict[str, Any]]) -> None:
    name = stored["blood.txt"]["id"]
    assert by(ana, "get", name, "-o", "-").out == by(ana, "cat", name).out == TEXT.decode()
    assert by(ana, "get", name, name, "-o", "-").code == 2
    assert by(ana, "get", name, "-o", "-", "--json").code == 2


def test_get_from_gateways_asks_no_one_else_for_blocks(
    ana: Person, server: RunningServer, stored: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    name = stored["scan.dcm"]["id"]
    nowhere = f"http://127.0.0.1:{free_port()}"
    refused = by(ana, "get", name, "-o", str(tmp_path / "a"), "--gateway", nowhere, "--json")
    assert (refused.code, refused.error["code"]) == (7, "unreachable")
    assert list(tmp_path.iterdir()) == []
    both = ["--gateway", nowhere, "--gateway", server.address]
    assert by(ana, "get", name, "-o", str(tmp_path / "a"), *both).code == 0
    assert (tmp_path / "a").read_bytes() == LONG


def test_a_new_version_an_edit_and_all_versions_there_were(ana: Person, tmp_path: Path) -> None:
    report = store(ana, **{"letter.txt": b"first"})["letter.txt"]
    file = tmp_path / "second.txt"
    file.write_bytes(b"second")
    updated = by(ana, "update", report["id"], str(file), "--json").json["reports"][0]
    assert (updated["id"], updated["revision"]) == (report["id"], 2)
    assert updated["cid"] != report["cid"]
    # The title is hers and stays; name and type are the new content's own.
    assert updated["title"] == report["title"]
    assert updated["file_name"] == file.name
    edited = by(ana, "edit", report["id"], "--title", "Brief", "--category", "letter", "--json")
    [entry] = edited.json["reports"]
    assert (entry["title"], entry["category"], entry["revision"]) == ("Brief", "letter", 3)
    versions = by(ana, "versions", report["id"], "--json").json["versions"]
    assert [version["revision"] for version in versions] == [3, 2, 1]
    assert set(versions[0]) == {"revision", "cid", "title", "size_bytes", "created", "signature"}
    for revision, content in ((1, b"first"), (2, b"second"), (3, b"second")):
        target = tmp_path / f"{revision}.out"
        by(ana, "get", report["id"], "--revision", str(revision), "-o", str(target))
        assert target.read_bytes() == content
    assert by(ana, "get", report["id"], "--revision", "9").code == 4
    assert by(ana, "update", report["id"], str(tmp_path)).code == 2
    assert by(ana, "rm", report["id"]).code == 0


def test_labels_that_break_the_rules_change_nothing(
    ana: Person, stored: dict[str, dict[str, Any]]
) -> None:
    name = stored["blood.txt"]["id"]
    for arguments in (["--title", ""], ["--title", "x" * 257], ["--category", "No Such!"]):
        done = by(ana, "edit", name, *arguments, "--json")
        assert (done.code, done.error["code"]) == (1, "invalid-input")
    assert by(ana, "info", name, "--json").json["revision"] == 1


def test_trash_and_back_and_each_of_them_twice(
    ana: Person, stored: dict[str, dict[str, Any]]
) -> None:
    name = stored["empty.bin"]["id"]
    [gone] = by(ana, "rm", name, "--json").json["reports"]
    assert set(gone) == REPORT_FIELDS | {"deleted"}
    assert "empty.bin" not in listed(ana)
    assert "empty.bin" in listed(ana, "--trash")
    assert by(ana, "rm", name, "--json").json["reports"][0]["deleted"] == gone["deleted"]
    for _ in range(2):
        [back] = by(ana, "restore", name, "--json").json["reports"]
        assert set(back) == REPORT_FIELDS
    assert "empty.bin" in listed(ana)
    assert "empty.bin" not in listed(ana, "--trash")


def test_one_unknown_report_among_several_changes_none(
    ana: Person, stored: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    known, unknown = stored["blood.txt"]["id"], "f" * 32
    assert by(ana, "rm", known, unknown).code == 4
    assert "blood.txt" in listed(ana)
    assert by(ana, "get", known, unknown, "-o", str(tmp_path / "out")).code == 4
    assert not (tmp_path / "out").exists()
