"""Contacts: pinned once, compared by voice, never changed behind the person's back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hygieia.errors import (
    CertificateChanged,
    CertificateRefused,
    Forbidden,
    HygieiaError,
    InvalidInput,
)
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.sealing import open_revocation, seal_revocation
from hygieia.vault.contacts import accepted, check_recipients, find_contact, meet, verified
from hygieia.vault.people import Contact, ContactState, People
from hygieia.vault.safety_number import (
    is_code,
    safety_code,
    safety_number,
    same_code,
    same_number,
)
from tests.unit.vault.factories import ana, boris, contact, key_of

VECTORS = sorted((Path(__file__).parents[2] / "vectors" / "safety-numbers").glob("*.json"))
EMAIL = "boris@example.org"
CODE = make_code()


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_safety_number_vectors(path: Path) -> None:
    vector = json.loads(path.read_text())
    first, second, expect = vector["first"], vector["second"], vector["expect"]
    if "refused" in expect:
        with pytest.raises(HygieiaError) as refused:
            safety_number(first, second)
        assert refused.value.code == expect["refused"]
    else:
        assert safety_number(first, second) == expect["safety_number"]
        assert safety_number(second, first) == expect["safety_number"]


def test_a_number_typed_with_other_spaces_is_the_same_one() -> None:
    shown = "81839 78896 25419 89433 38186 63847 73536 37457"
    assert same_number(shown, " 81839-78896 2541989433 38186 63847\n73536 37457 ")
    assert not same_number(shown, shown.replace("7", "8"))


@pytest.mark.parametrize("typed", ["", "81839", "1" * 41, "x" * 40, "٣" * 40])
def test_what_is_no_number_is_a_slip_and_not_a_stranger(typed: str) -> None:
    with pytest.raises(InvalidInput):
        same_number("81839 78896 25419 89433 38186 63847 73536 37457", typed)


def met() -> Contact:
    return meet(None, boris().certificate, email=EMAIL)


def test_the_first_answer_is_pinned_and_unverified() -> None:
    pinned = met()
    assert (pinned.key, pinned.state) == (boris().key_id, ContactState.UNVERIFIED)
    assert find_contact([pinned], EMAIL) is pinned
    assert find_contact([pinned], "b0ris@example.org") is None


def test_the_same_answer_again_changes_nothing() -> None:
    pinned = met()
    assert meet(pinned, boris().certificate, email=EMAIL) is pinned
    assert (
        meet(verified(pinned, pinned.key), boris().certificate, email=EMAIL).state
        is ContactState.VERIFIED
    )


def test_another_key_never_takes_the_place_of_the_pinned_one() -> None:
    for pinned in (met(), verified(met(), met().key)):
        after = meet(pinned, key_of("Mallory").certificate, email=EMAIL)
        assert after == replace(pinned, state=ContactState.CHANGED)
        again = meet(after, boris().certificate, email=EMAIL)
        assert again.state is ContactState.CHANGED, "going back does not undo the warning"


def test_nothing_is_encrypted_to_a_changed_contact() -> None:
    changed = meet(verified(met(), met().key), key_of("Mallory").certificate, email=EMAIL)
    with pytest.raises(CertificateChanged):
        check_recipients([changed], 1)
    with pytest.raises(CertificateChanged):
        verified(changed, key_of("Mallory").certificate.key_id)


def test_a_servers_lie_does_not_part_two_people_for_good() -> None:
    changed = meet(met(), key_of("Mallory").certificate, email=EMAIL)
    again = meet(changed, boris().certificate, email=EMAIL)
    assert verified(again, boris().key_id) == verified(met(), met().key)


def test_an_unverified_contact_is_given_one_report_at_a_time() -> None:
    [certificate] = check_recipients([met()], 1)
    assert certificate.key_id == boris().key_id
    with pytest.raises(Forbidden):
        check_recipients([met()], 2)
    assert len(check_recipients([verified(met(), met().key)], 1000)) == 1


def test_an_accepted_key_is_the_same_person_only_once_it_was_compared() -> None:
    new = key_of("Boris2")
    pinned = verified(met(), met().key)
    changed = meet(pinned, new.certificate, email=EMAIL)
    taken = accepted(changed, new.certificate)
    assert (taken.key, taken.state) == (new.key_id, ContactState.UNVERIFIED)
    people = People(ana().certificate, (), [taken])
    assert not people.same(new.key_id, boris().key_id)
    old = people.certificate(boris().key_id)
    assert old is not None, "what he signed before still verifies"
    compared = verified(taken, taken.key)
    assert compared.superseded == ()
    assert People(ana().certificate, (), [compared]).same(new.key_id, boris().key_id)


def test_there_is_nothing_to_accept_where_nothing_changed() -> None:
    with pytest.raises(InvalidInput):
        accepted(met(), boris().certificate)
    changed = meet(met(), key_of("Mallory").certificate, email=EMAIL)
    with pytest.raises(InvalidInput):
        accepted(changed, boris().certificate)


def test_a_contact_stands_in_the_index_with_all_it_says() -> None:
    new = key_of("Boris2")
    taken = accepted(meet(met(), new.certificate, email=EMAIL), new.certificate)
    for each in (met(), taken, contact(boris(), extra={"later": 1})):
        assert Contact.from_json(json.loads(json.dumps(each.to_json()))) == each
    assert "superseded" not in met().to_json()


def test_a_revoked_contact_is_never_encrypted_to_again() -> None:
    key = key_of("Rita")
    pinned = meet(None, key.certificate, email="rita@example.org")
    revoked = key.certificate.with_revocation(open_revocation(seal_revocation(key, CODE), CODE))
    after = meet(pinned, revoked, email="rita@example.org")
    assert meet(after, key.certificate, email="rita@example.org") == after, "it sticks"
    with pytest.raises(CertificateRefused):
        check_recipients([after], 1)


def test_the_code_for_a_camera_is_the_same_whichever_way_round_and_nothing_else_passes() -> None:
    low, high = sorted((ana().key_id, boris().key_id))
    code = safety_code(high, low)
    assert code == safety_code(low, high) == f"hygieia:safety:1:{low}:{high}"
    assert is_code(code)
    assert not is_code("81839 78896")
    assert same_code(code, f" {code}\n")
    assert not same_code(code, safety_code(low, key_of("Mallory").key_id))
    for scanned in (
        code[:-1],
        code + "0",
        code.upper(),
        "hygieia:safety:2:" + code[17:],
        "hygieia:",
    ):
        with pytest.raises(InvalidInput):
            same_code(code, scanned)
    for first, second in ((low, low), (low, "x" * 64)):
        with pytest.raises(InvalidInput):
            safety_code(first, second)
