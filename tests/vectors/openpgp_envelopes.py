"""Recipients headers, session keys, envelopes and messages from outside, sound and unsound."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hygieia.limits import MAX_HEADER_BYTES, MAX_PKESKS
from hygieia.openpgp.aead import Suite
from hygieia.openpgp.envelope import make_header
from hygieia.openpgp.keys import UnlockedKey, assemble_key
from hygieia.openpgp.packets import Tag, parse_header_leaf, pkesk_digest
from hygieia.openpgp.payload import encrypt_bytes
from hygieia.openpgp.session_keys import SessionKey, checksum, wrap
from tests.unit.openpgp import outside_cases as outside
from tests.unit.openpgp.openpgp_cases import body_of, literal, packet, padding
from tests.vectors.writing import Vector

REFUSED = "envelope-refused"
ALTERED = "integrity"
TOO_MUCH = "limit-exceeded"


def word(text: str) -> bytes:
    """32 octets from public words: nothing in here is a secret."""
    return hashlib.sha256(f"hygieia envelope vector: {text}".encode()).digest()


def person(name: str) -> UnlockedKey:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return assemble_key(
        name, f"{name.lower()}@example.org", created, word(name + " signs"), word(name + " opens")
    )


ANA, BORIS = person("Ana"), person("Boris")
KEY = SessionKey(word("session key"))


def key_fields(key: UnlockedKey) -> dict[str, str]:
    signing, decryption = key.secrets()
    return {
        "certificate": key.certificate.armored,
        "signing_secret": signing.hex(),
        "decryption_secret": decryption.hex(),
    }


def verdict(expect: str | dict[str, Any]) -> dict[str, Any]:
    return {"refused": expect} if isinstance(expect, str) else expect


def content_of(octets: bytes) -> dict[str, Any]:
    return {"size_bytes": len(octets), "sha256": hashlib.sha256(octets).hexdigest()}


# --- recipients headers


def headers() -> Iterator[Vector]:
    one = wrap(KEY, ANA.certificate)
    body = body_of(one)
    two = one + wrap(KEY, BORIS.certificate)

    def changed(place: int, value: int) -> bytes:
        return one[: 2 + place] + bytes([value]) + one[3 + place :]

    def sound(data: bytes) -> dict[str, Any]:
        return {"digests": [pkesk_digest(each) for each in parse_header_leaf(data)]}

    named = b"\x06\x15\x04" + ANA.encryption_subkey.fingerprint + body[2:]
    long_length = b"\xc1\xff" + len(body).to_bytes(4, "big") + body
    full = {"octets": one.hex(), "count": MAX_PKESKS}
    over = {"octets": one.hex(), "count": MAX_PKESKS + 1}
    cases: list[tuple[str, str, Any, str | dict[str, Any]]] = [
        ("ok-one", "one recipient", one, sound(one)),
        ("ok-two", "two recipients", two, sound(two)),
        ("ok-five-octet-length", "a length of five octets", long_length, sound(long_length)),
        ("ok-1024", "as many recipients as allowed", full, {"count": MAX_PKESKS}),
        ("oversize-pkesk-count", "a recipient too many", over, TOO_MUCH),
        (
            "oversize-bytes",
            "an octet too many",
            {"octets": "00", "count": MAX_HEADER_BYTES + 1},
            TOO_MUCH,
        ),
        ("empty", "no recipient", b"", REFUSED),
        ("truncated", "the last packet is cut short", two[:-1], REFUSED),
        ("truncated-in-header", "an octet of a packet follows", one + b"\xc1", REFUSED),
        ("trailing-octet", "an octet that starts no packet follows", one + b"\x00", REFUSED),
        ("version-3", "PKESK of version 3", outside.pkesk_3(ANA), REFUSED),
        ("named", "the recipient is named", packet(Tag.PKESK, named), REFUSED),
        ("other-algorithm", "algorithm 25, X25519", changed(2, 25), REFUSED),
        ("point-other-bit-length", "the point is said to have 262 bits", changed(4, 6), REFUSED),
        ("point-other-prefix", "the point is not in native form", changed(5, 4), REFUSED),
        ("wrapped-other-length", "40 octets wrapped are announced", changed(38, 40), REFUSED),
        (
            "wrapped-longer",
            "56 octets are wrapped",
            packet(Tag.PKESK, body[:38] + b"\x38" + bytes(56)),
            REFUSED,
        ),
        ("skesk", "a password recipient", one + packet(Tag.SKESK, b"\x04\x09\x00\x08"), REFUSED),
        ("marker", "a marker packet", packet(Tag.MARKER, b"PGP") + one, REFUSED),
        ("padding", "a padding packet", one + padding(), REFUSED),
        ("legacy-format", "a legacy packet header", b"\x84" + one[1:], REFUSED),
        ("partial-length", "a partial length", b"\xc1\xe9" + bytes(512) + b"\x00", REFUSED),
        ("payload-follows", "the payload too", one + encrypt_bytes(b"", KEY), REFUSED),
        ("plaintext", "plain text", b"Befund: ohne Auffaelligkeit", REFUSED),
    ]
    for name, what, data, expect in cases:
        octets = data.hex() if isinstance(data, bytes) else data
        yield name, {"what": what, "kind": "header", "data": octets, "expect": verdict(expect)}


def session_keys() -> Iterator[Vector]:
    good = wrap(KEY, ANA.certificate)
    his = wrap(KEY, BORIS.certificate)
    octets = KEY.octets

    def wrapping(plain: bytes) -> bytes:
        return packet(Tag.PKESK, b"\x06\x00\x12" + outside.ecdh_fields(ANA, plain))

    flipped = good[:-1] + bytes([good[-1] ^ 1])
    zero_point = good[:8] + bytes(32) + good[40:]
    sound = {"session_key": octets.hex()}
    cases: list[tuple[str, str, bytes, str | dict[str, Any]]] = [
        ("ok", "the only packet", good, sound),
        ("ok-second", "the second of two packets", his + good, sound),
        ("stranger", "a packet for somebody else", his, REFUSED),
        ("wrapped-flipped", "a bit of the wrapped key flipped", flipped, REFUSED),
        ("point-zero", "an ephemeral point of small order", zero_point, REFUSED),
        ("checksum-wrong", "the checksum is wrong", wrapping(octets + bytes(2)), REFUSED),
        (
            "cipher-octet-before",
            "a cipher octet before the key, as version 3 has it",
            wrapping(b"\x09" + octets + checksum(octets)),
            REFUSED,
        ),
    ]
    for name, what, data, expect in cases:
        fields = {"what": what, "kind": "session-key", **key_fields(ANA), "data": data.hex()}
        yield name, {**fields, "expect": verdict(expect)}


# --- whole envelopes and messages from outside


def envelopes() -> Iterator[Vector]:
    content = b"Befund\n" * 40
    payload = encrypt_bytes(content, KEY)
    header = make_header(KEY, [ANA.certificate, BORIS.certificate])
    forged = wrap(SessionKey(word("forged")), ANA.certificate)
    cases: list[tuple[str, str, bytes, str | dict[str, Any]]] = [
        ("ok", "two recipients", header + payload, content_of(content)),
        (
            "ok-forged-packet-first",
            "a packet that opens to another session key comes first",
            forged + header + payload,
            content_of(content),
        ),
        ("forged-packet-only", "only that packet", forged + payload, ALTERED),
        ("stranger", "for somebody else", wrap(KEY, BORIS.certificate) + payload, REFUSED),
        ("no-payload", "a header alone", header, REFUSED),
        ("no-header", "a payload alone", payload, REFUSED),
        ("truncated", "the last octet is missing", (header + payload)[:-1], ALTERED),
        ("trailing-packet", "a literal follows", header + payload + literal(), REFUSED),
        ("pkesk-after-payload", "a recipient follows", payload + header, REFUSED),
        ("marker-between", "a marker between", header + b"\xca\x03PGP" + payload, REFUSED),
    ]
    for name, what, data, expect in cases:
        fields = {"what": what, "kind": "envelope", **key_fields(ANA), "data": data.hex()}
        yield name, {**fields, "expect": verdict(expect)}


def imports() -> Iterator[Vector]:
    content = b"Haemoglobin 13.1 g/dl\n" * 20
    named = literal(content, b"b\x08scan.txt\x65\x00\x00\x00")
    version_3, version_6 = outside.pkesk_3(ANA), outside.pkesk_6(ANA)
    packed = outside.compressed(named)

    def v1(inner: bytes = named, **choices: bytes) -> bytes:
        return version_3 + outside.seipd_1(inner, **choices)

    def v2(inner: bytes = named) -> bytes:
        return version_6 + outside.seipd_2(inner)

    def found(
        protection: int, issuers: tuple[str, ...] = (), *, squeezed: bool = False
    ) -> dict[str, Any]:
        about = {"seipd": protection, "compressed": squeezed, "issuers": list(issuers)}
        return {**content_of(content), "file_name": "scan.txt", **about}

    bomb = outside.compressed(literal(bytes(60_000_000)), outside.ZIP)
    signed = outside.one_pass() + named + outside.signature(b"\xab" * 8)
    flipped = v1()[:-1] + bytes([v1()[-1] ^ 1])
    cases: list[tuple[str, str, bytes, str | dict[str, Any]]] = [
        ("ok-version-1", "SEIPD 1, named", v1(), found(1)),
        (
            "ok-version-1-anonymous",
            "SEIPD 1, nobody named",
            outside.pkesk_3(ANA, named=False) + outside.seipd_1(named),
            found(1),
        ),
        ("ok-ocb", "SEIPD 2, OCB, named", v2(), found(2)),
        (
            "ok-gcm-anonymous",
            "SEIPD 2, GCM, nobody named",
            outside.pkesk_6(ANA, named=False) + outside.seipd_2(named, suite=Suite(chunk_octet=16)),
            found(2),
        ),
        ("ok-zip", "ZIP", v2(outside.compressed(named, 1)), found(2, squeezed=True)),
        ("ok-zlib", "ZLIB", v1(packed), found(1, squeezed=True)),
        ("ok-bzip2", "BZip2", v2(outside.compressed(named, 3)), found(2, squeezed=True)),
        ("ok-signed", "signed", v2(signed), found(2, ("ab" * 8,))),
        (
            "ok-signed-compressed",
            "signed, then compressed",
            v1(outside.compressed(signed)),
            found(1, ("ab" * 8,), squeezed=True),
        ),
        ("broken-mdc", "a bit of the MDC flipped", flipped, ALTERED),
        ("no-mdc", "the MDC is missing", v1(mdc=b""), ALTERED),
        ("sed", "no integrity protection", version_3 + packet(Tag.SED, bytes(99)), REFUSED),
        ("gnupg-aead", "GnuPG's packet of type 20", version_3 + packet(20, bytes(99)), REFUSED),
        ("downgraded", "PKESK 6 with SEIPD 1", version_6 + outside.seipd_1(named), REFUSED),
        ("upgraded", "PKESK 3 with SEIPD 2", version_3 + outside.seipd_2(named), REFUSED),
        ("nested-compression", "compressed twice", v2(outside.compressed(packed)), REFUSED),
        ("decompression-bomb", "60 MB from 60 KB", v2(bomb), TOO_MUCH),
        ("two-literals", "two literals", v2(named + named), REFUSED),
        ("two-literals-compressed", "two within", v2(outside.compressed(named * 2)), REFUSED),
        ("literal-after-compression", "one more", v1(packed + named), REFUSED),
        ("trailing-packet", "a literal after the message", v2() + named, REFUSED),
        ("two-messages", "two messages", v2() + v2(), REFUSED),
        ("nested-message", "a message in the message", v2(v2()), REFUSED),
        ("no-literal", "signatures only", v2(outside.signature()), REFUSED),
        ("truncated", "cut short", v2()[:-20], ALTERED),
        ("stranger", "for somebody else", outside.pkesk_6(BORIS) + outside.seipd_2(named), REFUSED),
        (
            "oversize-pkesk-count",
            "1,025 recipients",
            b"",
            TOO_MUCH,
        ),
    ]
    many = {"octets": outside.pkesk_6(BORIS).hex(), "count": MAX_PKESKS + 1}
    for name, what, data, expect in cases:
        fields = {"what": what, "kind": "import", **key_fields(ANA)}
        yield name, {**fields, "data": data.hex() if data else many, "expect": verdict(expect)}
