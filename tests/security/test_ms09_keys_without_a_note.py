"""MS-09: the server replaces a key that travels encrypted to the user by one of its own."""

from __future__ import annotations

import json

import pytest

from hygieia.errors import NoteRefused
from hygieia.openpgp.notes import parse_note, require_valid
from hygieia.openpgp.signing import sign_note
from tests.unit.openpgp.forge import Person

ANA, EVE = Person("Ana Probe"), Person("Eve Eve")
CONTEXT = "hygieia key 1"


def key_note(by: Person, context: str = CONTEXT) -> bytes:
    return sign_note(by.key, context, {"purpose": "ipns", "key": "00" * 32})


def test_a_key_comes_only_in_a_note_by_its_owner() -> None:
    note = require_valid(parse_note(key_note(ANA), CONTEXT), ANA.key.certificate)
    assert note.body["purpose"] == "ipns"
    with pytest.raises(NoteRefused):
        require_valid(parse_note(key_note(EVE), CONTEXT), ANA.key.certificate)


def test_a_bare_key_is_no_note() -> None:
    for bare in (b"00" * 32, json.dumps({"purpose": "ipns", "key": "00" * 32}).encode()):
        with pytest.raises(NoteRefused):
            parse_note(bare, CONTEXT)


def test_another_note_by_the_owner_does_not_become_a_key() -> None:
    with pytest.raises(NoteRefused):
        parse_note(key_note(ANA, "hygieia share 1"), CONTEXT)


def test_a_changed_key_leaves_no_valid_note() -> None:
    changed = key_note(ANA).replace(b"00000000", b"11111111", 1)
    with pytest.raises(NoteRefused):
        require_valid(parse_note(changed, CONTEXT), ANA.key.certificate)
