from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygieia.errors import EnvelopeRefused, IntegrityError, LimitExceeded
from hygieia.openpgp.framing import PacketSplitter, PartialFramer
from hygieia.openpgp.packets import Tag
from tests.unit.openpgp.openpgp_cases import MIB, packet

SOME_MIB = bytes(range(256)) * (4 * MIB // 256)


def framed(body: bytes, steps: list[int], piece_bytes: int = MIB, tail: bytes = b"") -> list[bytes]:
    framer = PartialFramer(Tag.SEIPD, piece_bytes)
    pieces: list[bytearray] = []
    offset = 0
    for step in [*steps, len(body)]:
        framer.write(body[offset : offset + step])
        pieces += framer.take()
        offset += step
    framer.finish()
    framer.append(tail)
    return [bytes(piece) for piece in pieces + framer.take_rest()]


def bodies(octets: bytes, steps: list[int], *, legacy: bool = False) -> list[tuple[int, bytes]]:
    """Feed in steps; the packets found."""
    splitter = PacketSplitter(legacy=legacy)
    found: list[tuple[int, bytes]] = []
    offset = 0
    for step in [*steps, len(octets)]:
        for piece in splitter.feed(octets[offset : offset + step]):
            if piece.starts:
                found.append((piece.tag, b""))
            tag, body = found[-1]
            found[-1] = (tag, body + bytes(piece.octets))
        offset += step
    splitter.finish()
    return found


STEPS = st.lists(st.integers(0, MIB + 7), max_size=5)
LENGTHS = st.one_of(
    st.integers(0, 2000),
    st.integers(-3, 3).map(lambda d: MIB + d),
    st.integers(-3, 3).map(lambda d: 2 * MIB + d),
    st.integers(0, 3 * MIB),
)


@settings(max_examples=40)
@given(LENGTHS, STEPS, st.sampled_from([1 << 18, MIB]), STEPS)
def test_what_is_framed_splits_again(
    length: int, write_steps: list[int], piece_bytes: int, read_steps: list[int]
) -> None:
    body = SOME_MIB[:length]
    tail = packet(Tag.PADDING, b"\x00" * 5)
    pieces = framed(body, write_steps, piece_bytes, tail)
    assert {len(piece) for piece in pieces[:-1]} <= {piece_bytes}
    assert bodies(b"".join(pieces), read_steps) == [(Tag.SEIPD, body), (Tag.PADDING, bytes(5))]


@pytest.mark.parametrize(
    ("length", "start", "end"),
    [
        (0, "d200", ""),
        (191, "d2bf", ""),
        (192, "d2c000", ""),
        (8384, "d2ff000020c0", ""),
        (MIB, "d2f4", "00"),
        (MIB + 5, "d2f4", "05"),
    ],
)
def test_lengths_are_written_as_the_format_has_them(length: int, start: str, end: str) -> None:
    octets = b"".join(framed(SOME_MIB[:length], []))
    after = length - MIB if length > MIB else 0
    assert octets.startswith(bytes.fromhex(start))
    if end:
        assert octets[2 + MIB : len(octets) - after].hex() == end


def test_pieces_come_out_while_the_body_is_still_growing() -> None:
    framer = PartialFramer(Tag.SEIPD, MIB)
    counts = []
    for _ in range(4):
        framer.write(SOME_MIB[:MIB])
        counts.append(len(framer.take()))
    assert sum(counts) >= 2


def test_a_recycled_piece_is_used_again() -> None:
    framer = PartialFramer(Tag.SEIPD, 1 << 18)
    framer.write(SOME_MIB[: MIB + 1])
    spare = framer.take()[0]
    framer.recycle(spare)
    framer.write(SOME_MIB[: 2 * MIB])
    assert any(piece is spare for piece in framer.take() + framer._held + [framer._piece])


def test_a_place_is_given_only_where_the_octets_stay_together() -> None:
    framer = PartialFramer(Tag.SEIPD, MIB)
    assert framer.place(MIB) is None
    place = framer.place(100)
    assert place is not None
    place[:] = b"x" * 100
    place.release()
    framer.advance(100)
    framer.finish()
    assert b"".join(framer.take_rest()) == b"\xd2\x64" + b"x" * 100


@pytest.mark.parametrize(
    "cut", [1, 2, 3, 600], ids=["in the header", "after it", "in the body", "before the last part"]
)
def test_a_stream_that_ends_within_a_packet_is_refused(cut: int) -> None:
    octets = b"\xd2\xe9" + bytes(512) + b"\x80" + bytes(128)
    with pytest.raises(IntegrityError):
        bodies(octets[:-cut] if cut == 600 else octets[:cut], [])


def test_an_empty_packet_has_one_empty_piece() -> None:
    assert bodies(b"\xd5\x00\xd5\x00", []) == [(Tag.PADDING, b""), (Tag.PADDING, b"")]


def test_thousands_of_tiny_parts_are_refused() -> None:
    with pytest.raises(LimitExceeded):
        bodies(b"\xd2\xe9" + bytes(512) + b"\xe0\x00" * 5000 + b"\x00", [])


def test_the_legacy_format_is_for_imports_only() -> None:
    octets = b"\xac\x03abc"
    assert bodies(octets, [], legacy=True) == [(Tag.LITERAL, b"abc")]
    with pytest.raises(EnvelopeRefused):
        bodies(octets, [])


def test_an_open_length_lasts_until_the_stream_ends() -> None:
    splitter = PacketSplitter(legacy=True)
    pieces = [*splitter.feed(b"\xa3ab"), *splitter.feed(b"c")]
    last = splitter.finish()
    assert b"".join(bytes(piece.octets) for piece in pieces) == b"abc"
    assert last is not None
    assert last.ends
