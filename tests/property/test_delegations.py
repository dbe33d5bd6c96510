"""What is passed on never reaches further; what is signed reads back; the table follows a model."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from hygieia.errors import DelegationRefused
from hygieia.openpgp.times import format_time, parse_time
from hygieia.vault.delegation import (
    Delegation,
    DelegationEnd,
    Right,
    Scope,
    Words,
    sign_delegation,
    sign_end,
)
from hygieia.vault.delegations import Delegations, open_delegation
from hygieia.vault.index import DelegationNote
from hygieia.vault.people import People
from hygieia.vault.report_meta import Draft
from tests.unit.vault.factories import contact
from tests.unit.vault.factories import draft as any_draft
from tests.vectors.vault_delegations import AT, CREATED, ana, boris, cleo

BEGIN, NOW = parse_time(CREATED), parse_time(AT)
PARENT, CHILD = "a" * 32, "b" * 32
WORDS = ("eye", "lab", "letter", "imaging")
LISTS = st.none() | st.frozensets(st.sampled_from(WORDS), min_size=1)
SUBJECTS = st.none() | st.frozensets(
    st.sampled_from([ana().key_id, "person:" + "1" * 32]), min_size=1
)
SCOPES = st.builds(Scope, SUBJECTS, LISTS, LISTS)
RIGHTS = st.frozensets(st.sampled_from(list(Right)), min_size=1)
DAYS = st.integers(60, 300)


def draft(**changes: str | None) -> Draft:
    me = ana().key_id
    return any_draft(ana(), **({"owner": me, "subject": me} | changes))


def given_by_ana(scope: Scope, rights: frozenset[Right], days: int) -> Delegation:
    return Delegation(
        PARENT, ana().key_id, boris().key_id, scope, rights, *_times(days)
    )  # fields in order


def passed_on(scope: Scope, rights: frozenset[Right], days: int) -> Delegation:
    return Delegation(
        CHILD,
        boris().key_id,
        cleo().key_id,
        scope,
        rights,
        *_times(days),
        parent=PARENT,
        owner=ana().key_id,
        email="cleo@example.org",
    )


def _times(days: int) -> tuple[str, str]:
    return format_time(BEGIN), format_time(BEGIN + timedelta(days=days))


def _rows(parent: Delegation, child: Delegation) -> list[DelegationNote]:
    notes = [sign_delegation(ana(), parent), sign_delegation(boris(), child)]
    return [DelegationNote.from_json(json.loads(note)) for note in notes]


def _table(rows: list[DelegationNote]) -> Delegations:
    known = [boris(), cleo()]
    contacts = [contact(key) for key in known]
    return Delegations(rows, People(ana().certificate, (), contacts), contacts)


def _covers(found: Words, word: str | None) -> bool:
    return found is None or word in found


@given(SCOPES, RIGHTS, DAYS)
@settings(max_examples=40, deadline=None)
def test_what_is_signed_reads_back(scope: Scope, rights: frozenset[Right], days: int) -> None:
    said = given_by_ana(scope, rights, days)
    carried = json.loads(sign_delegation(ana(), said))
    assert open_delegation(carried, People(ana().certificate)) == said


@given(
    st.tuples(SCOPES, RIGHTS, DAYS), st.tuples(SCOPES, RIGHTS, DAYS), st.sampled_from(WORDS), LISTS
)
@settings(max_examples=80, deadline=None)
def test_whoever_reads_what_was_passed_on_could_have_been_given_it_at_first(
    above: tuple[Scope, frozenset[Right], int],
    below: tuple[Scope, frozenset[Right], int],
    category: str,
    professions: Words,
) -> None:
    parent, child = given_by_ana(*above), passed_on(*below)
    narrow = child.scope
    profession = min(professions) if professions else None
    report = draft(category=category, profession=profession)
    table = _table(_rows(parent, child))
    read = table.readers(report, profession, NOW).delegations or {}
    direct = _table(_rows(parent, child)[:1])
    if cleo().key_id in read:
        assert Right.REDELEGATE in parent.rights
        assert direct.covers(parent, report, profession)
        assert child.expires <= parent.expires
        assert child.rights <= parent.rights
    allowed = True
    try:
        direct.check_passed_on(child, NOW)
    except DelegationRefused:
        allowed = False
    matches = _covers(narrow.categories, category) and _covers(narrow.professions, profession)
    matches = matches and _covers(narrow.subjects, report.subject)
    assert (cleo().key_id in read) == (allowed and matches and Right.READ in child.rights)


@given(SCOPES, st.sampled_from(WORDS))
@settings(max_examples=30, deadline=None)
def test_with_the_parent_everything_below_ends(scope: Scope, category: str) -> None:
    every = frozenset(Right)
    rows = _rows(given_by_ana(scope, every, 100), passed_on(scope, every, 100))
    end = sign_end(ana(), DelegationEnd(PARENT, format_time(NOW)))
    rows[0] = DelegationNote.from_json(json.loads(end))
    chosen = _table(rows).readers(draft(category=category), None, NOW)
    assert (chosen.certificates, chosen.left_out) == ((), ())
