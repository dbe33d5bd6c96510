"""Password stretching and the words it starts from (docs/spec/02-password-stretching.md).

Argon2id (RFC 9106) turns the password into two secrets: ``seal_passphrase`` locks the OpenPGP
key and never leaves the client, ``login_secret`` goes to the server. The salt is derived from
email and account id, so a server cannot choose it (THREATS MS-03, R2).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from hygieia import limits
from hygieia.errors import InvalidInput, KdfRefused
from hygieia.openpgp.unicode14 import has_unassigned

_STRETCHED_BYTES: Final = 64
_ACCOUNT_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)

# RFC 5321 dot-string, without quoted forms: the address also stands between < and > in a user id
# and on a line of its own under the seal's MAC, so nothing that could break either is let in.
_EMAIL: Final = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*",
    re.ASCII,
)
_MAX_LOCAL_PART_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class KdfParams:
    """Argon2id cost: ``m`` KiB of memory, ``t`` passes, ``p`` lanes."""

    m: int
    t: int
    p: int

    def check(self) -> None:
        """Raise KdfRefused outside the accepted bounds (FORMATS §1, THREATS MS-01, MS-02)."""
        bounds = (
            (self.m, limits.MIN_KDF_MEMORY_KIB, limits.MAX_KDF_MEMORY_KIB),
            (self.t, limits.MIN_KDF_TIME, limits.MAX_KDF_TIME),
            (self.p, limits.MIN_KDF_LANES, limits.MAX_KDF_LANES),
        )
        if any(type(value) is not int for value, _, _ in bounds):
            raise KdfRefused("The parameters for password stretching are not integers.")
        if any(value < lowest for value, lowest, _ in bounds):
            raise KdfRefused("The server asks for weaker protection of the password than allowed.")
        if any(value > highest for value, _, highest in bounds):
            raise KdfRefused("The server asks for heavier password stretching than allowed.")


DEFAULT_KDF: Final = KdfParams(limits.KDF_MEMORY_KIB, limits.KDF_TIME, limits.KDF_LANES)


@dataclass(frozen=True, slots=True)
class Stretched:
    """What a password becomes: 64 hex characters each; ``repr`` shows neither."""

    seal_passphrase: str = field(repr=False)
    login_secret: str = field(repr=False)


def normalise_email(text: str) -> str:
    """Trim, lower ``A-Z`` and check an email address; raises InvalidInput (FORMATS §0)."""
    email = text.strip(" \t\r\n")
    if not email.isascii():
        raise InvalidInput(
            "An email address is ASCII here.",
            hint="Type a domain with other letters in its xn-- form.",
        )
    email = email.lower()
    if len(email) > limits.MAX_EMAIL_BYTES:
        raise InvalidInput(f"An email address has at most {limits.MAX_EMAIL_BYTES} bytes.")
    if not _EMAIL.fullmatch(email) or email.index("@") > _MAX_LOCAL_PART_BYTES:
        raise InvalidInput("This is not an email address of the form name@domain.")
    return email


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
    if not _ACCOUNT_ID.fullmatch(account):
        raise InvalidInput("An account id is 32 lower-case hex digits.")
    material = b"\0".join((b"hygieia salt 1", email.encode(), account.encode()))
    return hashlib.sha256(material).hexdigest()[:32]


def stretch(password: str, email: str, account: str, params: KdfParams) -> Stretched:
    """Argon2id of the password under the account's salt (FORMATS §1).

    Blocks for about 150 ms and ``params.m`` KiB: call it in a thread. Raises KdfRefused before
    anything is allocated, and InvalidInput for a password or email outside the rules.
    """
    params.check()
    salt = salt_for(email, account)
    secret = normalise_password(password).encode()
    # Imported here: its 57 ms are more than `--help` may cost.
    from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415

    stretched = hash_secret_raw(
        secret, salt.encode(), params.t, params.m, params.p, _STRETCHED_BYTES, Type.ID
    )
    return Stretched(stretched[:32].hex(), stretched[32:].hex())
