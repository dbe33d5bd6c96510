from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.errors import EnvelopeRefused, HygieiaError, LimitExceeded
from hygieia.limits import MAX_HEADER_BYTES, MAX_PKESKS
from hygieia.openpgp.packets import (
    SEIPD_START,
    Tag,
    check_payload_start,
    parse_header_leaf,
    pkesk_digest,
    read_header,
    split_header,
    write_header,
)
from hygieia.openpgp.payload import encrypt_bytes
from hygieia.openpgp.session_keys import make_session_key, wrap
from tests.unit.openpgp.openpgp_cases import ana, boris, packet


def a_pkesk() -> bytes:
    return wrap(make_session_key(), ana().certificate)


def with_body(change: dict[int, int]) -> bytes:
    """A good PKESK packet with some octets of its body replaced."""
    octets = bytearray(a_pkesk())
    for place, value in change.items():
        octets[2 + place] = value
    return bytes(octets)


@given(st.sampled_from(list(Tag)), st.integers(0, 2**32 - 1))
def test_a_written_packet_header_reads_back(tag: Tag, body_bytes: int) -> None:
    octets = write_header(tag, body_bytes)
    header = read_header(octets)
    assert header is not None
    assert (header.tag, header.length.body_bytes, header.octets) == (tag, body_bytes, len(octets))
    assert not header.legacy
    assert not header.length.partial


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_a_packet_header_cut_short_asks_for_more(body_bytes: int, cut: int) -> None:
    octets = write_header(Tag.LITERAL, body_bytes)
    assert read_header(octets[: max(0, len(octets) - cut)]) is None


@pytest.mark.parametrize(
    ("octets", "length"), [("8405", 5), ("99012c", 300), ("9a00010000", 65536)]
)
def test_a_legacy_header_is_read(octets: str, length: int) -> None:
    header = read_header(bytes.fromhex(octets))
    assert header is not None
    assert header.legacy
    assert header.length.body_bytes == length


def test_a_legacy_header_may_leave_the_length_open() -> None:
    header = read_header(b"\xa3\x01")
    assert header is not None
    assert header.tag == Tag.COMPRESSED
    assert header.length.body_bytes is None


def test_octets_that_start_no_packet_are_refused() -> None:
    with pytest.raises(EnvelopeRefused):
        read_header(b"%PDF-1.7")


@pytest.mark.parametrize("tag", [Tag.PKESK, Tag.SIGNATURE, Tag.PADDING])
def test_a_packet_without_data_has_no_partial_length(tag: Tag) -> None:
    with pytest.raises(EnvelopeRefused):
        read_header(bytes([0xC0 | tag, 0xE9]))


def test_a_first_partial_length_below_512_is_refused() -> None:
    with pytest.raises(EnvelopeRefused):
        read_header(bytes([0xC0 | Tag.SEIPD, 0xE8]))


def test_a_header_leaf_comes_apart_into_its_packets() -> None:
    packets = [a_pkesk() for _ in range(3)]
    assert parse_header_leaf(b"".join(packets)) == tuple(packets)


def test_a_recipient_with_a_five_octet_length_is_accepted() -> None:
    body = a_pkesk()[2:]
    octets = b"\xc1\xff" + len(body).to_bytes(4, "big") + body
    assert parse_header_leaf(octets) == (octets,)


def test_as_many_recipients_as_the_limit_are_accepted() -> None:
    assert len(parse_header_leaf(a_pkesk() * MAX_PKESKS)) == MAX_PKESKS


def test_one_recipient_more_than_the_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        parse_header_leaf(a_pkesk() * (MAX_PKESKS + 1))


def test_a_header_leaf_longer_than_the_limit_is_refused_unread() -> None:
    with pytest.raises(LimitExceeded):
        parse_header_leaf(bytes(MAX_HEADER_BYTES + 1))


