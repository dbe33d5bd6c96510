"""Vectors for sealed keys, recovery keys and sealed revocations.

Those that are refused with a right MAC are made by someone who knows the passphrase: they show
that the checks behind the MAC hold by themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import locked_keys, sealing
from hygieia.openpgp.armor import PRIVATE_KEY, armor, dearmor
from hygieia.openpgp.kdf import Stretched
from hygieia.openpgp.parameters import DEFAULT_KDF, KdfParams
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.sealing import SealedKey
from tests.unit.openpgp import forge
from tests.unit.openpgp.forge import BORN, Packet, Person, insert, sig
from tests.vectors.writing import Vector

ANA = Person("Ana Probe")
EVE = Person("Eve Eve")
ACCOUNT = "00112233445566778899aabbccddeeff"
PASSPHRASE = hashlib.sha256(b"a stretched password").hexdigest()
STRETCHED = Stretched(PASSPHRASE, "0" * 64)
SEAL_REFUSED = {"refused": "sealed-key-refused"}
MISMATCH = {"refused": "key-mismatch"}


def seals() -> Iterator[Vector]:
    sealed = sealing.seal_key(
        ANA.key, STRETCHED, email=ANA.email, account=ACCOUNT, params=DEFAULT_KDF
    )
    yield from _sound(sealed)
    yield from _altered(sealed)
    for name, (change, expect) in _made_by_who_knows_the_passphrase().items():
        yield name, _vector(name, _resealed(sealed, change), expect)
    yield from _recoveries()


def _vector(
    name: str,
    sealed: SealedKey,
    expect: dict[str, Any],
    *,
    passphrase: str = PASSPHRASE,
    email: str = ANA.email,
    account: str = ACCOUNT,
    current: str | None = None,
) -> dict[str, Any]:
    params = sealed.params
    return {
        "what": f"sealed key: {name.removeprefix('ok-').replace('-', ' ')}",
        "kind": "seal",
        "seal_passphrase": passphrase,
        "email": email,
        "account": account,
        "kdf": {"m": params.m, "t": params.t, "p": params.p},
        "certificate": sealed.certificate,
        "sealed_key": sealed.armored,
        "seal_mac": sealed.mac,
        "current_certificate": current,
        "expect": expect,
    }


def _sound(sealed: SealedKey) -> Iterator[Vector]:
    opens = {"key_id": ANA.key.key_id, "revoked": False}
    revoked = forge.certificate(insert(ANA.packets, 1, sig(ANA.revoke())))
    yield "ok", _vector("ok", sealed, opens)
    yield "ok-current", _vector("ok-current", sealed, opens, current=ANA.certificate)
    name = "ok-current-certificate-revoked"
    yield name, _vector(name, sealed, {**opens, "revoked": True}, current=revoked)


def _altered(sealed: SealedKey) -> Iterator[Vector]:
    """What whoever stores a seal can do to it."""
    flipped = ("1" if sealed.mac[0] == "0" else "0") + sealed.mac[1:]
    weak, heavy = KdfParams(8, 1, 1), KdfParams(4194304, 1000, 1)
    other_cost = KdfParams(131072, 3, 1)
    changed = sealed.armored.replace("\n\n", "\nComment: hello\n\n", 1)
    opened = armor(PRIVATE_KEY, forge.binary(_open_packets()))
    cases: dict[str, tuple[SealedKey, dict[str, Any]]] = {
        "mac-flipped": (replace(sealed, mac=flipped), SEAL_REFUSED),
        "mac-upper-case": (replace(sealed, mac=sealed.mac.upper()), SEAL_REFUSED),
        "mac-empty": (replace(sealed, mac=""), SEAL_REFUSED),
        "mac-not-ascii": (replace(sealed, mac="ü" * 32), SEAL_REFUSED),
        "armor-header-added": (replace(sealed, armored=changed), SEAL_REFUSED),
        "certificate-exchanged": (replace(sealed, certificate=EVE.certificate), SEAL_REFUSED),
        "key-unprotected": (replace(sealed, armored=opened), SEAL_REFUSED),
        "signing-point-altered": (_with_public(sealed, 5), SEAL_REFUSED),
        "decryption-point-altered": (_with_public(sealed, 7), SEAL_REFUSED),
        "kdf-altered": (replace(sealed, params=other_cost), SEAL_REFUSED),
        "kdf-weak": (replace(sealed, params=weak), {"refused": "kdf-refused"}),
        "kdf-heavy": (replace(sealed, params=heavy), {"refused": "kdf-refused"}),
        "over-size": (replace(sealed, armored="x" * 65537), SEAL_REFUSED),
    }
    for name, (seal, expect) in cases.items():
        yield name, _vector(name, seal, expect)
    wrong = hashlib.sha256(b"another password").hexdigest()
    yield "wrong-password", _vector("wrong-password", sealed, SEAL_REFUSED, passphrase=wrong)
    yield "of-another-email", _vector("of-another-email", sealed, SEAL_REFUSED, email=EVE.email)
    name = "of-another-account"
    yield name, _vector(name, sealed, SEAL_REFUSED, account="0" * 32)
    name = "current-certificate-of-another-key"
    yield name, _vector(name, sealed, MISMATCH, current=EVE.certificate)
    grafted = [*ANA.packets, (kp.TAG_PUBLIC_SUBKEY, EVE.subkey), ANA.packets[4]]
    name = "current-certificate-grafted"
    yield name, _vector(name, sealed, MISMATCH, current=forge.certificate(grafted))


def _packets(armored: str) -> list[Packet]:
    octets = dearmor(PRIVATE_KEY, armored, max_bytes=65536)
    return [(each.tag, each.body) for each in kp.split_packets(octets, max_packets=64)]


def _with_public(sealed: SealedKey, tag: int) -> SealedKey:
    """The seal with the point of one of its keys exchanged for Eve's."""
    eves = {5: EVE.primary, 7: EVE.subkey}[tag]
    packets = [
        (each, eves + body[len(eves) :] if each == tag else body)
        for each, body in _packets(sealed.armored)
    ]
    return replace(sealed, armored=armor(PRIVATE_KEY, forge.binary(packets)))


