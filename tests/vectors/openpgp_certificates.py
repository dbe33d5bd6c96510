"""Vectors for certificates: what is read from them, or why they are refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.armor import PRIVATE_KEY, armor
from hygieia.openpgp.signature_packets import Subpacket
from hygieia.openpgp.times import format_time
from tests.unit.openpgp import forge
from tests.unit.openpgp.forge import BORN, LATER, NOW, SHA1, Packet, Person, flags, insert, sig
from tests.vectors.writing import Vector

ANA = Person("Ana Probe")
BORIS = Person("Boris Test")
EVE = Person("Eve Eve")
KEY, USER, CERTIFICATION, SUBKEY, BINDING = ANA.packets
BOTH = ANA.packets
DAY = 86400
EVES_SUBKEY: Packet = (kp.TAG_PUBLIC_SUBKEY, EVE.subkey)
CANNOT = "no-encryption"


def certificates() -> Iterator[Vector]:
    for name, (packets, usable) in {**_read(), **_read_but_unusable()}.items():
        yield name, _vector(name, forge.certificate(packets), usable)
    for name, packets in _refused().items():
        yield name, _vector(name, forge.certificate(packets), None)
    for name, armored in _refused_texts().items():
        yield name, _vector(name, armored, None)
    yield from _merges()


def _vector(name: str, armored: str, usable: str | None) -> dict[str, Any]:
    expect: dict[str, Any] = {"refused": "certificate-refused"}
    if usable is not None:
        key = ANA.key
        expect = {
            "key_id": key.key_id,
            "fingerprint": key.certificate.fingerprint,
            "name": "Ana Probe",
            "email": "ana@example.org",
            "encryption": None if usable == CANNOT else usable,
        }
    what = f"certificate: {name.removeprefix('ok-').replace('-', ' ')}"
    now = format_time(NOW)
    return {"what": what, "kind": "certificate", "armored": armored, "now": now, "expect": expect}


def _read() -> dict[str, tuple[list[Packet], str]]:
    own = kp.fingerprint_of(ANA.subkey).hex()
    newer = Person("Ana Probe", created=LATER)
    second: list[Packet] = [
        (kp.TAG_PUBLIC_SUBKEY, newer.subkey),
        sig(ANA.bind(newer.subkey, flags(0x0C), created=LATER)),
    ]
    unflagged = [second[0], sig(ANA.bind(newer.subkey, flags(0x02), created=LATER))]
    foreign = EVE.sign(0x10, sp.signed_user_id(ANA.primary, ANA.user_id))
    future = ANA.sign(
        sp.SUBKEY_BINDING,
        sp.signed_subkey(ANA.primary, ANA.subkey),
        flags(0x02),
        created=NOW + timedelta(days=1),
    )
    sha1_too = ANA.sign(
        sp.SUBKEY_BINDING,
        sp.signed_subkey(ANA.primary, ANA.subkey),
        flags(0x02),
        hash_algorithm=SHA1,
    )
    sha384 = ANA.sign(
        sp.SUBKEY_BINDING,
        sp.signed_subkey(ANA.primary, ANA.subkey),
        flags(0x0C),
        hash_algorithm=9,
    )
    unknown_too = ANA.bind(ANA.subkey, flags(0x02), Subpacket(101, True, b"x"), created=LATER)
    unsigned_user: Packet = (kp.TAG_USER_ID, b"Eve <eve@example.org>")
    just_over = ANA.bind(ANA.subkey, flags(0x0C), forge.key_expiration(_seconds_to_now() - 599))
    return {
        "ok-own": (BOTH, own),
        "ok-two-subkeys-newest-counts": (BOTH + second, kp.fingerprint_of(newer.subkey).hex()),
        "ok-newest-subkey-not-for-encryption": (BOTH + unflagged, own),
        "ok-certified-by-a-stranger": (insert(BOTH, 3, sig(foreign)), own),
        "ok-binding-from-the-future-ignored": ([*BOTH, sig(future)], own),
        "ok-sha1-binding-ignored": ([*BOTH, sig(sha1_too)], own),
        "ok-unknown-critical-binding-ignored": ([*BOTH, sig(unknown_too)], own),
        "ok-sha384-binding": ([*BOTH[:4], sig(sha384)], own),
        "ok-user-id-nobody-signed": (insert(BOTH, 3, unsigned_user), own),
        "ok-expired-within-the-clocks-tolerance": ([*BOTH[:4], sig(just_over)], own),
    }


def _seconds_to_now() -> int:
    return int((NOW - BORN).total_seconds())


def _read_but_unusable() -> dict[str, tuple[list[Packet], str]]:
    """Readable, so that it can be shown; nothing may be encrypted to it."""
    ended = forge.key_expiration(_seconds_to_now() - 601)
    wrong_flags = ANA.bind(ANA.subkey, flags(0x02))
    revoked_from_future = ANA.revoke(1, created=NOW + timedelta(days=30))
    p256 = _p256_subkey()
    weak_kdf = ANA.subkey[:-2] + b"\x02\x07"
    return {
        "revoked": (insert(BOTH, 1, sig(ANA.revoke())), CANNOT),
        "revoked-superseded": (insert(BOTH, 1, sig(ANA.revoke(1))), CANNOT),
        "revoked-without-a-reason": (insert(BOTH, 1, sig(ANA.revoke(None))), CANNOT),
        "revoked-in-the-future": (insert(BOTH, 1, sig(revoked_from_future)), CANNOT),
        "subkey-revoked": ([*BOTH, sig(ANA.revoke_subkey())], CANNOT),
        "expired": ([KEY, USER, sig(ANA.certify(flags(3), ended)), SUBKEY, BINDING], CANNOT),
        "subkey-expired": ([*BOTH[:4], sig(ANA.bind(ANA.subkey, flags(0x0C), ended))], CANNOT),
        "binding-expired": (
            [
                *BOTH[:4],
                sig(ANA.bind(ANA.subkey, flags(0x0C), forge.signature_expiration(DAY))),
            ],
            CANNOT,
        ),
        "subkey-not-for-encryption": ([*BOTH[:4], sig(wrong_flags)], CANNOT),
        "subkey-without-flags": ([*BOTH[:4], sig(ANA.bind(ANA.subkey))], CANNOT),
        "subkey-p256": (
            [*BOTH[:3], (kp.TAG_PUBLIC_SUBKEY, p256), sig(ANA.bind(p256, flags(0x0C)))],
            CANNOT,
        ),
        "subkey-kdf-sha1": (
            [*BOTH[:3], (kp.TAG_PUBLIC_SUBKEY, weak_kdf), sig(ANA.bind(weak_kdf, flags(0x0C)))],
            CANNOT,
        ),
        "no-subkey": (BOTH[:3], CANNOT),
    }


def _p256_subkey() -> bytes:
    oid = bytes.fromhex("082a8648ce3d030107")
    point = b"\x04" + bytes(range(64))
    params = b"\x03\x01\x08\x07"
    return ANA.subkey[:5] + b"\x12" + oid + kp.write_mpi(point) + params


def _refused() -> dict[str, list[Packet]]:
    stale = [EVES_SUBKEY, BINDING]
    by_eve = [EVES_SUBKEY, sig(EVE.bind(EVE.subkey, flags(0x0C)))]
    claimed = EVE.sign(
        sp.SUBKEY_BINDING,
        sp.signed_subkey(ANA.primary, EVE.subkey),
        flags(0x0C),
        fingerprint=kp.fingerprint_of(ANA.primary),
    )
    as_revocation = ANA.sign(
        sp.SUBKEY_REVOCATION, sp.signed_subkey(ANA.primary, EVE.subkey), flags(0x0C)
    )
    sha1 = ANA.sign(
        sp.SUBKEY_BINDING,
        sp.signed_subkey(ANA.primary, ANA.subkey),
        flags(0x0C),
        hash_algorithm=SHA1,
    )
    future = Person("Ana Probe", created=NOW + timedelta(days=1))
    unknown = ANA.bind(ANA.subkey, flags(0x0C), Subpacket(101, True, b"x"))
    notation = sp.notation("thing@example.org", "yes")
    critical_notation = Subpacket(notation.kind, True, notation.body)
    sha1_user = ANA.sign(
        sp.POSITIVE_CERTIFICATION,
        sp.signed_user_id(ANA.primary, ANA.user_id),
        flags(3),
        hash_algorithm=SHA1,
    )
    withdrawn = ANA.sign(0x30, sp.signed_user_id(ANA.primary, ANA.user_id))
    changed_user: Packet = (kp.TAG_USER_ID, b"Ana Probe <eve@example.org>")
    many = [sig(ANA.certify(flags(3), created=BORN + timedelta(seconds=n))) for n in range(65)]
    spare = [
        member
        for n in range(17)
        for subkey in [Person(f"Ana {n}").subkey]
        for member in ((kp.TAG_PUBLIC_SUBKEY, subkey), sig(ANA.bind(subkey, flags(0x0C))))
    ]
    return {
        "grafted-subkey": BOTH + stale,
        "grafted-subkey-alone": [*BOTH[:3], *stale],
        "grafted-subkey-bound-by-its-maker": BOTH + by_eve,
        "grafted-subkey-claimed-issuer": [*BOTH, EVES_SUBKEY, sig(claimed)],
        "grafted-subkey-with-a-revocation-for-binding": [*BOTH, EVES_SUBKEY, sig(as_revocation)],
        "subkey-unbound": [*BOTH, EVES_SUBKEY],
        "subkey-bound-by-sha1-only": [*BOTH[:4], sig(sha1)],
        "subkey-altered": [
            *BOTH[:3],
            (kp.TAG_PUBLIC_SUBKEY, ANA.subkey[:-1] + b"\x09"),
            BINDING,
        ],
        "binding-unknown-critical-subpacket": [*BOTH[:4], sig(unknown)],
        "binding-critical-notation": [
            *BOTH[:4],
            sig(ANA.bind(ANA.subkey, flags(0x0C), critical_notation)),
        ],
        "binding-without-creation-time": [
            *BOTH[:4],
            sig(
                ANA.sign(
                    sp.SUBKEY_BINDING,
                    sp.signed_subkey(ANA.primary, ANA.subkey),
                    flags(0x0C),
                    created=None,
                )
            ),
        ],
        "user-id-changed": [KEY, changed_user, CERTIFICATION, SUBKEY, BINDING],
        "user-id-of-sha1-only": [KEY, USER, sig(sha1_user), SUBKEY, BINDING],
        "user-id-withdrawn": insert(BOTH, 3, sig(withdrawn)),
        "user-id-missing": [KEY, SUBKEY, BINDING],
        "user-id-too-long": insert(BOTH, 3, (kp.TAG_USER_ID, b"x" * 1025)),
        "from-the-future": future.packets,
        "primary-rsa": [(kp.TAG_PUBLIC_KEY, KEY[1][:5] + b"\x01" + KEY[1][6:]), *BOTH[1:]],
        "primary-new-ed25519": [_new_ed25519(), *BOTH[1:]],
        "primary-version-6": [(kp.TAG_PUBLIC_KEY, b"\x06" + KEY[1][1:]), *BOTH[1:]],
        "primary-other-curve": [
            (kp.TAG_PUBLIC_KEY, KEY[1].replace(b"\x01\xda\x47\x0f\x01", b"\x01\xda\x47\x0f\x02")),
            *BOTH[1:],
        ],
        "primary-mpi-not-canonical": [
            (kp.TAG_PUBLIC_KEY, KEY[1].replace(b"\x01\x07\x40", b"\x01\x08\x40")),
            *BOTH[1:],
        ],
        "primary-octets-too-many": [(kp.TAG_PUBLIC_KEY, KEY[1] + b"\0"), *BOTH[1:]],
        "two-certificates": BOTH + BORIS.packets,
        "user-id-after-subkey": [KEY, SUBKEY, BINDING, USER, CERTIFICATION],
        "marker-packet": insert(BOTH, 1, (10, b"PGP")),
        "starts-with-user-id": BOTH[1:],
        "too-many-own-signatures": [KEY, USER, *many, SUBKEY, BINDING],
        "too-many-subkeys": BOTH + spare,
        "too-many-packets": insert(BOTH, 3, *[sig(b"\x04")] * 252),
    }


def _new_ed25519() -> Packet:
    """The same point as algorithm 27 (RFC 9580 §5.5.5.9): fine, but not what docs/spec/03 fixes."""
    return kp.TAG_PUBLIC_KEY, KEY[1][:5] + b"\x1b" + ANA.key.certificate.signing_point


def _refused_texts() -> dict[str, str]:
    own = ANA.certificate
    raw = forge.binary(BOTH)
    partial = b"\xc6\xe5" + raw[2:34] + b"\x13" + raw[34:]
    return {
        "truncated": forge_armor(raw[:-1]),
        "truncated-in-a-header": forge_armor(raw + b"\xcd"),
        "partial-length": forge_armor(partial),
        "no-packets-at-all": forge_armor(b"hello"),
        "secret-key-label": armor(PRIVATE_KEY, raw),
        "two-armored-blocks": own + own,
        "text-before-the-armor": "Dear all\n" + own,
        "armor-cut-short": own[:-20],
        "armor-not-base64": own.replace("\n\n", "\n\n*", 1),
        "not-armored": "hello",
        "over-size": own.replace("\n\n", "\nComment: " + "x" * 65536 + "\n\n", 1),
    }


def forge_armor(octets: bytes) -> str:
    from hygieia.openpgp.armor import PUBLIC_KEY

    return armor(PUBLIC_KEY, octets)


def _merges() -> Iterator[Vector]:
    revoked = forge.certificate(insert(BOTH, 1, sig(ANA.revoke())))
    stuffed = forge.certificate(
        insert(
            BOTH,
            3,
            sig(EVE.sign(0x10, sp.signed_user_id(ANA.primary, ANA.user_id))),
            (kp.TAG_USER_ID, b"Eve <eve@example.org>"),
        )
    )
    cases: dict[str, tuple[str, str, dict[str, Any]]] = {
        "ok-merge-revocation-comes": (ANA.certificate, revoked, {"revoked": True, "packets": 6}),
        "ok-merge-revocation-stays": (revoked, ANA.certificate, {"revoked": True, "packets": 6}),
        "ok-merge-strangers-words-stay-out": (
            ANA.certificate,
            stuffed,
            {"revoked": False, "packets": 5},
        ),
        "merge-another-key": (
            ANA.certificate,
            EVE.certificate,
            {"refused": "certificate-refused"},
        ),
    }
    for name, (pinned, received, expect) in cases.items():
        what = name.removeprefix("ok-").replace("-", " ")
        yield (
            name,
            {
                "what": what,
                "kind": "merge",
                "pinned": pinned,
                "received": received,
                "now": format_time(NOW),
                "expect": expect,
            },
        )
