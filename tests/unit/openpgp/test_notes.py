"""Signed notes: written by us, verified by others, and not to be forged (threat SN-04)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pgpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygieia.errors import InvalidInput, NoteRefused
from hygieia.openpgp import notes
from hygieia.openpgp.notes import Verdict, parse_note, require_valid, verify_note
from hygieia.openpgp.signing import sign_note
from hygieia.openpgp.times import now
from tests.unit.openpgp.forge import Person

# pgpy warns that it verifies no self-signatures: that is why we do.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

ANA, EVE = Person("Ana Probe"), Person("Eve Eve")
KEY = ANA.key
CONTEXT = "hygieia key 1"
BODY = {"purpose": "ipns", "created": "2026-06-01T00:00:00Z"}
NOTE = sign_note(KEY, CONTEXT, BODY)


def test_a_note_is_its_context_a_line_feed_and_one_object() -> None:
    outer = json.loads(NOTE)
    assert list(outer) == ["note", "signature"]
    assert outer["note"] == f'{CONTEXT}\n{{"purpose":"ipns","created":"2026-06-01T00:00:00Z"}}'


def test_pgpy_verifies_what_we_sign() -> None:
    outer = json.loads(NOTE)
    certificate, _ = pgpy.PGPKey.from_blob(ANA.certificate)
    signature = pgpy.PGPSignature.from_blob(outer["signature"])
    assert certificate.verify(outer["note"], signature)
    assert signature.notation == {"context@hygieia": CONTEXT}
    assert signature.created == datetime(2026, 6, 1, tzinfo=UTC)
    assert not certificate.verify(outer["note"] + " ", signature)


def test_a_note_that_pgpy_signed_is_valid_here() -> None:
    """The same words from another program: the form is OpenPGP's and not ours alone."""
    armored = sealed_for_pgpy()
    secret, _ = pgpy.PGPKey.from_blob(armored)
    text = f'{CONTEXT}\n{{"created":"2026-06-01T00:00:00Z"}}'
    with secret.unlock("passphrase"):
        signature = secret.sign(
            text.encode(),
            hash=pgpy.constants.HashAlgorithm.SHA256,
            notation={"context@hygieia": CONTEXT},
            created=datetime(2026, 6, 1, tzinfo=UTC),
        )
    data = json.dumps({"note": text, "signature": str(signature)})
    assert verify_note(parse_note(data, CONTEXT), KEY.certificate) is Verdict.VALID


def sealed_for_pgpy() -> str:
    from hygieia.openpgp.locked_keys import COUNT_FOR_STRETCHED, lock

    return lock(KEY, "passphrase", count=COUNT_FOR_STRETCHED)


def test_a_body_without_a_time_gets_the_present() -> None:
    note = parse_note(sign_note(KEY, CONTEXT, {"purpose": "ipns"}), CONTEXT)
    assert abs((note.created - now()).total_seconds()) < 60
    assert require_valid(note, KEY.certificate).body["purpose"] == "ipns"


def test_a_notes_repr_does_not_tell_the_key_inside() -> None:
    secret = "5e" * 32
    note = parse_note(sign_note(KEY, CONTEXT, BODY | {"key": secret}), CONTEXT)
    assert note.body["key"] == secret
    assert secret not in repr(note)


def test_unknown_fields_are_kept() -> None:
    note = parse_note(sign_note(KEY, CONTEXT, {**BODY, "later": {"a": [1]}}), CONTEXT)
    assert note.body["later"] == {"a": [1]}


def test_a_verdict_that_is_not_valid_can_be_demanded_only_as_an_error() -> None:
    note = parse_note(NOTE, CONTEXT)
    assert verify_note(note, EVE.key.certificate) is Verdict.UNKNOWN_SIGNER
    assert not note.is_by(EVE.key.certificate)
    with pytest.raises(NoteRefused, match="unknown signer"):
        require_valid(note, EVE.key.certificate)


@pytest.mark.parametrize(
    "context", ["", "hygieia", "hygieia key", "hygieia key 0", "hygieia Key 1", "other key 1"]
)
def test_a_malformed_context_is_neither_signed_nor_expected(context: str) -> None:
    with pytest.raises(NoteRefused):
        sign_note(KEY, context, BODY)
    with pytest.raises(NoteRefused):
        parse_note(NOTE, context)


def test_a_body_that_the_formats_cannot_hold_is_not_signed() -> None:
    with pytest.raises(InvalidInput):
        sign_note(KEY, CONTEXT, {"created": "yesterday"})
    with pytest.raises(InvalidInput):
        sign_note(KEY, CONTEXT, {**BODY, "ratio": 0.5})


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=50)


@settings(max_examples=50)
@given(st.dictionaries(TEXT, TEXT, max_size=4))
def test_whatever_is_signed_verifies(words: dict[str, str]) -> None:
    body = {**words, "created": "2026-06-01T00:00:00Z"}
    note = parse_note(sign_note(KEY, CONTEXT, body), CONTEXT)
    assert note.body == body
    assert verify_note(note, KEY.certificate) is Verdict.VALID


@settings(max_examples=300)
@given(place=st.integers(0, len(json.loads(NOTE)["note"].encode()) * 8 - 1))
def test_no_bit_of_a_signed_text_can_be_flipped(place: int) -> None:
    outer = json.loads(NOTE)
    octets = bytearray(outer["note"].encode())
    octets[place // 8] ^= 1 << place % 8
    try:
        note = notes.read_note(octets.decode(), outer["signature"], CONTEXT)
    except (NoteRefused, UnicodeDecodeError):
        return
    assert verify_note(note, KEY.certificate) is Verdict.INVALID


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_octets_are_a_note_or_refused(octets: bytes) -> None:
    with pytest.raises(NoteRefused):
        parse_note(octets, CONTEXT)
