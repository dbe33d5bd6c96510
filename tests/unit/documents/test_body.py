from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.documents.body import (
    decode_cursor,
    encode_cursor,
    from_milliseconds,
    milliseconds,
)
from hygieia.errors import InvalidInput

PRINTABLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)


@given(
    sort=st.text(PRINTABLE, max_size=48), document_id=st.text(PRINTABLE, min_size=1, max_size=128)
)
def test_a_cursor_comes_back_as_it_went(sort: str, document_id: str) -> None:
    cursor = encode_cursor(sort, document_id)
    assert len(cursor) <= 256
    assert decode_cursor(cursor) == (sort, document_id)


@given(st.text(max_size=40))
def test_any_other_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        sort, document_id = decode_cursor(text)
    except InvalidInput:
        return
    assert decode_cursor(encode_cursor(sort, document_id)) == (sort, document_id)


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)))  # noqa: DTZ001 - zoned below
def test_times_round_down_to_milliseconds(time: datetime) -> None:
    zoned = time.replace(tzinfo=UTC)
    back = from_milliseconds(milliseconds(zoned))
    assert back == zoned.replace(microsecond=zoned.microsecond // 1000 * 1000)


def test_a_time_must_say_its_zone() -> None:
    with pytest.raises(InvalidInput):
        milliseconds(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
