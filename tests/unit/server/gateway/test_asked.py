from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.errors import InvalidInput
from hygieia.server.gateway.asked import (
    EntityBytes,
    Format,
    NotAcceptable,
    accepted,
    attachment,
    byte_range,
    car_parameters,
    wanted_format,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("query", "accept", "wanted"),
    [
        ({}, "", Format.FILE),
        ({}, "*/*", Format.FILE),
        ({}, BROWSER, Format.FILE),
        ({"format": "car"}, "application/vnd.ipld.raw", Format.CAR),
        ({}, "text/html, application/vnd.ipld.car;version=1", Format.CAR),
        ({}, "Application/Vnd.IPLD.Raw", Format.RAW),
        ({"format": "ipns-record"}, "", Format.RECORD),
    ],
)
def test_the_kind_of_answer_is_found(query: dict[str, str], accept: str, wanted: Format) -> None:
    assert wanted_format(query, accept) is wanted


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ({"format": "tar"}, ""),
        ({"format": ""}, ""),
        ({"format": "dag-json"}, "*/*"),
        ({}, "application/vnd.ipld.dag-cbor"),
        ({}, "application/x-tar"),
    ],
)
def test_other_kinds_are_not_served(query: dict[str, str], accept: str) -> None:
    with pytest.raises(NotAcceptable):
        wanted_format(query, accept)


@given(st.text(max_size=60), st.integers(0, 1 << 40))
def test_no_range_header_reaches_outside(header: str, size_bytes: int) -> None:
    try:
        part = byte_range(f"bytes={header}", size_bytes)
    except ValueError:
        return
    assert part is None or 0 <= part[0] < part[1] <= size_bytes


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 300))
def test_a_range_is_what_slicing_would_give(first: int, last: int, size_bytes: int) -> None:
    data = bytes(i % 251 for i in range(size_bytes))
    try:
        part = byte_range(f"bytes={first}-{last}", size_bytes)
    except ValueError:
        assert first >= size_bytes
        return
    if part is None:
        assert last < first
    else:
        assert data[part[0] : part[1]] == data[first : last + 1]


@given(st.integers(-300, 300), st.none() | st.integers(-300, 300), st.integers(0, 300))
def test_entity_bytes_stay_within_the_file(first: int, last: int | None, size_bytes: int) -> None:
    start, end = EntityBytes(first, last).within(size_bytes)
    assert start >= 0
    assert end <= size_bytes


@given(st.text(max_size=300))
def test_a_file_name_breaks_out_of_no_header_and_no_folder(name: str) -> None:
    header = attachment(name)
    match = re.fullmatch(
        r'attachment; filename="([^"\\]*)"(; filename\*=UTF-8\'\'([^ ;"]*))?', header
    )
    assert match is not None
    assert header.isascii()
    assert header.isprintable()
    assert "/" not in match[1]
    assert match[1] not in ("", ".", "..")


@given(st.text(max_size=80))
def test_any_accept_header_can_be_read(header: str) -> None:
    list(accepted(header))
    with pytest.MonkeyPatch.context():
        try:
            car_parameters({}, header)
        except InvalidInput:
            return


@pytest.mark.parametrize(
    "text", ["", "1", "1:", ":1", "1:2:3", "a:*", "1:+2", "*:*", "1" * 17 + ":*"]
)
def test_entity_bytes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        car_parameters({"entity-bytes": text}, "")
