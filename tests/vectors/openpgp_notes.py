"""Vectors for signed notes: a verdict, or refused before one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.armor import MESSAGE, SIGNATURE, armor
from hygieia.openpgp.signature_packets import Subpacket
from hygieia.openpgp.times import format_time
from tests.unit.openpgp import forge
from tests.unit.openpgp.forge import BORN, LATER, NOW, SHA1, Person, flags, insert, sig
from tests.vectors.writing import Vector

ANA = Person("Ana Probe")
EVE = Person("Eve Eve")
CONTEXT = "hygieia key 1"
NOTED = sp.notation("context@hygieia", CONTEXT)
REFUSED = {"refused": "note-refused"}


def text_of(created: datetime = LATER, context: str = CONTEXT) -> str:
    return f'{context}\n{{"purpose":"ipns","created":"{format_time(created)}"}}'


TEXT = text_of()


def signed(
    text: str = TEXT,
    *subpackets: Subpacket,
    by: Person = ANA,
    kind: int = 0,
    created: datetime | None = LATER,
    hash_algorithm: int = 10,
    fingerprint: bytes | None = None,
) -> bytes:
    """A signature body over a note's text, with the notation unless subpackets are given."""
    return by.sign(
        kind,
        (text.encode(),),
        *(subpackets or (NOTED,)),
        created=created,
        hash_algorithm=hash_algorithm,
        fingerprint=fingerprint,
    )


def note(text: str, body: bytes) -> str:
    return json.dumps({"note": text, "signature": forge.signature(body)}, ensure_ascii=False)


def notes() -> Iterator[Vector]:
    for name, (data, verdict) in {**_judged_by_signature(), **_judged_by_time()}.items():
        yield name, _vector(name, data, ANA.certificate, {"verdict": verdict})
    for name, (certificate, created, verdict) in _judged_by_certificate().items():
        text = text_of(created)
        data = note(text, signed(text, created=created))
        yield name, _vector(name, data, certificate, {"verdict": verdict})
    for name, data in {**_refused_notes(), **_refused_signatures()}.items():
        yield name, _vector(name, data, ANA.certificate, REFUSED)


def _vector(name: str, data: str, certificate: str, expect: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": f"note: {name.removeprefix('ok-').replace('-', ' ')}",
        "kind": "note",
        "context": CONTEXT,
        "data": data.encode(errors="surrogatepass").hex(),
        "certificate": certificate,
        "now": format_time(NOW),
        "expect": expect,
    }


def _judged_by_signature() -> dict[str, tuple[str, str]]:
    other = sp.notation("context@hygieia", "hygieia share 1")
    critical = Subpacket(NOTED.kind, True, NOTED.body)
    machine = Subpacket(NOTED.kind, False, b"\0" + NOTED.body[1:])
    foreign = sp.notation("other@example.org", "x")
    as_ana = kp.fingerprint_of(ANA.primary)
    subkey = kp.fingerprint_of(ANA.subkey)
    return {
        "ok": (note(TEXT, signed()), "valid"),
        "ok-sha256": (note(TEXT, signed(hash_algorithm=8)), "valid"),
        "ok-other-notation-too": (note(TEXT, signed(TEXT, foreign, NOTED)), "valid"),
        "ok-unknown-field": (_with_field(), "valid"),
        "sha1": (note(TEXT, signed(hash_algorithm=SHA1)), "invalid"),
        "sha384": (note(TEXT, signed(hash_algorithm=9)), "invalid"),
        "text-mode": (note(TEXT, signed(kind=1)), "invalid"),
        "certification": (note(TEXT, signed(kind=0x10)), "invalid"),
        "no-notation": (note(TEXT, signed(TEXT, forge.flags(0))), "invalid"),
        "notation-of-another-context": (note(TEXT, signed(TEXT, other)), "invalid"),
        "two-notations": (note(TEXT, signed(TEXT, NOTED, NOTED)), "invalid"),
        "two-notations-unequal": (note(TEXT, signed(TEXT, NOTED, other)), "invalid"),
        "critical-notation": (note(TEXT, signed(TEXT, critical)), "invalid"),
        "notation-not-human-readable": (note(TEXT, signed(TEXT, machine)), "invalid"),
        "notation-unhashed": (note(TEXT, _unhashed_notation()), "invalid"),
        "unknown-critical-subpacket": (
            note(TEXT, signed(TEXT, NOTED, Subpacket(101, True, b""))),
            "invalid",
        ),
        "signature-expires": (
            note(TEXT, signed(TEXT, NOTED, forge.signature_expiration(1 << 30))),
            "invalid",
        ),
        "octet-changed": (note(TEXT.replace("ipns", "ipnt"), signed()), "invalid"),
        "signed-without-its-context": (note(TEXT, signed(TEXT.split("\n")[1])), "invalid"),
        "signature-flipped": (note(TEXT, _flipped(signed())), "invalid"),
        "digest-prefix-flipped": (note(TEXT, _flipped(signed(), -69)), "invalid"),
        "another-key-claiming-to-be-this": (
            note(TEXT, signed(by=EVE, fingerprint=as_ana)),
            "invalid",
        ),
        "unknown-signer": (note(TEXT, signed(by=EVE)), "unknown signer"),
        "by-the-encryption-subkey": (note(TEXT, signed(fingerprint=subkey)), "unknown signer"),
    }


