from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.errors import LimitExceeded
from hygieia.openpgp.padding import padding_bytes, padding_header, padding_octets, padme
from hygieia.openpgp.session_keys import SessionKey

KEY = SessionKey(bytes(range(32)))


@pytest.mark.parametrize(
    ("length", "padded"),
    [
        (0, 0),
        (1, 1),
        (2, 2),
        (8, 8),
        (9, 10),
        (13, 14),
        (100, 104),
        (1000, 1024),
        (1025, 1088),
        (262144, 262144),
        (262145, 270336),
        (10**9, 1006632960),
    ],
)
def test_padme_rounds_as_published(length: int, padded: int) -> None:
    assert padme(length) == padded


@given(st.integers(2, 2**50))
def test_padme_adds_at_most_an_eighth_and_is_stable(length: int) -> None:
    padded = padme(length)
    assert length <= padded <= length + length // 8 + 1
    assert padme(padded) == padded


@given(st.integers(2, 2**40), st.integers(2, 2**40))
def test_padme_keeps_the_order_of_lengths(one: int, other: int) -> None:
    assert (one <= other) <= (padme(one) <= padme(other))


@given(st.integers(8, 2**39 - 6), st.integers(0, 2**20))
def test_both_packets_together_reach_padme_or_the_floor(literal_bytes: int, floor: int) -> None:
    total = literal_bytes + 6 + padding_bytes(literal_bytes, floor)
    assert total == max(padme(literal_bytes + 6), floor)


def test_a_content_whose_padding_no_length_can_say_is_refused() -> None:
    assert padding_bytes(2**38 + 1 - 6) == 2**32 - 1
    with pytest.raises(LimitExceeded):
        padding_bytes(2**39 + 1 - 6)


@given(st.integers(0, 2**32 - 1))
def test_the_padding_header_always_takes_six_octets(body_bytes: int) -> None:
    assert padding_header(body_bytes) == b"\xd5\xff" + body_bytes.to_bytes(4, "big")


@given(st.integers(0, 3 << 18))
def test_padding_octets_are_a_prefix_of_one_stream(count: int) -> None:
    octets = b"".join(padding_octets(KEY, bytes(32), count))
    longer = b"".join(padding_octets(KEY, bytes(32), count + 1))
    assert len(octets) == count
    assert longer.startswith(octets)


def test_padding_octets_differ_by_salt_and_by_session_key() -> None:
    streams = {
        b"".join(padding_octets(key, salt, 64))
        for key in (KEY, SessionKey(bytes(32)))
        for salt in (bytes(32), b"\x01" * 32)
    }
    assert len(streams) == 4
