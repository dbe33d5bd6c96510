"""Password stretching and the words it starts from (docs/spec/02-password-stretching.md).

Argon2id (RFC 9106) turns the password into two secrets: ``seal_passphrase`` locks the OpenPGP
key and never leaves the client, ``login_secret`` goes to the server. The salt is derived from
email and account id, so a server cannot choose it (threat MS-03).
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from hygieia import limits
from hygieia.errors import InvalidInput
from hygieia.openpgp.parameters import DEFAULT_KDF, KdfParams, check_account_id, normalise_email
from hygieia.openpgp.unicode14 import has_unassigned

__all__ = [
    "DEFAULT_KDF",
    "KdfParams",
    "Stretched",
    "normalise_email",
    "normalise_password",
    "salt_for",
    "stretch",
]

_STRETCHED_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Stretched:
    """What a password becomes: 64 hex characters each; ``repr`` shows neither."""

    seal_passphrase: str = field(repr=False)
    login_secret: str = field(repr=False)


def normalise_password(text: str) -> str:
    """NFKC of a password that any Unicode 14 or later machine reads the same way.

    Raises InvalidInput for an empty one, one over 127 bytes of UTF-8, control characters and code
    points unassigned in Unicode 14 (whose normal form a later Unicode may still decide).
    """
    if _has_control(text) or has_unassigned(text):
        raise InvalidInput(
            "The password has a control character, a line break or an unknown character."
        )
    password = unicodedata.normalize("NFKC", text)
    if not password:
        raise InvalidInput("The password is empty.")
    if len(password.encode()) > limits.MAX_PASSWORD_BYTES:
        raise InvalidInput(f"The password is longer than {limits.MAX_PASSWORD_BYTES} bytes.")
    return password


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def salt_for(email: str, account: str) -> str:
    """The account's 32-character salt, from a normalised email and the account id."""
    if normalise_email(email) != email:
        raise InvalidInput("The email address is not in its normal form.")
    material = b"\0".join((b"hygieia salt 1", email.encode(), check_account_id(account).encode()))
    return hashlib.sha256(material).hexdigest()[:32]


def stretch(password: str, email: str, account: str, params: KdfParams) -> Stretched:
    """Argon2id of the password under the account's salt (docs/spec/02).

    Blocks for about 150 ms and ``params.m`` KiB: call it in a thread. Raises KdfRefused before
    anything is allocated, and InvalidInput for a password or email outside the rules.
    """
    params.check()
    salt = salt_for(email, account)
    secret = normalise_password(password).encode()
    # Imported here: its 57 ms are more than `--help` may cost.
    from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415  (only a client stretches)

    stretched = hash_secret_raw(
        secret, salt.encode(), params.t, params.m, params.p, _STRETCHED_BYTES, Type.ID
    )
    return Stretched(stretched[:32].hex(), stretched[32:].hex())