def _open_packets() -> list[Packet]:
    """The transferable secret key without any protection (usage 0, RFC 9580 §5.5.3)."""
    signing, decryption = ANA.key.secrets()
    packets = ANA.packets
    packets[0] = (kp.TAG_SECRET_KEY, ANA.primary + _unprotected(signing))
    packets[3] = (kp.TAG_SECRET_SUBKEY, ANA.subkey + _unprotected(decryption[::-1]))
    return packets


def _unprotected(secret: bytes) -> bytes:
    mpi = kp.write_mpi(secret)
    return b"\0" + mpi + (sum(mpi) % 65536).to_bytes(2, "big")


def _resealed(sealed: SealedKey, change: Callable[[SealedKey], SealedKey]) -> SealedKey:
    """A changed seal with the MAC that fits it."""
    new = change(sealed)
    mac = sealing._seal_mac(
        PASSPHRASE, ANA.email, ACCOUNT, new.params, new.certificate, new.armored
    )
    return replace(new, mac=mac)


def _made_by_who_knows_the_passphrase() -> dict[
    str, tuple[Callable[[SealedKey], SealedKey], dict[str, Any]]
]:
    def from_packets(packets: list[Packet]) -> Callable[[SealedKey], SealedKey]:
        armored = armor(PRIVATE_KEY, forge.binary(packets))
        return lambda sealed: replace(sealed, armored=armored)

    def with_lock(edit: Callable[[bytes], bytes]) -> Callable[[SealedKey], SealedKey]:
        def change(sealed: SealedKey) -> SealedKey:
            packets = _packets(sealed.armored)
            primary = packets[0][1]
            packets[0] = (packets[0][0], primary[:51] + edit(primary[51:]))
            return replace(sealed, armored=armor(PRIVATE_KEY, forge.binary(packets)))

        return change

    def appended(sealed: SealedKey) -> SealedKey:
        eves = (kp.TAG_SECRET_SUBKEY, EVE.subkey + _unprotected(EVE.key.secrets()[1][::-1]))
        packets = [*_packets(sealed.armored), eves, ANA.packets[4]]
        return replace(sealed, armored=armor(PRIVATE_KEY, forge.binary(packets)))

    def with_secret(place: int, secret: bytes) -> Callable[[SealedKey], SealedKey]:
        """Ana's public part, another secret under the same lock."""

        def change(sealed: SealedKey) -> SealedKey:
            packets = _packets(sealed.armored)
            tag, public = packets[place][0], (ANA.primary, ANA.subkey)[place == 3]
            lock = locked_keys._lock_secret(secret, PASSPHRASE, locked_keys.COUNT_FOR_STRETCHED)
            packets[place] = (tag, public + lock)
            return replace(sealed, armored=armor(PRIVATE_KEY, forge.binary(packets)))

        return change

    def other_kdf(sealed: SealedKey) -> SealedKey:
        """Certificate and key both of a subkey that asks for another ECDH cipher."""
        subkey = ANA.subkey[:-1] + b"\x09"
        binding = sig(ANA.bind(subkey, forge.flags(0x0C)))
        public = [*ANA.packets[:3], (kp.TAG_PUBLIC_SUBKEY, subkey), binding]
        packets = _packets(sealed.armored)
        packets[3:] = [(packets[3][0], subkey + packets[3][1][len(subkey) :]), binding]
        return replace(
            sealed,
            certificate=forge.certificate(public),
            armored=armor(PRIVATE_KEY, forge.binary(packets)),
        )

    eves_signing, eves_decryption = EVE.key.secrets()
    later = Person("Ana Probe", created=BORN + timedelta(days=1))
    eves_lock = locked_keys.lock(EVE.key, PASSPHRASE, count=locked_keys.COUNT_FOR_STRETCHED)
    gnu_dummy = b"\xff\x00\x65\x00GNU\x01"
    argon2 = b"\xfe\x09\x04" + bytes(16) + b"\x01\x04\x1e"
    return {
        "mac-right-key-unprotected": (from_packets(_open_packets()), SEAL_REFUSED),
        "mac-right-key-of-another": (lambda s: replace(s, armored=eves_lock), MISMATCH),
        "mac-right-certificate-of-another": (
            lambda s: replace(s, certificate=EVE.certificate),
            MISMATCH,
        ),
        "mac-right-same-points-other-time": (
            lambda s: replace(s, certificate=later.certificate),
            MISMATCH,
        ),
        "mac-right-signing-point-altered": (lambda s: _with_public(s, 5), MISMATCH),
        "mac-right-decryption-point-altered": (lambda s: _with_public(s, 7), MISMATCH),
        "mac-right-signing-secret-of-another": (with_secret(0, eves_signing), MISMATCH),
        "mac-right-decryption-secret-of-another": (with_secret(3, eves_decryption[::-1]), MISMATCH),
        "mac-right-ecdh-parameters-altered": (other_kdf, MISMATCH),
        "mac-right-open-subkey-appended": (appended, SEAL_REFUSED),
        "mac-right-gnu-dummy": (with_lock(lambda _: gnu_dummy), SEAL_REFUSED),
        "mac-right-argon2-s2k": (with_lock(lambda lock: argon2 + lock[13:]), SEAL_REFUSED),
        "mac-right-usage-255": (with_lock(lambda lock: b"\xff" + lock[1:]), SEAL_REFUSED),
        "mac-right-usage-253": (with_lock(lambda lock: b"\xfd" + lock[1:]), SEAL_REFUSED),
        "mac-right-aes-128": (with_lock(lambda lock: lock[:1] + b"\x07" + lock[2:]), SEAL_REFUSED),
        "mac-right-simple-s2k": (
            with_lock(lambda lock: lock[:2] + b"\x00" + lock[3:]),
            SEAL_REFUSED,
        ),
        "mac-right-s2k-sha1": (with_lock(lambda lock: lock[:3] + b"\x02" + lock[4:]), SEAL_REFUSED),
        "mac-right-lock-cut-short": (with_lock(lambda lock: lock[:20]), SEAL_REFUSED),
        "mac-right-no-subkey": (
            lambda s: replace(s, armored=armor(PRIVATE_KEY, forge.binary(_packets(s.armored)[:3]))),
            SEAL_REFUSED,
        ),
        "mac-right-public-key-only": (from_packets(ANA.packets), SEAL_REFUSED),
    }


