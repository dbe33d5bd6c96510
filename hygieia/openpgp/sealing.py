"""Sealed keys: a secret key locked by the password or by the recovery code (docs/spec/03-keys.md).

The MAC comes first: S2K usage 254 leaves public fields unauthenticated, so nothing is parsed before
the MAC over certificate, sealed key, account and KDF parameters has been checked. Then the points are computed from the secrets and compared with the certificate.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hygieia.errors import CertificateRefused, KeyMismatch, SealedKeyRefused
from hygieia.limits import MAX_CERTIFICATE_BYTES, MAX_SEALED_KEY_BYTES
from hygieia.openpgp import signature_packets as sp
from hygieia.openpgp.armor import PUBLIC_KEY, armor
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.key_packets import TAG_SIGNATURE, write_packet
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.locked_keys import COUNT_FOR_CODE, COUNT_FOR_STRETCHED, lock, unlock
from hygieia.openpgp.parameters import KdfParams
from hygieia.openpgp.recovery_code import parse_code
from hygieia.openpgp.times import now as current_time

if TYPE_CHECKING:
    from hygieia.openpgp.kdf import Stretched

_SEAL_INFO: Final = b"hygieia seal-mac 1"
_RECOVERY_INFO: Final = b"hygieia recovery-mac 1"


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A key under the password: ``certificate`` as it was at sealing, ``mac`` over all of it."""

    certificate: str
    armored: str
    mac: str
    params: KdfParams


@dataclass(frozen=True, slots=True)
class RecoverySeal:
    """The same key under the recovery code."""

    armored: str
    mac: str


def seal_key(
    key: UnlockedKey, stretched: Stretched, *, email: str, account: str, params: KdfParams
) -> SealedKey:
    """Lock ``key`` under the stretched password; raises Failed if a second program disagrees.

    Blocks for some 300 ms the first time (pgpy's import): call it in a thread.
    """
    passphrase = stretched.seal_passphrase
    armored = lock(key, passphrase, count=COUNT_FOR_STRETCHED)
    _confirm_opens(armored, passphrase, key)
    certificate = key.certificate.armored
    mac = _seal_mac(passphrase, email, account, params, certificate, armored)
    return SealedKey(certificate, armored, mac, params)


def unseal_key(
    sealed: SealedKey,
    stretched: Stretched,
    *,
    email: str,
    account: str,
    current_certificate: str | None = None,
) -> UnlockedKey:
    """Open a sealed key under the stretched password.

    ``current_certificate`` is what the server calls "your certificate" now; it is merged into the
    sealed one. Raises KdfRefused for parameters out of bounds, SealedKeyRefused for a wrong
    password or anything altered, KeyMismatch for another key's certificate.
    """
    sealed.params.check()
    _check_sizes(sealed.armored, sealed.certificate)
    passphrase = stretched.seal_passphrase
    expected = _seal_mac(
        passphrase, email, account, sealed.params, sealed.certificate, sealed.armored
    )
    _check_mac(sealed.mac, expected, "The password is wrong, or the sealed key was changed.")
    key = _open(sealed.armored, passphrase, _own_certificate(sealed.certificate))
    if current_certificate is None:
        return key
    return _with_current(key, _own_certificate(current_certificate))


def seal_for_recovery(key: UnlockedKey, code: str) -> RecoverySeal:
    """Lock ``key`` under the recovery code; raises InvalidInput for a mistyped code."""
    code = parse_code(code)
    armored = lock(key, code, count=COUNT_FOR_CODE)
    _confirm_opens(armored, code, key)
    return RecoverySeal(armored, _recovery_mac(code, key.key_id, armored))


def unseal_with_code(
    recovery_seal: RecoverySeal, code: str, certificate: Certificate
) -> UnlockedKey:
    """Open a recovery seal for the holder of ``certificate``.

    Raises InvalidInput for a mistyped code, SealedKeyRefused for another code or anything
    altered, KeyMismatch when the secrets do not make this certificate.
    """
    code = parse_code(code)
    _check_sizes(recovery_seal.armored, "")
    expected = _recovery_mac(code, certificate.key_id, recovery_seal.armored)
    _check_mac(recovery_seal.mac, expected, "The code is wrong, or the recovery key was changed.")
    return _open(recovery_seal.armored, code, certificate)


