from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygieia.errors import EnvelopeRefused, HygieiaError, IntegrityError, LimitExceeded
from hygieia.openpgp.aead import OCB, Suite
from hygieia.openpgp.imported import Protection, open_message
from hygieia.openpgp.outside_content import ImportLimits, claimed_issuer
from hygieia.openpgp.packets import GCM, Tag
from hygieia.openpgp.session_keys import make_session_key, wrap
from tests.unit.openpgp import outside_cases as cases
from tests.unit.openpgp.openpgp_cases import (
    ana,
    body_of,
    boris,
    literal,
    packet,
    padding,
    seal_inner,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = b"Haemoglobin 13.1 g/dl\n" * 400
NAMED = literal(CONTENT, b"b\x08scan.txt\x65\x00\x00\x00")
SKESK = packet(Tag.SKESK, b"\x04\x09\x03\x08" + bytes(8) + b"\x60")


def v1(inner: bytes = NAMED, **choices: bytes) -> bytes:
    return cases.pkesk_3(ana()) + cases.seipd_1(inner, **choices)


def v2(inner: bytes = NAMED, suite: Suite | None = None) -> bytes:
    return cases.pkesk_6(ana()) + cases.seipd_2(inner, suite=suite)


MESSAGES: dict[str, Callable[[], bytes]] = {
    "version 1, named": v1,
    "version 1, anonymous": lambda: cases.pkesk_3(ana(), named=False) + cases.seipd_1(NAMED),
    "version 1, AES-128": lambda: (
        cases.pkesk_3(ana(), bytes(16), 7) + cases.seipd_1(NAMED, bytes(16))
    ),
    "version 1, AES-192": lambda: (
        cases.pkesk_3(ana(), bytes(24), 8) + cases.seipd_1(NAMED, bytes(24))
    ),
    "version 2, named, OCB": v2,
    "version 2, anonymous": lambda: cases.pkesk_6(ana(), named=False) + cases.seipd_2(NAMED),
    "version 2, GCM, large chunks": lambda: v2(suite=Suite(mode=GCM, chunk_octet=16)),
    "version 2, AES-128": lambda: (
        cases.pkesk_6(ana(), bytes(16)) + cases.seipd_2(NAMED, bytes(16), Suite(7, OCB, 10))
    ),
    "an envelope of ours": lambda: (
        cases.pkesk_of_vault(ana()) + cases.seipd_2(NAMED + padding(), suite=Suite())
    ),
    "ZIP": lambda: v2(cases.compressed(NAMED, cases.ZIP)),
    "ZLIB": lambda: v1(cases.compressed(NAMED, cases.ZLIB)),
    "BZip2": lambda: v2(cases.compressed(NAMED, cases.BZIP2)),
    "signed": lambda: v1(cases.one_pass() + NAMED + cases.signature()),
    "signed, then compressed": lambda: v2(
        cases.compressed(cases.one_pass() + NAMED + cases.signature())
    ),
    "signed around compression": lambda: v2(
        cases.one_pass() + cases.compressed(NAMED) + cases.signature()
    ),
    "signed in the old way": lambda: v1(cases.signature() + NAMED),
    "several recipients": lambda: cases.pkesk_3(boris()) + cases.pkesk_6(boris()) + SKESK + v2(),
    "a recipient of another algorithm": lambda: (
        packet(Tag.PKESK, b"\x03" + bytes(8) + b"\x01\x10\x00" + bytes(512)) + v1()
    ),
    "marker and padding": lambda: (
        packet(Tag.MARKER, b"PGP") + padding() + v2(padding() + NAMED + padding()) + padding()
    ),
    "the legacy packet format": lambda: v1(
        b"\xa3"
        + body_of(
            cases.compressed(b"\xad" + len(body_of(NAMED)).to_bytes(2, "big") + body_of(NAMED))
        )
    ),
}


@pytest.mark.parametrize("what", MESSAGES)
def test_what_outsiders_write_is_read(what: str) -> None:
    opened = cases.imported(MESSAGES[what](), ana())
    assert opened.content == CONTENT
    assert opened.found.content.content_bytes == len(CONTENT)
    assert opened.found.content.file_name == b"scan.txt"


def test_it_is_said_how_the_message_was_protected() -> None:
    assert cases.imported(v1(), ana()).found.protection is Protection.SEIPD1
    assert cases.imported(v2(), ana()).found.protection is Protection.SEIPD2


def test_signatures_are_reported_with_the_issuer_they_claim() -> None:
    inner = cases.one_pass() + NAMED + cases.signature(b"\xab" * 8)
    found = cases.imported(v2(cases.compressed(inner)), ana()).found.content
    assert [each.issuer for each in found.signatures] == ["ab" * 8]
    assert found.compressed


@given(st.binary(max_size=120))
def test_any_signature_names_somebody_or_nobody(body: bytes) -> None:
    for version in (b"", b"\x03", b"\x04", b"\x06"):
        issuer = claimed_issuer(version + body)
        assert issuer is None or bytes.fromhex(issuer) in body


REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "plaintext": lambda: b"Dear Ana,\n",
    "a literal": lambda: NAMED,
    "unprotected encryption": lambda: cases.pkesk_3(ana()) + packet(Tag.SED, bytes(99)),
    "GnuPG's own AEAD packet": lambda: cases.pkesk_3(ana()) + packet(20, bytes(99)),
    "a message for another": lambda: cases.pkesk_6(boris()) + cases.seipd_2(NAMED),
    "a message under a password alone": lambda: SKESK + cases.seipd_1(NAMED),
    "a version 3 key for version 2": lambda: cases.pkesk_3(ana()) + cases.seipd_2(NAMED),
    "a version 6 key for version 1": lambda: cases.pkesk_6(ana()) + cases.seipd_1(NAMED),
    "SEIPD of version 3": lambda: cases.pkesk_6(ana()) + packet(Tag.SEIPD, b"\x03" + bytes(99)),
    "EAX": lambda: cases.pkesk_6(ana()) + packet(Tag.SEIPD, b"\x02\x09\x01\x06" + bytes(99)),
    "Camellia": lambda: cases.pkesk_3(ana(), cipher=13) + cases.seipd_1(NAMED),
    "a key that does not fit its cipher": lambda: (
        cases.pkesk_3(ana(), bytes(16)) + cases.seipd_1(NAMED, bytes(16))
    ),
    "chunks too large": lambda: v2(suite=Suite(mode=GCM, chunk_octet=17)),
    "two messages": lambda: v2() + v2(),
    "a trailing literal": lambda: v2() + NAMED,
    "a recipient after the payload": lambda: v2() + cases.pkesk_6(ana()),
    "two literals": lambda: v2(NAMED + NAMED),
    "a literal after compression": lambda: v1(cases.compressed(NAMED) + NAMED),
    "compression after a literal": lambda: v1(NAMED + cases.compressed(NAMED)),
    "nested compression": lambda: v2(cases.compressed(cases.compressed(NAMED))),
    "two literals in compression": lambda: v2(cases.compressed(NAMED + NAMED)),
    "no literal": lambda: v2(cases.signature()),
    "a nested encrypted message": lambda: v2(v2()),
    "unknown compression": lambda: v2(packet(Tag.COMPRESSED, b"\x09" + NAMED)),
    "empty compression": lambda: v2(packet(Tag.COMPRESSED, b"")),
    "compression cut short": lambda: v2(
        packet(Tag.COMPRESSED, body_of(cases.compressed(NAMED))[:-5])
    ),
    "compression followed by octets": lambda: v2(
        packet(Tag.COMPRESSED, body_of(cases.compressed(NAMED)) + b"more")
    ),
    "compression of noise": lambda: v2(packet(Tag.COMPRESSED, b"\x02" + bytes(range(99)))),
    "a label cut short": lambda: v2(packet(Tag.LITERAL, b"b\x20name")),
    "a missing tag": lambda: v1(mdc=b""),
    "a wrong tag": lambda: v1(mdc=b"\xd3\x14" + bytes(20)),
    "a tag of another packet type": lambda: v1(mdc=b"\xd2\x14" + bytes(20)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_message_may_not_be_is_refused(what: str) -> None:
    with pytest.raises(IntegrityError):
        cases.imported(REFUSED[what](), ana())


def test_unprotected_encryption_is_named_as_the_reason() -> None:
    with pytest.raises(EnvelopeRefused, match="without protection"):
        cases.imported(REFUSED["unprotected encryption"](), ana())


@settings(max_examples=60)
@given(st.sampled_from([v1, v2]), st.data())
def test_any_change_behind_the_recipients_is_refused(
    build: Callable[[], bytes], data: st.DataObject
) -> None:
    message = bytearray(build())
    start = len(message) - 3000
    message[data.draw(st.integers(start, len(message) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(IntegrityError):
        cases.imported(bytes(message), ana())


@settings(max_examples=60)
@given(st.sampled_from([v1, v2]), st.integers(1, 9000))
def test_any_truncation_is_refused(build: Callable[[], bytes], cut: int) -> None:
    with pytest.raises(IntegrityError):
        cases.imported(build()[:-cut], ana())


def test_nothing_of_version_1_is_released_before_its_tag_is_checked() -> None:
    message = bytearray(v1(literal(CONTENT * 500)))
    message[-1] ^= 1
    out, spool = io.BytesIO(), io.BytesIO()
    with pytest.raises(IntegrityError):
        open_message(io.BytesIO(bytes(message)), ana(), out, spool=spool)
    assert out.getvalue() == b""
    assert CONTENT[:22] not in spool.getvalue()


def bomb(count: int) -> bytes:
    return cases.compressed(literal(bytes(count)), cases.ZIP)


def test_blank_pages_that_compress_well_are_no_bomb() -> None:
    assert cases.imported(v2(bomb(10_000_000)), ana()).content == bytes(10_000_000)


def test_a_decompression_bomb_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        cases.imported(v2(bomb(60_000_000)), ana())


def test_decompression_stops_at_the_limit_given() -> None:
    limits = ImportLimits(max_decompressed_bytes=1000)
    with pytest.raises(LimitExceeded):
        cases.imported(v2(bomb(2000)), ana(), limits)


def test_content_over_its_limit_is_refused() -> None:
    limits = ImportLimits(max_content_bytes=len(CONTENT) - 1)
    with pytest.raises(LimitExceeded):
        cases.imported(v2(), ana(), limits)


OVER_THE_LIMIT: dict[str, Callable[[], bytes]] = {
    "recipients": lambda: cases.pkesk_6(boris()) * 1025 + v2(),
    "one endless recipient": lambda: packet(Tag.PKESK, bytes(300_000)) + v2(),
    "markers": lambda: packet(Tag.MARKER, b"PGP") * 1200 + v2(),
    "signatures": lambda: v2(cases.signature() * 20 + NAMED),
    "one endless signature": lambda: v2(packet(Tag.SIGNATURE, bytes(9000)) + NAMED),
    "packets": lambda: v2(padding() * 100 + NAMED),
}


@pytest.mark.parametrize("what", OVER_THE_LIMIT)
def test_too_many_of_anything_are_refused(what: str) -> None:
    with pytest.raises(LimitExceeded):
        cases.imported(OVER_THE_LIMIT[what](), ana())


def armored(message: bytes, *headers: bytes, end: bytes = b"-----END PGP MESSAGE-----\n") -> bytes:
    text = base64.encodebytes(message)
    lines = [b"-----BEGIN PGP MESSAGE-----", *headers, b"", text + b"=njUN", end]
    return b"\n".join(lines)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 300_000])
def test_armor_is_removed(count: int) -> None:
    message = v2(literal(CONTENT + bytes(count)))
    assert cases.imported(armored(message, b"Comment: x"), ana()).content == CONTENT + bytes(count)
    crlf = armored(message).replace(b"\n", b"\r\n")
    assert cases.imported(crlf, ana()).content == CONTENT + bytes(count)


@pytest.mark.parametrize(
    "text",
    [
        armored(b"not base64").replace(b"bm90", b"b!90"),
        armored(b"", end=b""),
        b"-----BEGIN PGP MESSAGE-----\n",
        b"-----BEGIN PGP MESSAGE-----\n" + b"Comment: x\n" * 100,
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxxxx\n",
    ],
    ids=["no base64", "no end", "nothing more", "endless headers", "a certificate"],
)
def test_bad_armor_is_refused(text: bytes) -> None:
    with pytest.raises(IntegrityError):
        cases.imported(text, ana())


@given(st.binary(max_size=300))
def test_any_octets_are_refused_cleanly(octets: bytes) -> None:
    for message in (octets, cases.pkesk_6(ana()) + octets, armored(octets), v2(octets)):
        with pytest.raises(HygieiaError):
            cases.imported(message, ana())


def test_vault_objects_are_messages_too() -> None:
    key = make_session_key()
    envelope = wrap(key, ana().certificate) + seal_inner(literal(CONTENT) + padding(), key)
    assert cases.imported(envelope, ana()).content == CONTENT
