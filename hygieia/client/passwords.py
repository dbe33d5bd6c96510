"""Whether a password is strong enough to guard a vault whose ciphertext anyone may hold.

Guessing costs an attacker one Argon2id a try, which buys a factor, not safety: the
password itself must not be among the first billions that a guesser tries. zxcvbn estimates that.
"""

from __future__ import annotations

from typing import Final

from hygieia.errors import InvalidInput
from hygieia.openpgp.kdf import normalise_password

# zxcvbn's scale ends at 4 (over 10^10 guesses); 3 means over 10^8, each of them an Argon2id.
_LEAST_SCORE: Final = 3
# zxcvbn's time grows quickly with length, and nothing this long is weak for being short.
_JUDGED_CHARACTERS: Final = 72


def check_new_password(password: str, *, email: str, name: str = "") -> str:
    """Return the normalised password if it may guard an account.

    Raises:
        InvalidInput: it is empty, too long, holds characters that are not allowed, or is weak.
    """
    normal = normalise_password(password)
    from zxcvbn import zxcvbn  # noqa: PLC0415  (70 ms to import, and only a new password needs it)

    personal = [word for word in (email, email.partition("@")[0], name, *name.split()) if word]
    judged = zxcvbn(normal[:_JUDGED_CHARACTERS], user_inputs=personal)
    if judged["score"] < _LEAST_SCORE:
        raise InvalidInput(
            "This password is too easy to guess.",
            hint="Take four or more words that do not belong together, or let a password "
            "manager make one.",
        )
    return normal
