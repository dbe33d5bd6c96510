"""Password stretching: bound to the account, refused before it costs anything."""

from __future__ import annotations

import hashlib
import unicodedata

import argon2.low_level
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.errors import InvalidInput, KdfRefused
from hygieia.openpgp import kdf
from hygieia.openpgp.parameters import DEFAULT_KDF, KdfParams, normalise_email
from hygieia.openpgp.unicode14 import has_unassigned

ACCOUNT = "00112233445566778899aabbccddeeff"
EMAIL = "ana@example.org"


def test_the_secrets_are_the_two_halves_of_argon2id() -> None:
    stretched = kdf.stretch("correct horse", EMAIL, ACCOUNT, DEFAULT_KDF)
    salt = hashlib.sha256(f"hygieia salt 1\0{EMAIL}\0{ACCOUNT}".encode()).hexdigest()[:32]
    octets = argon2.low_level.hash_secret_raw(
        b"correct horse", salt.encode(), 3, 65536, 1, 64, argon2.low_level.Type.ID
    )
    assert stretched.seal_passphrase + stretched.login_secret == octets.hex()


def test_ms_03_the_same_password_gives_every_account_another_secret() -> None:
    assert kdf.salt_for(EMAIL, ACCOUNT) != kdf.salt_for(EMAIL, "f" + ACCOUNT[1:])
    assert kdf.salt_for(EMAIL, ACCOUNT) != kdf.salt_for("boris@example.org", ACCOUNT)


@pytest.mark.parametrize("params", [KdfParams(8, 1, 1), KdfParams(4 << 20, 1000, 1)])
def test_ms_01_ms_02_weak_and_heavy_parameters_are_refused_before_anything_is_allocated(
    params: KdfParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> bytes:
        pytest.fail("Argon2 was called")

    monkeypatch.setattr(argon2.low_level, "hash_secret_raw", never)
    with pytest.raises(KdfRefused):
        kdf.stretch("correct horse", EMAIL, ACCOUNT, params)


def test_a_printed_stretching_shows_neither_secret() -> None:
    stretched = kdf.Stretched("seal-canary", "login-canary")
    assert "canary" not in f"{stretched} {stretched!r}"


@pytest.mark.parametrize("account", ["", ACCOUNT[:-1], ACCOUNT.upper(), ACCOUNT + "\n"])
def test_only_an_account_id_makes_a_salt(account: str) -> None:
    with pytest.raises(InvalidInput):
        kdf.salt_for(EMAIL, account)


def test_only_a_normalised_email_makes_a_salt() -> None:
    with pytest.raises(InvalidInput):
        kdf.salt_for("Ana@Example.org", ACCOUNT)


@given(st.text(max_size=40))
def test_a_normalised_email_stays_as_it_is(text: str) -> None:
    try:
        email = normalise_email(text)
    except InvalidInput:
        return
    assert normalise_email(email) == email


@given(st.text(max_size=40))
def test_a_normalised_password_stays_as_it_is(text: str) -> None:
    try:
        password = kdf.normalise_password(text)
    except InvalidInput:
        return
    assert kdf.normalise_password(password) == password
    assert unicodedata.is_normalized("NFKC", password)


def test_the_unicode_table_agrees_with_this_python_on_what_it_already_knew() -> None:
    """A later Unicode assigns more; it never takes one back."""
    unassigned_here = [code for code in range(0x110000) if unicodedata.category(chr(code)) == "Cn"]
    assert all(has_unassigned(chr(code)) for code in unassigned_here)
    assert not has_unassigned("plain ascii, ümläute, 漢字, العربية")
