"""Payloads sound and unsound, what writers must write, and how much padding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hygieia.openpgp.aead import ChunkSealer, Suite
from hygieia.openpgp.packets import Tag
from hygieia.openpgp.padding import padding_bytes, padme
from hygieia.openpgp.payload import LITERAL_START, encrypt_bytes
from hygieia.openpgp.session_keys import wrap
from tests.unit.openpgp import outside_cases as outside
from tests.unit.openpgp.openpgp_cases import body_of, literal, packet, padding
from tests.vectors.openpgp_envelopes import (
    ALTERED,
    ANA,
    KEY,
    REFUSED,
    content_of,
    verdict,
    word,
)
from tests.vectors.writing import Vector

Case = tuple[str, str, bytes, str | dict[str, Any]]

CHUNK = 1 << 18
SALT = word("salt")
TEXT = b"Befund: ohne Auffaelligkeit\n"
PAD = padding()


def sealed(inner: bytes) -> bytes:
    """A payload with anything at all inside, well encrypted."""
    sealer = ChunkSealer(KEY, SALT)
    chunks = [sealer.seal(inner[at : at + CHUNK]) for at in range(0, len(inner), CHUNK)]
    return packet(Tag.SEIPD, b"\x02\x09\x03\x0c" + SALT + b"".join((*chunks, sealer.finish())))


def sound() -> Iterator[Case]:
    good = encrypt_bytes(TEXT, KEY, salt=SALT)
    parts = b"\xcb\xe9" + LITERAL_START + b"x" * 506 + b"\xe0y" + b"\x01z"
    outer_parts = b"\xd2\xe9" + sealed(literal(bytes(600)) + PAD)[3:][:512]
    rest = sealed(literal(bytes(600)) + PAD)[3:][512:]
    yield "ok-text", "a short text", good, content_of(TEXT)
    yield "ok-empty", "no content", encrypt_bytes(b"", KEY, salt=SALT), content_of(b"")
    yield (
        "ok-floor",
        "padded to a floor of 8192",
        encrypt_bytes(TEXT, KEY, 8192, salt=SALT),
        content_of(TEXT),
    )
    yield (
        "ok-no-padme",
        "padding of any length will do",
        sealed(literal(TEXT) + PAD),
        content_of(TEXT),
    )
    yield (
        "ok-literal-lengths",
        "partial and one-octet lengths inside",
        sealed(parts + PAD),
        content_of(b"x" * 506 + b"yz"),
    )
    yield (
        "ok-padding-one-octet-length",
        "the padding's length takes one octet",
        sealed(literal(TEXT) + b"\xd5\x01\x00"),
        content_of(TEXT),
    )
    yield (
        "ok-outer-lengths",
        "partial and five-octet lengths outside",
        outer_parts + b"\xff" + len(rest).to_bytes(4, "big") + rest,
        content_of(bytes(600)),
    )


def altered() -> Iterator[Case]:
    good = encrypt_bytes(TEXT, KEY, salt=SALT)
    body = body_of(good)
    wrong_total = ChunkSealer(KEY, SALT)
    chunk = wrong_total.seal(literal(TEXT) + PAD)
    wrong_total._total_bytes += 1
    totalled = packet(Tag.SEIPD, body[:36] + chunk + wrong_total.finish())
    yield "truncated", "cut within the only chunk", good[:-40], ALTERED
    yield "truncated-by-one", "the last octet is missing", good[:-1], ALTERED
    yield "nothing", "no octets", b"", ALTERED
    yield (
        "final-tag-missing",
        "the final tag is missing, the length corrected",
        packet(Tag.SEIPD, body[:-16]),
        ALTERED,
    )
    yield "final-tag-flipped", "a bit of the final tag", good[:-1] + bytes([good[-1] ^ 1]), ALTERED
    yield "final-tag-other-total", "the final tag covers another length", totalled, ALTERED
    yield (
        "flipped",
        "a bit of the ciphertext",
        good[:60] + bytes([good[60] ^ 8]) + good[61:],
        ALTERED,
    )
    yield "wrong-salt", "another salt", packet(Tag.SEIPD, body[:4] + word("x") + body[36:]), ALTERED


def other_packets() -> Iterator[Case]:
    good = encrypt_bytes(TEXT, KEY, salt=SALT)
    body = body_of(good)
    mode_1 = packet(Tag.SEIPD, b"\x02\x07\x03\x0c" + body[4:])
    yield "trailing-octet", "an octet after the packet", good + b"\x00", REFUSED
    yield "trailing-packet", "a literal after the packet", good + literal(), REFUSED
    yield "two-payloads", "two payloads", good + good, REFUSED
    yield "seipd1-as-vault-object", "SEIPD of version 1", outside.seipd_1(literal(TEXT)), REFUSED
    yield "sed-as-vault-object", "encryption without integrity", packet(Tag.SED, bytes(99)), REFUSED
    yield (
        "ocb-as-vault-object",
        "OCB",
        outside.seipd_2(literal(TEXT) + PAD, KEY.octets, Suite(mode=2, chunk_octet=12)),
        REFUSED,
    )
    yield (
        "other-chunk-octet",
        "GCM in chunks of 4 KiB",
        outside.seipd_2(literal(TEXT) + PAD, KEY.octets, Suite(chunk_octet=6)),
        REFUSED,
    )
    yield "other-cipher", "AES-128", mode_1, REFUSED
    yield "first-partial-too-short", "a first part of 256", b"\xd2\xe8" + body + bytes(200), REFUSED
    yield "plaintext", "a PDF", b"%PDF-1.7\n" + TEXT * 4, REFUSED
    yield "pkesk-first", "a recipient first", wrap(KEY, ANA.certificate) + good, REFUSED


def other_insides() -> Iterator[Case]:
    good = encrypt_bytes(TEXT, KEY, salt=SALT)
    signed = outside.one_pass() + literal(TEXT) + outside.signature() + PAD
    yield "no-padding", "no padding", sealed(literal(TEXT)), REFUSED
    yield "empty-inside", "nothing inside", sealed(b""), REFUSED
    yield "padding-first", "padding first", sealed(PAD + literal(TEXT)), REFUSED
    yield "two-literals", "two literals", sealed(literal(TEXT) + literal(TEXT) + PAD), REFUSED
    yield "two-paddings", "two paddings", sealed(literal(TEXT) + PAD + PAD), REFUSED
    yield "packet-after-padding", "a marker", sealed(literal(TEXT) + PAD + b"\xca\x03PGP"), REFUSED
    yield "compression", "compressed", sealed(outside.compressed(literal(TEXT)) + PAD), REFUSED
    yield "signature", "signed inside", sealed(signed), REFUSED
    yield "nested-message", "an encrypted message inside", sealed(good + PAD), REFUSED
    yield "file-name", "a file name", sealed(literal(TEXT, b"b\x01n" + bytes(4)) + PAD), REFUSED
    yield "date", "a date", sealed(literal(TEXT, b"b\x00\x65\x00\x00\x00") + PAD), REFUSED
    yield "text-mode", "text mode", sealed(literal(TEXT, b"u\x00" + bytes(4)) + PAD), REFUSED
    yield (
        "legacy-literal",
        "a legacy literal",
        sealed(b"\xac\x07" + LITERAL_START + b"x" + PAD),
        REFUSED,
    )
    yield "padding-cut-short", "padding cut short", sealed(literal(TEXT) + PAD[:-1]), ALTERED
    yield (
        "padding-partial",
        "padding in parts",
        sealed(literal() + b"\xd5\xe9" + bytes(513)),
        REFUSED,
    )
    yield "literal-cut-short", "a label cut short", sealed(packet(11, b"b\x00") + PAD), REFUSED


CHUNKED = bytes([0x61]) * 700_000
CHUNKED_TEXT = {"octet": "61", "count": len(CHUNKED)}


def chunked_payloads() -> Iterator[tuple[str, str, list[str | list[int]], str | dict[str, Any]]]:
    """Cuts of one payload of three chunks: octets in hex, or [from, to) of the sound payload."""
    good = encrypt_bytes(CHUNKED, KEY, salt=SALT)
    start, step = 6 + 36, CHUNK + 16
    first = [start, start + step]
    second = [start + step, start + 2 * step]
    third = [start + 2 * step, len(good) - 16]
    final = [len(good) - 16, len(good)]
    salt = [6, start]

    def framed(*pieces: list[int]) -> list[str | list[int]]:
        size = sum(end - begin for begin, end in (salt, *pieces))
        return ["d2ff" + size.to_bytes(4, "big").hex(), salt, *pieces]

    yield (
        "ok-three-chunks",
        "three chunks",
        framed(first, second, third, final),
        content_of(CHUNKED),
    )
    yield "chunk-swapped", "two chunks exchanged", framed(second, first, third, final), ALTERED
    yield "chunk-dropped", "a chunk missing", framed(first, third, final), ALTERED
    yield "chunk-repeated", "a chunk twice", framed(first, second, second, third, final), ALTERED
    yield "truncated-at-chunk", "cut where a chunk ends", framed(first, second), ALTERED
    yield (
        "truncated-with-final-tag",
        "the last chunk missing, the final tag there",
        framed(first, second, final),
        ALTERED,
    )


def empty_last_chunk() -> tuple[bytes, list[str | list[int]]]:
    """A payload of one full chunk, and the same with an empty chunk, well sealed, behind it."""
    content = bytes([0x61]) * (CHUNK - 12 - 6)  # between literal's head and padding's
    sealer = ChunkSealer(KEY, SALT)
    sealer.seal(bytes(CHUNK))
    rest = sealer.seal(b"") + sealer.finish()
    start = 6 + 36
    size = 36 + CHUNK + 16 + len(rest)
    head = "d2ff" + size.to_bytes(4, "big").hex()
    return content, [head, [6, start], [start, start + CHUNK + 16], rest.hex()]


def payloads() -> Iterator[Vector]:
    head = {"kind": "payload", "session_key": KEY.octets.hex()}
    for name, what, data, expect in (*sound(), *altered(), *other_packets(), *other_insides()):
        yield name, {"what": what, **head, "data": data.hex(), "expect": verdict(expect)}
    wrong = word("another session key").hex()
    good = encrypt_bytes(b"content", KEY, salt=SALT)
    other = {"kind": "payload", "session_key": wrong, "data": good.hex()}
    yield "wrong-session-key", {"what": "another key", **other, "expect": verdict(ALTERED)}
    made = {"session_key": KEY.octets.hex(), "salt": SALT.hex(), "content": CHUNKED_TEXT}
    for name, what, pieces, expect in chunked_payloads():
        cut = {"payload": made, "pieces": pieces}
        yield name, {"what": what, **head, "data": cut, "expect": verdict(expect)}
    content, pieces = empty_last_chunk()
    made = made | {"content": {"octet": "61", "count": len(content)}}
    cut = {"payload": made, "pieces": pieces}
    what = "an empty chunk at the end"
    yield "chunk-empty", {"what": what, **head, "data": cut, "expect": verdict(ALTERED)}


def encryptions() -> Iterator[Vector]:
    mib = 1 << 20
    lengths = {
        "ok-empty": 0,
        "ok-one": 1,
        "ok-two-octet-length": 186,
        "ok-five-octet-length": 8378,
        "ok-chunk-full": CHUNK - 14,
        "ok-part-less-one": mib - 7,
        "ok-part-full": mib - 6,
        "ok-part-and-one": mib - 5,
        "ok-two-parts": 2 * mib,
        "ok-three-mib-and-more": 3 * mib + 12_345,
    }
    for name, length in lengths.items():
        yield name, _encryption(length, 0)
    yield "ok-floor-32768", _encryption(100, 32_768)
    yield "ok-floor-below", _encryption(40_000, 32_768)


def _encryption(length: int, floor: int) -> dict[str, Any]:
    payload = encrypt_bytes(b"\x62" * length, KEY, floor, salt=SALT)
    return {
        "what": f"{length} octets, floor {floor}: writers give exactly these octets",
        "kind": "encrypt",
        "session_key": KEY.octets.hex(),
        "salt": SALT.hex(),
        "content": {"octet": "62", "count": length},
        "floor": floor,
        "expect": content_of(payload),
    }


def paddings() -> Iterator[Vector]:
    lengths = [0, 1, 2, 8, 9, 13, 100, 1000, 1025, 8192, 262_144, 262_145, 10**9, 2**40 + 1]
    yield (
        "ok-padme",
        {
            "what": "the padded length of some lengths",
            "kind": "padme",
            "cases": [[length, padme(length)] for length in lengths],
            "expect": {},
        },
    )
    pairs = [(8, 0), (9, 0), (194, 0), (8389, 0), (100, 8192), (8186, 8192), (8187, 8192)]
    yield (
        "ok-padding",
        {
            "what": "padding body for an encoded literal's length and a floor",
            "kind": "padding",
            "cases": [[size, floor, padding_bytes(size, floor)] for size, floor in pairs],
            "expect": {},
        },
    )
