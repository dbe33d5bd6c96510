"""RC-06: a header of thousands of anonymous recipients, each of which would have to be tried."""

from __future__ import annotations

import io
from unittest.mock import patch

import pytest

from hygieia.errors import LimitExceeded
from hygieia.limits import MAX_PKESKS
from hygieia.openpgp.envelope import open_envelope
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.packets import parse_header_leaf
from hygieia.openpgp.payload import encrypt_bytes
from hygieia.openpgp.session_keys import make_session_key, unwrap, wrap
from tests.unit.openpgp import outside_cases as outside
from tests.unit.openpgp.openpgp_cases import ana, boris

KEY = make_session_key()
HIS = wrap(KEY, boris().certificate)
PAYLOAD = encrypt_bytes(b"content", KEY)


def test_it_is_refused_before_the_first_is_tried() -> None:
    with patch.object(UnlockedKey, "ecdh", side_effect=AssertionError("tried")):
        with pytest.raises(LimitExceeded):
            list(open_envelope(io.BytesIO(HIS * 3000 + PAYLOAD), ana()))
        with pytest.raises(LimitExceeded):
            outside.imported(HIS * 3000 + PAYLOAD, ana())


def test_as_many_as_the_limit_are_tried_to_the_last() -> None:
    header = HIS * (MAX_PKESKS - 1) + wrap(KEY, ana().certificate)
    assert unwrap(parse_header_leaf(header), ana()).session_key == KEY
    assert list(open_envelope(io.BytesIO(header + PAYLOAD), ana())) == [b"content"]


def test_a_header_that_never_ends_is_not_collected() -> None:
    class Endless(io.RawIOBase):
        given_bytes = 0

        def read(self, size: int = -1) -> bytes:
            self.given_bytes += size
            return (HIS * (size // len(HIS) + 1))[:size]

    source = Endless()
    with pytest.raises(LimitExceeded):
        list(open_envelope(source, ana()))  # type: ignore[arg-type]  # a stand-in for the test
    assert source.given_bytes <= 2 << 20
