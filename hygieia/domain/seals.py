"""What a client submits of its keys: checked for form, never opened (docs/spec/03).

The server cannot judge what is inside a sealed key; it sees to it that the texts are what they
claim to be, within their limits, and belong to one certificate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hygieia.errors import CertificateRefused, InvalidInput, KdfRefused
from hygieia.limits import MAX_SEALED_KEY_BYTES
from hygieia.openpgp.armor import MESSAGE, PRIVATE_KEY, ArmorError, dearmor
from hygieia.openpgp.certificates import Certificate
from hygieia.openpgp.parameters import KdfParams, normalise_email

if TYPE_CHECKING:
    from datetime import datetime

_HEX64: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seal:
    """A key sealed under a password, with what a client needs to open it, and the login secret."""

    kdf: KdfParams
    certificate: str
    sealed_key: str = field(repr=False)
    mac: str = field(repr=False)
    login_secret: str = field(repr=False)

    def check(self, email: str, now: datetime) -> Certificate:
        """Checks the form of every part; returns the certificate. Blocks about a millisecond.

        Raises:
            InvalidInput: a part is not what it should be, or the email is another one.
            CertificateRefused: the certificate is none that anybody could use.
        """
        try:
            self.kdf.check()
        except KdfRefused as error:
            raise InvalidInput(str(error)) from None
        _check_hex(self.mac, "seal_mac")
        _check_hex(self.login_secret, "login_secret")
        _check_armored(PRIVATE_KEY, self.sealed_key, "sealed_key")
        return check_certificate(self.certificate, email, now)


@dataclass(frozen=True, slots=True)
class RecoverySeal:
    """The same key sealed under the recovery code, and a revocation under the code."""

    key: str = field(repr=False)
    mac: str = field(repr=False)
    revocation: str = field(repr=False)

    def check(self) -> None:
        """Checks the form of every part. Raises InvalidInput."""
        _check_hex(self.mac, "recovery_mac")
        _check_armored(PRIVATE_KEY, self.key, "recovery_key")
        _check_armored(MESSAGE, self.revocation, "revocation")


def check_certificate(armored: str, email: str, now: datetime) -> Certificate:
    """Parses a certificate that must be usable now and speak of this email.

    Raises:
        CertificateRefused: it is malformed, forged, revoked, expired or not for SEIPD version 2.
        InvalidInput: it is of another email.
    """
    certificate = Certificate.parse(armored, now=now)
    certificate.encryption_subkey(now)
    if not certificate.supports_seipd2:
        raise CertificateRefused("The certificate does not announce SEIPD version 2.")
    if normalise_email(certificate.email) != email:
        raise InvalidInput("The certificate is of another email address.")
    return certificate


def check_login_secret(text: str) -> str:
    """Returns the login secret if it has the form of one. Raises InvalidInput."""
    return _check_hex(text, "login_secret")


def _check_hex(text: str, name: str) -> str:
    if not _HEX64.fullmatch(text):
        raise InvalidInput(f"The field {name} is not 64 lower-case hex digits.")
    return text


def _check_armored(label: str, text: str, name: str) -> None:
    try:
        dearmor(label, text, max_bytes=MAX_SEALED_KEY_BYTES)
    except ArmorError:
        raise InvalidInput(f"The field {name} is not an armored {label}.") from None
