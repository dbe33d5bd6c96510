"""Sealed keys: opened by password or code alone, and only as they were sealed."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import replace

import pgpy
import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from hygieia.errors import Failed, InvalidInput, KitRefused, SealedKeyRefused
from hygieia.openpgp import kdf, locked_keys, sealing
from hygieia.openpgp.armor import MESSAGE, armor, dearmor
from hygieia.openpgp.key_packets import split_packets, write_packet
from hygieia.openpgp.keys import UnlockedKey, generate_key
from hygieia.openpgp.parameters import DEFAULT_KDF
from hygieia.openpgp.recovery_code import make_code
from hygieia.openpgp.sealing import SealedKey
from tests.unit.openpgp.forge import Person

ANA = Person("Ana Probe")
ACCOUNT = "00112233445566778899aabbccddeeff"
STRETCHED = kdf.Stretched("5e" * 32, "10" * 32)


def seal(key: UnlockedKey) -> SealedKey:
    return sealing.seal_key(key, STRETCHED, email=ANA.email, account=ACCOUNT, params=DEFAULT_KDF)


def unseal(sealed: SealedKey) -> UnlockedKey:
    return sealing.unseal_key(sealed, STRETCHED, email=ANA.email, account=ACCOUNT)


def test_a_password_opens_what_it_sealed() -> None:
    stretched = kdf.stretch("correct horse", ANA.email, ACCOUNT, DEFAULT_KDF)
    key = generate_key("Ana", ANA.email)
    sealed = sealing.seal_key(key, stretched, email=ANA.email, account=ACCOUNT, params=DEFAULT_KDF)
    opened = sealing.unseal_key(sealed, stretched, email=ANA.email, account=ACCOUNT)
    assert opened.secrets() == key.secrets()
    assert opened.certificate == key.certificate


def test_two_seals_of_one_key_share_no_salt() -> None:
    assert seal(ANA.key).armored != seal(ANA.key).armored


def test_ms_06_every_seal_is_locked_with_usage_254_aes_256_iterated_sha_256() -> None:
    loaded, _ = pgpy.PGPKey.from_blob(seal(ANA.key).armored)
    assert loaded.is_protected
    for key in (loaded, *loaded.subkeys.values()):
        s2k = key._key.keymaterial.s2k
        assert (s2k.usage, int(s2k.encalg), int(s2k.specifier), int(s2k.halg)) == (254, 9, 3, 8)
        assert s2k.count == 65536


def test_a_code_opens_what_it_sealed_and_revokes_when_asked() -> None:
    code = make_code()
    recovered = sealing.unseal_with_code(
        sealing.seal_for_recovery(ANA.key, code), code.lower(), ANA.key.certificate
    )
    assert recovered.secrets() == ANA.key.secrets()
    revocation = sealing.open_revocation(sealing.seal_revocation(ANA.key, code), code)
    assert ANA.key.certificate.with_revocation(revocation).is_revoked


def test_the_code_is_stretched_as_far_as_the_format_can() -> None:
    loaded, _ = pgpy.PGPKey.from_blob(sealing.seal_for_recovery(ANA.key, make_code()).armored)
    assert loaded._key.keymaterial.s2k.count == 65_011_712


def test_a_mistyped_code_is_told_from_a_wrong_one() -> None:
    code = make_code()
    recovery = sealing.seal_for_recovery(ANA.key, code)
    with pytest.raises(InvalidInput, match="Group 1"):
        sealing.unseal_with_code(recovery, "U" + code[1:], ANA.key.certificate)
    with pytest.raises(SealedKeyRefused):
        sealing.unseal_with_code(recovery, make_code(), ANA.key.certificate)


def test_r1_nothing_is_parsed_before_the_mac_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> object:
        pytest.fail("a seal was parsed before its MAC was checked")

    sealed = replace(seal(ANA.key), mac="0" * 64)
    monkeypatch.setattr(sealing, "unlock", never)
    monkeypatch.setattr(sealing, "_own_certificate", never)
    with pytest.raises(SealedKeyRefused):
        unseal(sealed)


def test_a_seal_that_a_second_program_cannot_open_is_never_handed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locked_keys, "_AES256", 7)  # written as AES-128, encrypted with AES-256
    with pytest.raises(Failed):
        seal(ANA.key)


def without_integrity(message: str, passphrase: str) -> str:
    """The same text in the packet of old PGP that protects nothing (RFC 9580 §5.7)."""
    skesk, seipd = split_packets(dearmor(MESSAGE, message, max_bytes=20_000), max_packets=2)
    _, key = pgpy.PGPMessage.from_blob(message)._sessionkeys[0].decrypt_sk(passphrase)
    decryptor = Cipher(algorithms.AES256(key), CFB(bytes(16))).decryptor()
    inner = decryptor.update(seipd.body[1:])[18:-22]
    encryptor = Cipher(algorithms.AES256(key), CFB(bytes(16))).encryptor()
    start = encryptor.update(bytes(18))
    encryptor = Cipher(algorithms.AES256(key), CFB(start[2:])).encryptor()
    packets = ((skesk.tag, skesk.body), (9, start + encryptor.update(inner)))
    return armor(MESSAGE, b"".join(write_packet(*each) for each in packets))


def test_a_revocation_in_a_message_without_integrity_is_refused() -> None:
    code = make_code()
    message = sealing.seal_revocation(ANA.key, code)
    weak = without_integrity(message, code)
    opened = pgpy.PGPMessage.from_blob(weak).decrypt(code).message  # pgpy alone would take it
    assert opened == sealing.open_revocation(message, code)
    with pytest.raises(KitRefused):
        sealing.open_revocation(weak, code)


@pytest.mark.parametrize("place", [10, 20, 33, 34, 53])
def test_a_changed_lock_opens_to_no_other_secret(place: int) -> None:
    """The lock's own SHA-1 check, behind the MAC: CFB lets single bits be flipped."""
    locked = bytearray(locked_keys._lock_secret(bytes([0x5A]) * 32, "passphrase", 0))
    assert locked_keys._open_secret(bytes(locked), "passphrase") == bytes([0x5A]) * 32
    locked[locked_keys._SPECIFIER_BYTES + place] ^= 1
    with pytest.raises(SealedKeyRefused):
        locked_keys._open_secret(bytes(locked), "passphrase")


def test_an_open_key_shows_no_secret_and_is_not_copied() -> None:
    key = ANA.key
    secrets = [secret.hex() for secret in key.secrets()]
    assert not any(secret in f"{key!r} {key}" for secret in secrets)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            attempt(key)


def test_a_closed_key_does_nothing_more() -> None:
    with ANA.key as key:
        key.sign_digest(b"x" * 64)
    with pytest.raises(ValueError, match="closed"):
        key.sign_digest(b"x" * 64)
    with pytest.raises(ValueError, match="closed"):
        key.ecdh(bytes(32))
    with pytest.raises(ValueError, match="closed"):
        key.secrets()


def test_opening_a_seal_does_not_load_pgpy() -> None:
    program = "import sys, hygieia.openpgp.sealing, hygieia.openpgp.signing; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pgpy" not in done.stdout.split()
