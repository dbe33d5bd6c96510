"""The public words of sign-in: KDF parameters, email addresses, account ids.

Server and client check the same rules with the same code; nothing here touches a password. See
docs/spec/01-words-of-bytes.md and docs/spec/02-password-stretching.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hygieia import limits
from hygieia.errors import InvalidInput, KdfRefused

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
        """Raise KdfRefused outside the accepted bounds (docs/spec/02, threats MS-01, MS-02)."""
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


def normalise_email(text: str) -> str:
    """Trim, lower ``A-Z`` and check an email address; raises InvalidInput (docs/spec/01)."""
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


def check_account_id(text: str) -> str:
    """The account id itself: 32 lower-case hex digits; raises InvalidInput (docs/spec/01)."""
    if not _ACCOUNT_ID.fullmatch(text):
        raise InvalidInput("An account id is 32 lower-case hex digits.")
    return text
