"""JSON: what is written is read back, and no reader's corner is left."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.errors import InvalidInput
from hygieia.limits import MAX_INTEGER, MAX_JSON_DEPTH
from hygieia.openpgp.strict_json import dumps, loads_list, loads_object

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
SCALARS = st.none() | st.booleans() | st.integers(0, MAX_INTEGER) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12
)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_written_is_read_back(value: dict[str, object]) -> None:
    text = dumps(value)
    assert loads_object(text, max_bytes=1 << 20) == value
    assert loads_object(text.encode(), max_bytes=1 << 20) == value


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    try:
        value = loads_object(octets, max_bytes=200)
    except InvalidInput:
        return
    assert json.loads(octets) == value


def test_a_list_is_read_where_a_list_is_expected() -> None:
    assert loads_list('[{"a":1}]', max_bytes=100) == [{"a": 1}]
    with pytest.raises(InvalidInput):
        loads_list("{}", max_bytes=100)


@pytest.mark.parametrize(
    "value",
    [1.5, float("nan"), -1, MAX_INTEGER + 1, "\x00", "\ud800", {"\x00": 1}, b"octets", object()],
)
def test_nothing_is_written_that_could_not_be_read_back(value: object) -> None:
    with pytest.raises(InvalidInput):
        dumps({"a": [value]})


def test_nesting_is_bounded_alike_in_writing_and_reading() -> None:
    deepest: list[object] = []
    for _ in range(MAX_JSON_DEPTH - 1):
        deepest = [deepest]
    assert loads_list(dumps(deepest), max_bytes=100) == deepest
    with pytest.raises(InvalidInput):
        dumps([deepest])
    with pytest.raises(InvalidInput):
        loads_list("[" * 50_000, max_bytes=100_000)
    with pytest.raises(InvalidInput):
        loads_list("[" * 50_000 + "]" * 50_000, max_bytes=100_000)


def test_an_error_quotes_nothing_of_the_document() -> None:
    with pytest.raises(InvalidInput) as refusal:
        loads_object('{"secret-canary": oops}', max_bytes=100)
    assert "canary" not in str(refusal.value)
    assert refusal.value.__suppress_context__