def _with_field() -> str:
    text = TEXT.replace('"purpose"', '"later":[1],"purpose"')
    return note(text, signed(text))


def _unhashed_notation() -> bytes:
    return ANA.sign(0, (TEXT.encode(),), flags(0), unhashed=(NOTED,))


def _flipped(body: bytes, place: int = -1) -> bytes:
    octets = bytearray(body)
    octets[place] ^= 1
    return bytes(octets)


def _judged_by_time() -> dict[str, tuple[str, str]]:
    soon, far = NOW + timedelta(seconds=600), NOW + timedelta(seconds=601)
    early = BORN - timedelta(seconds=601)
    return {
        "ok-ten-minutes-ahead": (note(text_of(soon), signed(text_of(soon), created=soon)), "valid"),
        "from-the-future": (note(text_of(far), signed(text_of(far), created=far)), "invalid"),
        "before-the-key": (note(text_of(early), signed(text_of(early), created=early)), "invalid"),
        "created-is-not-the-signatures-time": (note(TEXT, signed(created=BORN)), "invalid"),
        "signature-without-a-time": (note(TEXT, signed(created=None)), "invalid"),
    }


def _judged_by_certificate() -> dict[str, tuple[str, datetime, str]]:
    def revoked(reason: int | None) -> str:
        return forge.certificate(insert(ANA.packets, 1, sig(ANA.revoke(reason, created=LATER))))

    def certified(*subpackets: Subpacket) -> str:
        packets = ANA.packets
        packets[2] = sig(ANA.certify(*subpackets))
        return forge.certificate(packets)

    before, after = LATER - timedelta(days=1), LATER + timedelta(days=1)
    until_later = forge.key_expiration(int((LATER - BORN).total_seconds()))
    return {
        "ok-superseded-since": (revoked(1), before, "valid"),
        "ok-retired-since": (revoked(3), before, "valid"),
        "superseded-before": (revoked(1), after, "invalid"),
        "retired-before": (revoked(3), after, "invalid"),
        "compromised-since": (revoked(2), before, "changed key"),
        "compromised-before": (revoked(2), after, "changed key"),
        "revoked-for-no-reason": (revoked(0), before, "changed key"),
        "revoked-without-a-reason": (revoked(None), before, "changed key"),
        "revoked-for-a-private-reason": (revoked(100), before, "changed key"),
        "ok-expired-since": (certified(flags(3), until_later), before, "valid"),
        "expired-before": (certified(flags(3), until_later), after, "invalid"),
        "key-only-certifies": (certified(flags(1)), after, "invalid"),
        "key-without-flags": (certified(), after, "invalid"),
    }


def _refused_notes() -> dict[str, str]:
    def of(text: str) -> str:
        return note(text, signed(text))

    twice = TEXT.replace("{", '{"purpose":"exchange",')
    good = json.loads(note(TEXT, signed()))
    return {
        "another-context": of(text_of(context="hygieia share 1")),
        "context-of-another-version": of(text_of(context="hygieia key 2")),
        "context-with-a-space-after": of(text_of(context="hygieia key 1 ")),
        "carriage-return": of(TEXT.replace("\n", "\r\n")),
        "no-context": of(TEXT.split("\n")[1]),
        "final-newline": of(TEXT + "\n"),
        "space-before-the-object": of(TEXT.replace("\n", "\n ")),
        "a-list": of(f'{CONTEXT}\n[{{"created":"{format_time(LATER)}"}}]'),
        "duplicate-key": of(twice),
        "no-created": of(f'{CONTEXT}\n{{"purpose":"ipns"}}'),
        "created-malformed": of(f'{CONTEXT}\n{{"created":"2026-06-01"}}'),
        "created-a-number": of(f'{CONTEXT}\n{{"created":1780272000}}'),
        "outer-duplicate-key": note(TEXT, signed()).replace("{", '{"note":"x",', 1),
        "outer-field-too-many": json.dumps({**good, "more": 1}),
        "outer-no-signature": json.dumps({"note": TEXT}),
        "outer-number": json.dumps({**good, "note": 1}),
        "outer-a-list": json.dumps([good]),
        "over-size": json.dumps({**good, "note": TEXT.replace("ipns", "x" * 262144)}),
    }


def _refused_signatures() -> dict[str, str]:
    body = signed()
    packet = kp.write_packet(kp.TAG_SIGNATURE, body)

    def with_signature(armored: str) -> str:
        return json.dumps({"note": TEXT, "signature": armored})

    return {
        "two-signatures": with_signature(armor(SIGNATURE, packet * 2)),
        "two-armored-signatures": with_signature(armor(SIGNATURE, packet) * 2),
        "no-signature-packet": with_signature(armor(SIGNATURE, kp.write_packet(13, body))),
        "trailing-octet": with_signature(armor(SIGNATURE, packet + b"\0")),
        "signature-cut-short": with_signature(armor(SIGNATURE, packet[:-1])),
        "octets-after-the-signature": note(TEXT, body + b"\0"),
        "rsa-signature": note(TEXT, body[:2] + b"\x01" + body[3:]),
        "version-3-signature": note(TEXT, b"\x03" + body[1:]),
        "message-label": with_signature(armor(MESSAGE, packet)),
        "signature-not-armored": with_signature(packet.hex()),
    }
