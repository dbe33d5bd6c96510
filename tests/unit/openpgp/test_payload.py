from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygieia.errors import EnvelopeRefused, HygieiaError, IntegrityError, LimitExceeded
from hygieia.limits import CHUNK_BYTES
from hygieia.openpgp.aead import ChunkOpener, ChunkSealer, Suite
from hygieia.openpgp.packets import Tag, check_payload_start
from hygieia.openpgp.padding import padme
from hygieia.openpgp.payload import (
    LITERAL_START,
    PayloadReader,
    PayloadWriter,
    decrypt_bytes,
    encrypt_bytes,
)
from hygieia.openpgp.session_keys import SessionKey, make_session_key
from tests.unit.openpgp.openpgp_cases import CHUNK, MIB, literal, packet, padding, seal_inner

KEY = SessionKey(bytes(range(32)))
SALT = bytes(range(32, 64))
OCTETS = bytes(range(251)) * (5 * MIB // 251)

CHUNK_START = 8  # octets of the literal's header in front of the content's first
LENGTHS = st.one_of(
    st.integers(0, 300),
    st.integers(0, 70_000),
    st.integers(-12, 12).map(lambda d: CHUNK - CHUNK_START + d),
    st.integers(-12, 12).map(lambda d: MIB // 2 + d),
    st.integers(-12, 12).map(lambda d: MIB + d),
    st.integers(-12, 12).map(lambda d: 4 * MIB + d),
    st.integers(0, 4 * MIB),
)
STEPS = st.lists(st.integers(1, 3 * MIB), max_size=4)


def written(content: bytes, steps: list[int], floor: int = 0, salt: bytes = SALT) -> bytes:
    writer = PayloadWriter(KEY, salt=salt)
    leaves: list[bytearray] = []
    offset = 0
    for step in [*steps, len(content)]:
        leaves += writer.update(content[offset : offset + step])
        offset += step
    leaves += writer.finish(floor)
    assert {len(leaf) for leaf in leaves[:-1]} <= {CHUNK_BYTES}
    assert 0 < len(leaves[-1]) <= CHUNK_BYTES
    return b"".join(leaves)


def opened(payload: bytes, steps: list[int], key: SessionKey = KEY) -> bytes:
    reader = PayloadReader(key)
    content = []
    offset = 0
    for step in [*steps, len(payload)]:
        content += reader.update(payload[offset : offset + step])
        offset += step
    return b"".join(content + reader.finish())


@settings(max_examples=60)
@given(LENGTHS, STEPS, STEPS)
def test_what_is_written_is_read_whatever_the_steps(
    length: int, write_steps: list[int], read_steps: list[int]
) -> None:
    content = OCTETS[:length]
    assert opened(written(content, write_steps), read_steps) == content


@settings(max_examples=60)
@given(LENGTHS, STEPS, st.integers(0, 40_000))
def test_streaming_and_at_once_give_the_same_octets(
    length: int, steps: list[int], floor: int
) -> None:
    content = OCTETS[:length]
    payload = encrypt_bytes(content, KEY, floor, salt=SALT)
    assert written(content, steps, floor) == payload
    assert decrypt_bytes(payload, KEY, length) == content
    check_payload_start(payload[:CHUNK_BYTES])


def test_the_same_key_and_salt_give_the_same_octets_and_others_do_not() -> None:
    assert written(b"same", []) == written(b"same", [])
    assert encrypt_bytes(b"same", KEY) != encrypt_bytes(b"same", KEY)


def inner_length(payload: bytes) -> int:
    """Octets of the packets inside, from the payload's own total (RFC 9580 §5.13.2)."""
    opener = ChunkOpener(KEY.octets, SALT)
    body = payload[2 if payload[1] < 192 else 3 if payload[1] < 224 else 6 :]
    chunks = opener.update(memoryview(body)[36:])
    return sum(map(len, chunks)) + len(opener.finish() or b"")


@given(st.integers(0, 3000))
def test_the_inside_is_as_long_as_padme_says(length: int) -> None:
    least = length + len(LITERAL_START) + (2 if length + 6 < 192 else 3) + 6
    assert inner_length(encrypt_bytes(OCTETS[:length], KEY, salt=SALT)) == padme(least)


@pytest.mark.parametrize("length", [0, 1, 32_000, 32_754, 32_755, 33_000])
def test_a_floor_lifts_what_is_shorter(length: int) -> None:
    inside = inner_length(encrypt_bytes(OCTETS[:length], KEY, 32_768, salt=SALT))
    assert inside == max(32_768, padme(length + 9 + 6))


def test_lengths_in_one_class_cannot_be_told_apart() -> None:
    lengths = {len(encrypt_bytes(OCTETS[:length], KEY)) for length in range(40_000, 40_400)}
    assert len(lengths) <= 2


@settings(max_examples=80)
@given(st.integers(0, 1000), st.data())
def test_any_flipped_bit_is_refused(length: int, data: st.DataObject) -> None:
    payload = bytearray(encrypt_bytes(OCTETS[:length], KEY))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(IntegrityError):
        opened(bytes(payload), [])


@settings(max_examples=20)
@given(st.integers(CHUNK, 2 * MIB), st.data())
def test_any_flipped_bit_of_a_longer_payload_is_refused(length: int, data: st.DataObject) -> None:
    payload = bytearray(written(OCTETS[:length], []))
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= 0x10
    with pytest.raises(IntegrityError):
        opened(bytes(payload), [])


@settings(max_examples=60)
@given(LENGTHS, st.data())
def test_any_truncation_is_refused(length: int, data: st.DataObject) -> None:
    payload = written(OCTETS[:length], [])
    cut = data.draw(st.one_of(st.integers(1, min(40, len(payload))), st.integers(1, len(payload))))
    with pytest.raises(IntegrityError):
        opened(payload[:-cut], [])


@given(st.binary(min_size=1, max_size=40))
def test_anything_after_the_payload_is_refused(tail: bytes) -> None:
    with pytest.raises(IntegrityError):
        opened(encrypt_bytes(b"content", KEY) + tail, [])


@given(st.binary(max_size=400))
def test_any_octets_at_all_are_refused_cleanly(octets: bytes) -> None:
    with pytest.raises(HygieiaError):
        opened(octets, [])


def chunks_of(content: bytes) -> list[bytes]:
    """A payload's sealed chunks, the final tag last."""
    sealer = ChunkSealer(KEY, SALT)
    inner = literal(content) + padding()
    parts = [sealer.seal(inner[at : at + CHUNK]) for at in range(0, len(inner), CHUNK)]
    return [*parts, sealer.finish()]


def payload_of(chunks: list[bytes], start: bytes = b"\x02\x09\x03\x0c") -> bytes:
    return packet(Tag.SEIPD, start + SALT + b"".join(chunks))


@pytest.mark.parametrize(
    "order",
    [
        (1, 0, 2, 3, 4),
        (0, 2, 1, 3, 4),
        (0, 1, 1, 2, 3, 4),
        (0, 2, 3, 4),
        (0, 1, 2, 4),
        (0, 1, 2, 3),
        (0, 1, 4),
        (4,),
        (0, 1, 2, 3, 3),
        (0, 1, 2, 3, 4, 4),
    ],
    ids=str,
)
def test_chunks_swapped_dropped_or_repeated_are_refused(order: tuple[int, ...]) -> None:
    chunks = chunks_of(OCTETS[: 3 * CHUNK + 1000])
    assert opened(payload_of(chunks), []) == OCTETS[: 3 * CHUNK + 1000]
    with pytest.raises(IntegrityError):
        opened(payload_of([chunks[number] for number in order]), [])


def test_chunks_of_another_payload_under_the_same_session_key_are_refused() -> None:
    one = encrypt_bytes(b"a" * 100, KEY, salt=SALT)
    other = encrypt_bytes(b"b" * 100, KEY, salt=SALT[::-1])
    start = one.index(SALT) + 32
    with pytest.raises(IntegrityError):
        opened(one[:start] + other[start:], [])


def test_another_session_key_is_refused() -> None:
    with pytest.raises(IntegrityError):
        opened(encrypt_bytes(b"content", KEY), [], make_session_key())


def test_nothing_is_released_before_its_chunk_is_authentic() -> None:
    payload = bytearray(written(OCTETS[:MIB], []))
    payload[300_000] ^= 1  # in the second chunk
    reader = PayloadReader(KEY)
    first = reader.update(payload[: CHUNK + 200])
    assert b"".join(first) == OCTETS[: CHUNK - 8]
    with pytest.raises(IntegrityError):
        reader.update(payload[CHUNK + 200 :])


INSIDES = {
    "nothing": b"",
    "no padding": literal(),
    "padding only": padding(),
    "padding first": padding() + literal(),
    "two literals": literal() + literal() + padding(),
    "two paddings": literal() + padding() + padding(),
    "a packet after the padding": literal() + padding() + packet(Tag.MARKER, b"PGP"),
    "a literal after the padding": literal() + padding() + literal(),
    "compression": packet(Tag.COMPRESSED, b"\x00" + literal()) + padding(),
    "a signature": packet(Tag.ONE_PASS_SIGNATURE, bytes(13)) + literal() + padding(),
    "a nested message": packet(Tag.SEIPD, b"\x02\x09\x03\x0c" + bytes(48)) + padding(),
    "a file name": literal(start=b"b\x04name" + bytes(4)) + padding(),
    "a date": literal(start=b"b\x00" + b"\x65\x00\x00\x00") + padding(),
    "text mode": literal(start=b"t\x00" + bytes(4)) + padding(),
    "a literal cut short": packet(Tag.LITERAL, b"b\x00") + padding(),
    "an empty literal packet": packet(Tag.LITERAL, b"") + padding(),
    "a legacy literal": b"\xac\x0d" + LITERAL_START + b"content" + padding(),
    "padding cut short": literal() + padding()[:-1],
    "padding with a partial length": literal() + b"\xd5\xe9" + bytes(512) + b"\x00",
}


@pytest.mark.parametrize("what", INSIDES)
def test_anything_inside_but_content_and_padding_is_refused(what: str) -> None:
    with pytest.raises(IntegrityError):
        opened(seal_inner(INSIDES[what], KEY), [])


PARTS = b"\xcb\xe9" + LITERAL_START + b"x" * 506 + b"\xe0y" + b"\x01z"
ACCEPTED = {
    "an empty literal": (literal(b"") + padding(), b""),
    "empty padding": (literal() + padding(b""), b"content"),
    "a short padding length": (literal() + b"\xd5\x01p", b"content"),
    "a two-octet padding length": (literal() + b"\xd5\xc0\x00" + bytes(192), b"content"),
    "a long literal length": (b"\xcb\xff\x00\x00\x00\x07" + LITERAL_START + b"c" + padding(), b"c"),
    "other partial lengths": (PARTS + padding(), b"x" * 506 + b"yz"),
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_any_encoding_of_lengths_is_read(what: str) -> None:
    inner, content = ACCEPTED[what]
    assert opened(seal_inner(inner, KEY), []) == content


def test_the_payload_may_be_framed_otherwise() -> None:
    body = encrypt_bytes(OCTETS[:600], KEY)[3:]
    framed = b"\xd2\xe9" + body[:512] + b"\xe1" + body[512:514] + b"\xff\x00\x00"
    framed += (len(body) - 514).to_bytes(2, "big") + body[514:]
    assert opened(framed, []) == OCTETS[:600]


@pytest.mark.parametrize(
    "start",
    ["01", "02090312", "0209020c", "0207030c", "02090306", "0209030d", "0309030c"],
)
def test_any_other_kind_of_encryption_is_refused(start: str) -> None:
    with pytest.raises(EnvelopeRefused):
        opened(payload_of(chunks_of(b"content"), bytes.fromhex(start)), [])


def test_content_over_its_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        decrypt_bytes(encrypt_bytes(bytes(101), KEY), KEY, 100)


def test_nothing_can_be_sealed_after_the_end() -> None:
    sealer = ChunkSealer(KEY, SALT)
    sealer.finish()
    with pytest.raises(RuntimeError):
        sealer.seal(b"more")
    with pytest.raises(RuntimeError):
        sealer.finish()


def test_nothing_can_be_written_after_the_end() -> None:
    writer = PayloadWriter(KEY, salt=SALT)
    writer.finish()
    with pytest.raises(RuntimeError):
        writer.update(b"more")


def test_chunks_larger_than_the_standard_allows_are_refused() -> None:
    with pytest.raises(LimitExceeded):
        ChunkOpener(KEY.octets, SALT, Suite(chunk_octet=17))


def test_memory_stays_constant_whatever_the_length() -> None:
    tracemalloc.start()
    writer, reader = PayloadWriter(KEY), PayloadReader(KEY)
    piece = bytes(MIB)
    total = 0
    for _ in range(48):
        for leaf in writer.update(piece):
            total += sum(len(octets) for octets in reader.update(leaf))
    for leaf in writer.finish():
        total += sum(len(octets) for octets in reader.update(leaf))
    total += sum(len(octets) for octets in reader.finish())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 48 * MIB
    assert peak < 12 * MIB


def test_the_end_of_a_long_content_takes_no_more_memory_than_its_middle() -> None:
    """Its padding may be a 32nd of it: gibibytes, of the longest."""
    writer = PayloadWriter(make_session_key())
    tracemalloc.start()
    try:
        size = sum(len(leaf) for leaf in writer.finishing(64 << 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 64 << 20
    assert peak < 8 << 20