def _recoveries() -> Iterator[Vector]:
    code, other = make_code(), make_code()
    seal = sealing.seal_for_recovery(ANA.key, code)
    revocation = sealing.seal_revocation(ANA.key, code)

    def recovery(
        name: str, expect: dict[str, Any], typed: str, mac: str, key: str, certificate: str
    ) -> Vector:
        return (
            f"recovery-{name}",
            {
                "what": f"recovery key: {name.removeprefix('ok-').replace('-', ' ')}",
                "kind": "recovery",
                "code": typed,
                "recovery_key": key,
                "recovery_mac": mac,
                "certificate": certificate,
                "expect": expect,
            },
        )

    opens = {"key_id": ANA.key.key_id}
    own, typo = ANA.certificate, code[:-1] + ("0" if code[-1] != "0" else "1")
    yield recovery("ok", opens, code, seal.mac, seal.armored, own)
    yield recovery("ok-typed", opens, code.lower().replace("-", " "), seal.mac, seal.armored, own)
    yield recovery("other-code", SEAL_REFUSED, other, seal.mac, seal.armored, own)
    yield recovery("typo", {"refused": "invalid-input"}, typo, seal.mac, seal.armored, own)
    yield recovery("mac-altered", SEAL_REFUSED, code, "0" * 64, seal.armored, own)
    changed = seal.armored.replace("\n\n", "\nComment: hello\n\n", 1)
    yield recovery("key-altered", SEAL_REFUSED, code, seal.mac, changed, own)
    yield recovery(
        "certificate-of-another", SEAL_REFUSED, code, seal.mac, seal.armored, EVE.certificate
    )
    for name, text, typed, expect in (
        ("ok-revocation", revocation, code, {"revoked": True}),
        ("revocation-other-code", revocation, other, {"refused": "kit-refused"}),
        ("revocation-not-a-message", own, code, {"refused": "kit-refused"}),
    ):
        what = name.removeprefix("ok-").replace("-", " ")
        yield (
            name,
            {
                "what": what,
                "kind": "revocation",
                "text": text,
                "code": typed,
                "certificate": own,
                "expect": expect,
            },
        )
