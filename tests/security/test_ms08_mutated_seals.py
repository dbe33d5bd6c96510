"""MS-08: the server alters seals over many sign-ins and watches how each one fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hygieia.errors import SealedKeyRefused
from hygieia.openpgp import sealing
from hygieia.openpgp.kdf import Stretched
from hygieia.openpgp.parameters import DEFAULT_KDF
from hygieia.openpgp.sealing import SealedKey
from tests.unit.openpgp.forge import Person

ANA = Person("Ana Probe")
STRETCHED = Stretched("5e" * 32, "")
ACCOUNT = "0" * 32


def test_every_alteration_fails_as_a_wrong_password_does() -> None:
    sealed = sealing.seal_key(
        ANA.key, STRETCHED, email=ANA.email, account=ACCOUNT, params=DEFAULT_KDF
    )
    altered = [
        *(replace(sealed, certificate=text) for text in flips(sealed.certificate)),
        *(replace(sealed, armored=text) for text in flips(sealed.armored)),
        *(replace(sealed, mac=text) for text in flips(sealed.mac)),
    ]
    words = {refusal(each, STRETCHED) for each in altered}
    words.add(refusal(sealed, Stretched("00" * 32, "")))
    assert len(altered) > 30
    assert words == {"The password is wrong, or the sealed key was changed."}


def flips(text: str) -> Iterator[str]:
    for place in range(0, len(text), 31):
        yield text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]


def refusal(sealed: SealedKey, stretched: Stretched) -> str:
    with pytest.raises(SealedKeyRefused) as refused:
        sealing.unseal_key(sealed, stretched, email=ANA.email, account=ACCOUNT)
    return str(refused.value)
