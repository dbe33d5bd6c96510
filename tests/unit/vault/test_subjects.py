"""Whose records they are: names of people without an account."""

from __future__ import annotations

import json

import pytest

from hygieia.errors import Duplicate, IntegrityError, InvalidInput, NotFound
from hygieia.vault import words
from hygieia.vault.index import KeysFile, PutSubject
from hygieia.vault.subjects import MAX_SUBJECTS, Subject, check_name, find_subject
from tests.unit.vault.factories import Vault, ana, boris, contact

ROSA = Subject("person:" + "a" * 32, "Grandma Rosa")
ME = ana().key_id


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("me", ME),
        (" ME ", ME),
        ("grandma  ROSA", ROSA.id),
        (ROSA.id, ROSA.id),
        ("person:" + "b" * 32, "person:" + "b" * 32),
        (boris().key_id, boris().key_id),
        ("Boris@Example.org", boris().key_id),
    ],
    # Keys differ from run to run; tests run side by side must bear the same names.
    ids=["me", "in capitals", "by name", "by id", "by an unknown id", "by key", "by email"],
)
def test_somebody_is_found_by_name_id_or_email(text: str, found: str) -> None:
    assert find_subject(text, ME, [ROSA], [contact(boris())]) == found


@pytest.mark.parametrize("text", ["Rosa", "nobody@example.org", "person:1", "", "a\x1bb"])
def test_nobody_is_guessed(text: str) -> None:
    with pytest.raises(NotFound) as refused:
        find_subject(text, ME, [ROSA], [contact(boris())])
    assert "\x1b" not in str(refused.value)


def test_a_name_is_given_once() -> None:
    with pytest.raises(Duplicate):
        Subject.new("grandma rosa", [ROSA])
    other = Subject.new("  Uncle   Max ", [ROSA])
    assert other.name == "Uncle Max"
    assert words.is_subject(other.id)


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * 257, "a\x00b", "me", "Me", "a@b.org", "person:" + "a" * 32]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_name(name)


def test_subjects_stand_in_the_index_and_are_renamed_there() -> None:
    vault = Vault.new()
    vault.change(PutSubject(ROSA), PutSubject(Subject("person:" + "b" * 32, "Max")))
    vault.change(PutSubject(Subject(ROSA.id, "Rosa Probst", {"born": 1932})))
    found = vault.reopen().keys.subjects
    assert [each.name for each in found] == ["Rosa Probst", "Max"]
    assert found[0].extra == {"born": 1932}
    assert vault.change(PutSubject(found[0])) == (), "what changes nothing writes nothing"


def test_a_keys_file_without_subjects_has_no_such_field() -> None:
    assert "subjects" not in json.loads(KeysFile(notes=()).to_bytes())


def test_malformed_and_too_many_subjects_are_refused() -> None:
    body = json.loads(KeysFile(notes=()).to_bytes())
    forged: list[object] = [{}, [1], [{"id": "x", "name": "y"}], [{"id": ROSA.id, "name": ""}]]
    for wrong in forged:
        with pytest.raises(IntegrityError):
            KeysFile.from_bytes(json.dumps(body | {"subjects": wrong}).encode())
    many = [Subject(words.make_person_id(), str(number)) for number in range(MAX_SUBJECTS)]
    with pytest.raises(InvalidInput):
        KeysFile(notes=(), subjects=tuple(many)).with_subject(ROSA)
