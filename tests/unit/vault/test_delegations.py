"""Delegations: what a note must say, which of them act, and that an end sticks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hygieia.errors import DelegationRefused, InvalidInput, RecipientRefused
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.sealing import open_revocation, seal_revocation
from hygieia.openpgp.times import format_time, parse_time
from hygieia.vault.delegation import (
    Delegation,
    DelegationEnd,
    Right,
    Scope,
    sign_delegation,
    sign_end,
    words_of,
)
from hygieia.vault.delegations import Delegations, require_counted
from hygieia.vault.index import DelegationNote, PutDelegation
from hygieia.vault.people import People
from hygieia.vault.report_meta import Draft
from hygieia.vault.sharing import LeftOut, Why
from tests.unit.vault.factories import Vault, contact
from tests.unit.vault.factories import draft as any_draft
from tests.vectors.vault_delegations import (
    AT,
    CREATED,
    EXPIRES,
    ana,
    boris,
    cleo,
    read_note_vector,
    read_table_vector,
)

FOLDER = Path(__file__).parents[2] / "vectors" / "delegations"
READ = {"delegation": read_note_vector, "readers": read_table_vector}
ID = "d" * 32


def delegation(**changes: object) -> Delegation:
    plain = Delegation(
        ID, ana().key_id, boris().key_id, Scope(), frozenset({Right.READ}), CREATED, EXPIRES
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name


def draft(**changes: str) -> Draft:
    """A report of the Ana of the vectors, whose key is old enough for what it signs."""
    me = ana().key_id
    return any_draft(ana(), **({"owner": me, "subject": me} | changes))


def row(said: Delegation | DelegationEnd) -> DelegationNote:
    sign = sign_end if isinstance(said, DelegationEnd) else sign_delegation
    return DelegationNote.from_json(json.loads(sign(ana(), said)))  # type: ignore[arg-type]  # each its own


def table(*rows: DelegationNote) -> Delegations:
    known = [contact(boris())]
    return Delegations(rows, People(ana().certificate, (), known), known)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_vector_gives_its_verdict(path: Path) -> None:
    vector = json.loads(path.read_text("ascii"))
    assert READ[vector["kind"]](vector) == vector["expect"]


def test_there_are_vectors_of_both_kinds() -> None:
    assert len(list(FOLDER.glob("*.json"))) >= 50


def test_what_cannot_be_delegated_is_said_before_anything_is_signed() -> None:
    wrong: list[dict[str, object]] = [
        {"receiver": ana().key_id},
        {"rights": frozenset()},
        {"expires": CREATED},
        {"expires": "2028-02-01T08:00:00Z"},
        {"scope": Scope(categories=frozenset())},
        {"scope": Scope(categories=frozenset(map(str, range(257))))},
    ]
    for changes in wrong:
        with pytest.raises(InvalidInput):
            sign_delegation(ana(), delegation(**changes))


def test_an_end_sticks_whoever_delivers_the_delegation_once_more() -> None:
    vault = Vault.new()
    begin, end = row(delegation()), row(DelegationEnd(ID, AT))
    vault.change(PutDelegation(begin))
    assert [each.is_end for each in vault.state.delegations()] == [False]
    vault.change(PutDelegation(end))
    vault.change(PutDelegation(begin))
    assert [each.is_end for each in vault.reopen().delegations()] == [True]


def test_a_delegate_reads_only_while_the_own_index_says_so() -> None:
    at = parse_time(AT)
    acting = table(row(delegation())).readers(draft(), None, at)
    assert acting.delegations == {boris().key_id: ID}
    ended = table(row(DelegationEnd(ID, AT))).readers(draft(), None, at)
    assert ended.certificates == ()


def test_a_delegate_whose_key_is_revoked_is_left_out_and_named() -> None:
    key = cleo()
    code = make_code()
    revoked = key.certificate.with_revocation(open_revocation(seal_revocation(key, code), code))
    pinned = contact(key, certificate=revoked.armored)
    known = People(ana().certificate, (), [pinned])
    chosen = Delegations([row(delegation(receiver=key.key_id))], known, [pinned]).readers(
        draft(), None, parse_time(AT)
    )
    assert chosen.certificates == ()
    assert chosen.left_out == (LeftOut(key.key_id, Why.UNUSABLE, pinned),)


def test_whose_delegation_ran_out_is_named_for_thirty_days() -> None:
    over = parse_time(EXPIRES) + timedelta(minutes=11)
    key = boris().key_id

    def lapsed(at: datetime, *rows: DelegationNote) -> list[tuple[str, Why]]:
        chosen = table(*rows).readers(draft(), None, at)
        return [(each.key, each.why) for each in (*chosen.left_out, *chosen.lapsed)]

    ended = row(delegation())
    assert lapsed(over, ended) == [(key, Why.LAPSED)]
    assert lapsed(parse_time(EXPIRES), ended) == [], "it still acts"
    assert lapsed(over + timedelta(days=30), ended) == [], "she knows by now"
    later = format_time(over + timedelta(days=10))
    renewed = row(delegation(id="0" * 32, created=EXPIRES, expires=later))
    assert lapsed(over, ended, renewed) == []
    assert lapsed(over, row(DelegationEnd(ID, AT))) == [], "she has ended it herself"


def test_a_report_of_somebody_else_has_no_delegates_of_mine() -> None:
    foreign = draft(owner=boris().key_id)
    assert table(row(delegation())).readers(foreign, None, parse_time(AT)).certificates == ()


def test_nobody_stores_for_the_user_without_the_right_at_each_time() -> None:
    at, after = parse_time(AT), parse_time("2029-01-01T00:00:00Z")
    reads = table(row(delegation()))
    assert not reads.may_upload(boris().key_id, draft(), None, [at])
    stores = table(row(delegation(rights=frozenset({Right.UPLOAD}))))
    assert stores.may_upload(boris().key_id, draft(), None, [at])
    assert not stores.may_upload(boris().key_id, draft(), None, [at, after])
    assert not stores.may_upload(cleo().key_id, draft(), None, [at])


def test_what_was_passed_on_may_be_confirmed_only_within_its_parent() -> None:
    rights = frozenset({Right.READ, Right.REDELEGATE})
    mine = table(row(delegation(rights=rights)))
    on = replace(
        delegation(rights=frozenset({Right.READ})),
        id="e" * 32,
        giver=boris().key_id,
        receiver=cleo().key_id,
        parent=ID,
        owner=ana().key_id,
        email="cleo@example.org",
    )
    mine.check_passed_on(on, parse_time(AT))
    for wider in (
        replace(on, rights=frozenset({Right.UPLOAD})),
        replace(on, giver=cleo().key_id, receiver=boris().key_id),
        replace(on, parent="f" * 32),
        replace(on, owner="0" * 64),
    ):
        with pytest.raises(DelegationRefused):
            mine.check_passed_on(wider, parse_time(AT))


def test_a_server_that_counts_other_recipients_is_refused() -> None:
    require_counted(2, 2)
    with pytest.raises(RecipientRefused):
        require_counted(2, 3)


def test_nothing_typed_is_everything() -> None:
    assert words_of(()) is None
    assert words_of(("eye", "*")) is None
    assert words_of(("eye", "lab")) == frozenset({"eye", "lab"})