def seal_revocation(key: UnlockedKey, code: str) -> str:
    """A ready-made revocation of ``key``, readable only with the recovery code (docs/spec/14).

    It gives no reason, so whoever holds it can end the key for every purpose.
    """
    from hygieia.openpgp import pgpy_adapter  # noqa: PLC0415 - 210 ms that signing in need not pay

    body = sp.compose_signature(
        sp.KEY_REVOCATION,
        sp.signed_key(key.certificate.primary_body),
        primary_body=key.certificate.primary_body,
        sign=key.sign_digest,
        created=current_time(),
        subpackets=(sp.Subpacket(sp.REVOCATION_REASON, False, b"\x00"),),
    )
    # The label under which gpg, sq and OpenPGP.js all take a revocation in.
    text = armor(PUBLIC_KEY, write_packet(TAG_SIGNATURE, body))
    return pgpy_adapter.encrypt_text(text, parse_code(code))


def open_revocation(text: str, code: str) -> str:
    """The armored revocation signature inside; raises InvalidInput, KitRefused.

    Public: for programs that revoke a key by its kit (docs/spec/03-keys.md, vectors of kind
    ``revocation``). Our clients revoke none.
    """
    from hygieia.openpgp import pgpy_adapter  # noqa: PLC0415 - as above

    return pgpy_adapter.decrypt_text(text, parse_code(code))


def _confirm_opens(armored: str, passphrase: str, key: UnlockedKey) -> None:
    from hygieia.openpgp import pgpy_adapter  # noqa: PLC0415 - as above

    pgpy_adapter.confirm_opens(armored, passphrase, key.certificate.fingerprint)


def _open(armored: str, passphrase: str, certificate: Certificate) -> UnlockedKey:
    opened = unlock(armored, passphrase)
    bound = {subkey.body for subkey in certificate.decryption_subkeys()}
    if opened.primary_body != certificate.primary_body or opened.subkey_body not in bound:
        raise KeyMismatch("The sealed key and its certificate are of different keys.")
    return UnlockedKey(certificate, opened.signing_secret, opened.decryption_secret)


def _with_current(key: UnlockedKey, current: Certificate) -> UnlockedKey:
    if current.key_id != key.key_id:
        raise KeyMismatch("The server shows a certificate that is not of the key in hand.")
    return key.with_certificate(key.certificate.merge(current))


def _own_certificate(armored: str) -> Certificate:
    try:
        return Certificate.parse(armored)
    except CertificateRefused as error:
        raise KeyMismatch("Your own certificate, as received, is not valid.") from error


def _check_sizes(armored: str, certificate: str) -> None:
    if len(armored) > MAX_SEALED_KEY_BYTES or len(certificate) > MAX_CERTIFICATE_BYTES:
        raise SealedKeyRefused("The sealed key is larger than any sealed key.")


def _check_mac(received: str, expected: str, refusal: str) -> None:
    if not hmac.compare_digest(received.encode(errors="replace"), expected.encode()):
        raise SealedKeyRefused(refusal)


def _seal_mac(
    passphrase: str, email: str, account: str, params: KdfParams, certificate: str, sealed: str
) -> str:
    lines = f"hygieia seal 1\n{email}\n{account}\n{params.m} {params.t} {params.p}\n"
    return _mac(passphrase, _SEAL_INFO, lines + certificate + sealed)


def _recovery_mac(code: str, key_id: str, recovery_key: str) -> str:
    return _mac(code, _RECOVERY_INFO, f"hygieia recovery 1\n{key_id}\n{recovery_key}")


def _mac(secret: str, info: bytes, text: str) -> str:
    """Lower-case hex of HMAC-SHA-256 under HKDF-SHA-256 of the secret's characters, no salt."""
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info)
    mac_key = derive.derive(secret.encode())
    return hmac.new(mac_key, text.encode(errors="surrogatepass"), "sha256").hexdigest()
