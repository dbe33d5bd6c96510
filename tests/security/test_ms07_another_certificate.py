"""MS-07: the server serves an older seal, or another certificate as "yours"."""

from __future__ import annotations

import pytest

from hygieia.errors import KeyMismatch, SealedKeyRefused
from hygieia.openpgp import sealing
from hygieia.openpgp.kdf import Stretched
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.parameters import DEFAULT_KDF
from tests.unit.openpgp import forge
from tests.unit.openpgp.forge import Person, insert, sig

ANA, EVE = Person("Ana Probe"), Person("Eve Eve")
OLD, NEW = Stretched("01" * 32, ""), Stretched("02" * 32, "")
ACCOUNT = "0" * 32


def opened(current: str | None, stretched: Stretched = NEW) -> UnlockedKey:
    sealed = sealing.seal_key(
        ANA.key, stretched, email=ANA.email, account=ACCOUNT, params=DEFAULT_KDF
    )
    return sealing.unseal_key(
        sealed, NEW, email=ANA.email, account=ACCOUNT, current_certificate=current
    )


def test_the_seal_of_an_earlier_password_does_not_open_with_the_new_one() -> None:
    with pytest.raises(SealedKeyRefused):
        opened(None, stretched=OLD)


def test_another_persons_certificate_is_not_taken_for_ones_own() -> None:
    with pytest.raises(KeyMismatch):
        opened(EVE.certificate)


def test_a_lookalike_of_the_same_name_is_not_taken_for_ones_own() -> None:
    lookalike = Person("Ana Probe", created=forge.LATER)
    with pytest.raises(KeyMismatch):
        opened(lookalike.certificate)


def test_ones_own_certificate_is_merged_and_its_revocation_stays() -> None:
    revoked = forge.certificate(insert(ANA.packets, 1, sig(ANA.revoke())))
    assert opened(revoked).certificate.is_revoked


def test_words_slipped_into_ones_own_certificate_are_left_out() -> None:
    stuffed = insert(ANA.packets, 3, (13, b"Ana Probe <eve@example.org>"))
    key = opened(forge.certificate(stuffed))
    assert key.certificate.packets == ANA.key.certificate.packets
