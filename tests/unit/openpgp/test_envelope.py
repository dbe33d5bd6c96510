from __future__ import annotations

import io
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hygieia.errors import EnvelopeRefused, IntegrityError, InvalidInput, LimitExceeded
from hygieia.limits import MAX_PKESKS
from hygieia.openpgp.envelope import (
    EnvelopeReader,
    make_header,
    open_envelope,
    open_small,
    rewrap,
)
from hygieia.openpgp.packets import parse_header_leaf, pkesk_digest, split_header
from hygieia.openpgp.payload import encrypt_bytes
from hygieia.openpgp.session_keys import make_session_key, unwrap, wrap
from tests.unit.openpgp.openpgp_cases import MIB, ana, boris

KEY = make_session_key()
CONTENT = bytes(range(256)) * 3
PAYLOAD = encrypt_bytes(CONTENT, KEY)


def header_for_both() -> bytes:
    return make_header(KEY, [ana().certificate, boris().certificate])


def opened(envelope: bytes, steps: list[int] | None = None) -> bytes:
    reader = EnvelopeReader(ana())
    content = []
    offset = 0
    for step in [*(steps or []), len(envelope)]:
        content += reader.update(envelope[offset : offset + step])
        offset += step
    return b"".join(content + reader.finish())


def test_every_recipient_opens_the_envelope() -> None:
    envelope = header_for_both() + PAYLOAD
    for key in (ana(), boris()):
        assert b"".join(open_envelope(io.BytesIO(envelope), key)) == CONTENT


def test_the_session_key_opens_it_too() -> None:
    assert b"".join(open_envelope(io.BytesIO(header_for_both() + PAYLOAD), KEY)) == CONTENT


@settings(max_examples=15)
@given(st.integers(0, 3 * MIB), st.lists(st.integers(1, MIB), max_size=4))
def test_envelopes_of_any_length_open_in_any_steps(length: int, steps: list[int]) -> None:
    content = (CONTENT * 4096)[:length]
    assert opened(header_for_both() + encrypt_bytes(content, KEY), steps) == content


def test_a_stranger_is_told_that_it_is_not_for_him() -> None:
    header = make_header(KEY, [boris().certificate])
    with pytest.raises(EnvelopeRefused, match="not among the recipients"):
        opened(header + PAYLOAD)
    with pytest.raises(EnvelopeRefused, match="not among the recipients"):
        open_small(header, PAYLOAD, ana(), 1000)


def test_the_order_of_recipients_is_random() -> None:
    header = make_header(KEY, [ana().certificate] + [boris().certificate] * 3)
    mine = pkesk_digest(unwrap(parse_header_leaf(header), ana()).packet)
    places: Counter[int] = Counter()
    for _ in range(60):
        packets = parse_header_leaf(rewrap(header, KEY).octets)
        places[[pkesk_digest(packet) for packet in packets].index(mine)] += 1
    assert set(places) == {0, 1, 2, 3}


@given(st.integers(0, 4), st.integers(0, 4))
def test_rewrap_keeps_the_other_packets_byte_for_byte(kept: int, added: int) -> None:
    header = make_header(KEY, [ana().certificate] + [boris().certificate] * kept)
    result = rewrap(header, KEY, add=[boris().certificate] * added)
    after = parse_header_leaf(result.octets)
    assert set(parse_header_leaf(header)) <= set(after)
    assert len(after) == 1 + kept + added
    new = set(after) - set(parse_header_leaf(header))
    assert {pkesk_digest(packet) for packet in new} == set(result.added)


def test_a_reader_added_by_rewrap_opens_the_unchanged_payload() -> None:
    header = make_header(KEY, [ana().certificate])
    result = rewrap(header, KEY, add=[boris().certificate])
    envelope = result.octets + PAYLOAD
    assert envelope[split_header(envelope)[1] :] == PAYLOAD
    assert b"".join(open_envelope(io.BytesIO(envelope), boris())) == CONTENT


def test_a_reader_dropped_by_rewrap_opens_it_no_more() -> None:
    header = header_for_both()
    his = unwrap(parse_header_leaf(header), boris()).packet
    result = rewrap(header, KEY, drop=[pkesk_digest(his)])
    assert result.added == ()
    assert opened(result.octets + PAYLOAD) == CONTENT
    with pytest.raises(EnvelopeRefused):
        list(open_envelope(io.BytesIO(result.octets + PAYLOAD), boris()))


def test_a_packet_that_is_not_there_cannot_be_dropped() -> None:
    with pytest.raises(InvalidInput):
        rewrap(header_for_both(), KEY, drop=["0" * 64])


def test_the_last_reader_cannot_be_dropped() -> None:
    header = make_header(KEY, [ana().certificate])
    with pytest.raises(EnvelopeRefused):
        rewrap(header, KEY, drop=[pkesk_digest(header)])


def test_a_header_without_recipients_is_not_made() -> None:
    with pytest.raises(EnvelopeRefused):
        make_header(KEY, [])


def test_rewrap_stays_within_the_limit() -> None:
    packets = b"".join(wrap(KEY, ana().certificate) for _ in range(MAX_PKESKS))
    with pytest.raises(LimitExceeded):
        rewrap(packets, KEY, add=[boris().certificate])


def test_a_forged_packet_that_opens_to_another_key_does_no_harm() -> None:
    forged = wrap(make_session_key(), ana().certificate)
    header = forged + make_header(KEY, [ana().certificate])
    assert opened(header + PAYLOAD) == CONTENT
    found = open_small(header, PAYLOAD, ana(), 1000)
    assert (found.content, found.session_key) == (CONTENT, KEY)
    assert found.packet != forged


def test_a_forged_packet_does_no_harm_to_a_long_envelope() -> None:
    header = wrap(make_session_key(), ana().certificate) + make_header(KEY, [ana().certificate])
    content = bytes(2 * MIB)
    assert opened(header + encrypt_bytes(content, KEY), [700_000]) == content


def test_a_header_of_thousands_of_recipients_is_refused_unopened() -> None:
    packets = wrap(KEY, boris().certificate) * 2_900
    with pytest.raises(LimitExceeded):
        opened(packets + PAYLOAD)
    with pytest.raises(LimitExceeded):
        opened(packets * 2 + PAYLOAD)


@given(st.data())
def test_any_flipped_bit_of_an_envelope_to_one_reader_is_refused(data: st.DataObject) -> None:
    envelope = bytearray(make_header(KEY, [ana().certificate]) + PAYLOAD)
    octet, bit = data.draw(st.integers(0, len(envelope) - 1)), data.draw(st.integers(0, 7))
    assume((octet, bit) != (39, 7))  # X25519 masks the point's highest bit (RFC 7748 §5)
    envelope[octet] ^= 1 << bit
    with pytest.raises(IntegrityError):
        opened(bytes(envelope))


@given(st.integers(1, 1000))
def test_any_truncation_of_an_envelope_is_refused(cut: int) -> None:
    envelope = header_for_both() + PAYLOAD
    with pytest.raises(IntegrityError):
        opened(envelope[:-cut] if cut < len(envelope) else b"")


def test_an_opened_envelope_does_not_show_its_content() -> None:
    opened = open_small(header_for_both(), encrypt_bytes(b"diagnosis", KEY), ana(), 100)
    assert opened.content == b"diagnosis"
    assert "diagnosis" not in repr(opened)


def test_content_over_its_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        open_small(make_header(KEY, [ana().certificate]), PAYLOAD, ana(), len(CONTENT) - 1)
