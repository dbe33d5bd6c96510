"""The recovery code survives handwriting."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.errors import InvalidInput
from hygieia.openpgp.recovery_code import ALPHABET, make_code, parse_code


def read_or_refusal(text: str) -> str:
    try:
        return parse_code(text)
    except InvalidInput as error:
        return str(error)


def test_a_code_is_eight_groups_whose_fourth_symbol_checks_the_other_three() -> None:
    groups = make_code().split("-")
    assert len(groups) == 8
    for number, group in enumerate(groups, start=1):
        digest = hashlib.sha256(f"{number}{group[:3]}".encode()).digest()
        assert group[3] == ALPHABET[digest[0] >> 3]


def test_two_codes_differ() -> None:
    assert make_code() != make_code()


@pytest.mark.parametrize("separator", ["", " ", "-", " \u2013 ", "\n", "\u00a0"])
def test_however_it_is_written_it_is_the_same_code(separator: str) -> None:
    code = make_code()
    assert parse_code(code.lower().replace("-", separator)) == code


@given(place=st.integers(0, 31), symbol=st.sampled_from(ALPHABET))
def test_a_typo_is_found_in_its_group_or_not_at_all(place: int, symbol: str) -> None:
    """One typo in 32 fits its check; it can mislead about no other group."""
    code = make_code().replace("-", "")
    typed = code[:place] + symbol + code[place + 1 :]
    assert read_or_refusal(typed) in (
        "-".join(typed[start : start + 4] for start in range(0, 32, 4)),
        f"Group {place // 4 + 1} of the recovery code is mistyped.",
    )


@given(st.text(max_size=300))
def test_any_text_is_a_code_or_refused(text: str) -> None:
    assert len(read_or_refusal(text)) < 120