REFUSED_LEAVES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "plaintext": lambda: b"Dear doctor, ",
    "a packet cut short": lambda: a_pkesk()[:-1],
    "an octet after the last packet": lambda: a_pkesk() + b"\xc1",
    "version 3": lambda: with_body({0: 3}),
    "a named recipient": lambda: packet(
        Tag.PKESK, b"\x06\x15\x04" + bytes(20) + a_pkesk()[2 + 2 :]
    ),
    "another algorithm": lambda: with_body({2: 25}),
    "a point without its prefix": lambda: with_body({5: 0x04}),
    "a point of another bit length": lambda: with_body({4: 0x06}),
    "another length of the wrapped key": lambda: with_body({38: 40}),
    "a password recipient": lambda: packet(Tag.SKESK, bytes(87)) + a_pkesk(),
    "a marker": lambda: a_pkesk() + packet(Tag.MARKER, b"PGP"),
    "the legacy format": lambda: b"\x84" + a_pkesk()[1:],
    "a payload": lambda: a_pkesk() + encrypt_bytes(b"", make_session_key()),
}


@pytest.mark.parametrize("what", REFUSED_LEAVES)
def test_a_header_leaf_with_something_else_is_refused(what: str) -> None:
    with pytest.raises(EnvelopeRefused):
        parse_header_leaf(REFUSED_LEAVES[what]())


@given(st.binary(max_size=300))
def test_any_octets_are_parsed_or_refused_cleanly(octets: bytes) -> None:
    for check in (parse_header_leaf, split_header, check_payload_start):
        try:
            check(octets)
        except HygieiaError:
            continue


@given(st.data())
def test_any_changed_octet_before_the_secret_fields_is_refused(data: st.DataObject) -> None:
    octets = bytearray(a_pkesk())
    place = data.draw(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 40]))
    octets[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EnvelopeRefused):
        parse_header_leaf(bytes(octets))


def test_an_envelope_splits_where_its_payload_begins() -> None:
    key = make_session_key()
    packets = (wrap(key, ana().certificate), wrap(key, boris().certificate))
    payload = encrypt_bytes(b"content", key)
    assert split_header(b"".join(packets) + payload) == (packets, 2 * len(packets[0]))


def test_an_envelope_without_payload_is_refused() -> None:
    with pytest.raises(EnvelopeRefused):
        split_header(a_pkesk())


def test_a_payload_begins_as_the_format_has_it() -> None:
    check_payload_start(encrypt_bytes(b"", make_session_key()))
    check_payload_start(encrypt_bytes(bytes(3 << 20), make_session_key())[: 1 << 20])


BODY = SEIPD_START + bytes(32 + 16)
REFUSED_STARTS = {
    "plaintext": b"%PDF-1.7 and so on, for more octets than the shortest packet would have",
    "nothing": b"",
    "SEIPD version 1": packet(Tag.SEIPD, b"\x01" + bytes(60)),
    "packets without protection": packet(Tag.SED, bytes(60)),
    "OCB": packet(Tag.SEIPD, b"\x02\x09\x02\x0c" + bytes(48)),
    "AES-128": packet(Tag.SEIPD, b"\x02\x07\x03\x0c" + bytes(48)),
    "another chunk size": packet(Tag.SEIPD, b"\x02\x09\x03\x06" + bytes(48)),
    "a body too short for a message": packet(Tag.SEIPD, BODY[:-1]),
    "a body cut short": packet(Tag.SEIPD, BODY)[:-1],
    "a literal": packet(Tag.LITERAL, bytes(80)),
}


@pytest.mark.parametrize("what", REFUSED_STARTS)
def test_a_payload_that_begins_otherwise_is_refused(what: str) -> None:
    with pytest.raises(EnvelopeRefused):
        check_payload_start(REFUSED_STARTS[what])


def test_a_packets_digest_covers_its_tag_and_length() -> None:
    octets = a_pkesk()
    assert pkesk_digest(octets) == hashlib.sha256(octets).hexdigest()


def test_the_public_checks_load_no_secret_code() -> None:
    program = (
        "import sys, hygieia.openpgp.packets, hygieia.openpgp.framing;"
        "print([m for m in sys.modules if m.startswith(('pgpy', 'cryptography', 'argon2'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
