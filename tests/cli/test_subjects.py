"""``subjects``: records of people without an account."""

from __future__ import annotations

from pathlib import Path

from tests.cli.shell import by
from tests.running import Person


def test_a_record_of_somebody_else_is_put_listed_and_shown_by_name(
    ana: Person, tmp_path: Path
) -> None:
    (tmp_path / "rosa.txt").write_text("hers")
    (tmp_path / "ana.txt").write_text("mine")
    unknown = by(ana, "put", str(tmp_path / "rosa.txt"), "--subject", "Grandma Rosa", "--json")
    assert (unknown.code, unknown.error["code"]) == (4, "not-found")
    assert "hygieia subjects add" in unknown.error["hint"]

    made = by(ana, "subjects", "add", "Grandma Rosa")
    assert made.code == 0, made.err
    rosa = made.out.strip()
    assert rosa.startswith("person:")
    again = by(ana, "subjects", "add", "grandma rosa", "--json")
    assert (again.code, again.error["code"]) == (5, "duplicate")
    assert by(ana, "put", str(tmp_path / "rosa.txt"), "--subject", "grandma rosa").code == 0
    piped = by(ana, "put", "-", "--name", "piped.txt", "--subject", "Grandma Rosa", stdin=b"x")
    assert piped.code == 0
    [own] = by(ana, "put", str(tmp_path / "ana.txt"), "--subject", "me", "--json").json["reports"]

    assert by(ana, "subjects", "rename", "Grandma Rosa", "Rosa Probst").code == 0
    hers = by(ana, "ls", "--subject", "Rosa Probst", "--json").json["reports"]
    assert {report["file_name"] for report in hers} == {"rosa.txt", "piped.txt"}
    mine = by(ana, "ls", "--subject", "me", "--json").json["reports"]
    assert [report["id"] for report in mine] == [own["id"]]
    info = by(ana, "info", hers[0]["id"], "--json").json
    assert (info["subject"], info["subject_name"]) == (rosa, "Rosa Probst")
    assert "Rosa Probst" in by(ana, "info", hers[0]["id"]).out

    listed = by(ana, "subjects", "--json").json["subjects"]
    key_id = by(ana, "whoami", "--json").json["key_id"]
    assert listed == [
        {"id": key_id, "name": "Ana Test", "me": True},
        {"id": rosa, "name": "Rosa Probst"},
    ]
    assert "Rosa Probst" in by(ana, "subjects").out


def test_a_name_that_is_none_or_nobody_changes_nothing(ana: Person) -> None:
    before = by(ana, "subjects", "--json").json
    assert by(ana, "subjects", "add", "me").code == 1
    assert by(ana, "subjects", "add", "a@b.org").code == 1
    assert by(ana, "subjects", "rename", "nobody", "somebody").code == 4
    assert by(ana, "subjects", "rename", "me", "somebody").code == 4
    assert by(ana, "subjects", "--json").json == before
