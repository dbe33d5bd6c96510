"""MS-04, MS-05: the server swaps a public point inside the sealed key.

S2K usage 254 does not cover the public part: pgpy unlocks such a key, signs one text under two
public points (which gives the scalar away) and encrypts to the attacker. Ours opens neither: the
MAC refuses it, and were the MAC right, the points computed from the secrets would.
"""

from __future__ import annotations

from dataclasses import replace

import pgpy
import pytest

from hygieia.errors import KeyMismatch, SealedKeyRefused
from hygieia.openpgp import key_packets as kp
from hygieia.openpgp import sealing
from hygieia.openpgp.armor import PRIVATE_KEY, armor, dearmor
from hygieia.openpgp.kdf import Stretched
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.parameters import DEFAULT_KDF
from hygieia.openpgp.sealing import SealedKey
from tests.unit.openpgp.forge import Person

ANA, EVE = Person("Ana Probe"), Person("Eve Eve")
STRETCHED = Stretched("5e" * 32, "")
ACCOUNT = "0" * 32
POINTS = {
    "MS-04 Ed25519": (kp.TAG_SECRET_KEY, EVE.primary),
    "MS-05 X25519": (kp.TAG_SECRET_SUBKEY, EVE.subkey),
    "MS-05 ECDH parameters": (kp.TAG_SECRET_SUBKEY, ANA.subkey[:-2] + b"\x0a\x09"),
}


def seal() -> SealedKey:
    return sealing.seal_key(
        ANA.key, STRETCHED, email=ANA.email, account=ACCOUNT, params=DEFAULT_KDF
    )


def swapped(sealed: SealedKey, tag: int, public: bytes) -> SealedKey:
    octets = dearmor(PRIVATE_KEY, sealed.armored, max_bytes=65536)
    packets = b"".join(
        kp.write_packet(
            each.tag, public + each.body[len(public) :] if each.tag == tag else each.body
        )
        for each in kp.split_packets(octets, max_packets=9)
    )
    return replace(sealed, armored=armor(PRIVATE_KEY, packets))


def unseal(sealed: SealedKey) -> UnlockedKey:
    return sealing.unseal_key(sealed, STRETCHED, email=ANA.email, account=ACCOUNT)


@pytest.mark.parametrize("case", POINTS)
def test_a_swapped_point_opens_nothing(case: str) -> None:
    with pytest.raises(SealedKeyRefused):
        unseal(swapped(seal(), *POINTS[case]))


@pytest.mark.parametrize("case", POINTS)
def test_not_even_under_a_right_mac(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_check_mac", lambda *_: None)
    with pytest.raises(KeyMismatch):
        unseal(swapped(seal(), *POINTS[case]))


def test_pgpy_alone_would_have_opened_it() -> None:
    """The attack is real: what refuses it is ours."""
    forged, _ = pgpy.PGPKey.from_blob(swapped(seal(), *POINTS["MS-05 X25519"]).armored)
    with forged.unlock(STRETCHED.seal_passphrase):
        assert forged.is_unlocked


def test_a_secret_that_does_not_make_the_certificates_point_is_refused() -> None:
    signing, decryption = ANA.key.secrets()
    eves_signing, eves_decryption = EVE.key.secrets()
    for pair in ((eves_signing, decryption), (signing, eves_decryption)):
        with pytest.raises(KeyMismatch):
            UnlockedKey(ANA.key.certificate, *pair)
