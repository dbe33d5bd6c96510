from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.domain.attempts import InFlight, Limit
from hygieia.errors import TooManyAttempts

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=15)


@given(
    most=st.integers(1, 20),
    ages=st.lists(st.integers(0, 899), max_size=25).map(sorted),
)
def test_a_wait_is_never_negative_nor_beyond_the_window(most: int, ages: list[int]) -> None:
    failures = [NOW - timedelta(seconds=age) for age in ages]
    wait = Limit(most, WINDOW).wait(failures, NOW)
    assert timedelta(0) <= wait <= WINDOW
    if len(ages) >= most:
        assert wait > timedelta(0)


@given(most=st.integers(2, 40), failures=st.integers(1, 39))
def test_waits_only_grow(most: int, failures: int) -> None:
    limit = Limit(most, WINDOW)
    assert limit.wait([NOW] * failures, NOW) <= limit.wait([NOW] * (failures + 1), NOW)


def test_no_failure_no_wait() -> None:
    assert Limit(1, WINDOW).wait([], NOW) == timedelta(0)


def test_room_is_bounded_in_all_and_for_each_and_given_back() -> None:
    gate = InFlight(total=3, each=2)
    with gate.enter("a"), gate.enter("a"):
        with pytest.raises(TooManyAttempts), gate.enter("a"):
            pytest.fail("entered")
        with gate.enter("b"), pytest.raises(TooManyAttempts), gate.enter("c"):
            pytest.fail("entered")
    with gate.enter("a"), gate.enter("c"), gate.enter("c"):
        pass
