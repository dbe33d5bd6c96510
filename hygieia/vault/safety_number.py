"""Safety numbers: what two people read to each other to know they hold each other's true keys.

docs/spec/15-people.md §2. Both clients compute the same digits from both key ids, so whoever
stands between them with keys of his own makes the numbers differ. The digits carry 132 bits; a
pair of keys whose numbers collide would take 2^66 tries, and each try costs one Argon2id.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from hygieia.errors import InvalidInput
from hygieia.openpgp.parameters import DEFAULT_KDF
from hygieia.vault import words

CODE_PREFIX: Final = "hygieia:safety:1:"
GROUPS: Final = 8
GROUP_DIGITS: Final = 5
_SALT: Final = b"hygieia safety 1"
_GROUP_BYTES: Final = 8
_TYPED = re.compile(r"[\s\-.]+")


def safety_number(first: str, second: str) -> str:
    """The number of two key ids, in either order: eight groups of five digits.

    Blocks for about 150 ms and 64 MiB: call it in a thread. Raises ``InvalidInput`` for anything
    but two different key ids.
    """
    _check_pair(first, second)
    low, high = sorted((first, second))
    pair = hashlib.sha256(b"\0".join((_SALT, low.encode(), high.encode()))).hexdigest()
    # Imported here: its 57 ms are more than `--help` may cost.
    from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415  (only who compares pays it)

    kdf = DEFAULT_KDF
    octets = hash_secret_raw(
        pair.encode(), _SALT, kdf.t, kdf.m, kdf.p, GROUPS * _GROUP_BYTES, Type.ID
    )
    return " ".join(_group(octets, place) for place in range(GROUPS))


def safety_code(first: str, second: str) -> str:
    """What the QR code of two key ids holds, in either order: a camera compares the keys themselves.

    Raises ``InvalidInput`` for anything but two different key ids.
    """
    _check_pair(first, second)
    return CODE_PREFIX + ":".join(sorted((first, second)))


def _check_pair(first: str, second: str) -> None:
    if not (words.is_key_id(first) and words.is_key_id(second)):
        raise InvalidInput("A safety number is made from two key ids.")
    if hmac.compare_digest(first, second):
        raise InvalidInput("A safety number is between two people: this is one key.")


def _group(octets: bytes, place: int) -> str:
    number = int.from_bytes(octets[place * _GROUP_BYTES : (place + 1) * _GROUP_BYTES], "big")
    return f"{number % 10**GROUP_DIGITS:0{GROUP_DIGITS}d}"


def same_number(shown: str, typed: str) -> bool:
    """Whether what somebody typed is the number shown, however it was spaced.

    Raises ``InvalidInput`` when it is no safety number at all: a slip is not a stranger.
    """
    digits = _TYPED.sub("", typed)
    if not (digits.isascii() and digits.isdigit() and len(digits) == GROUPS * GROUP_DIGITS):
        raise InvalidInput(
            f"A safety number is {GROUPS} groups of {GROUP_DIGITS} digits. Type all of it."
        )
    return hmac.compare_digest(_TYPED.sub("", shown), digits)


def is_code(typed: str) -> bool:
    """Whether this is what a QR code holds, and no number."""
    return typed.strip().startswith("hygieia:")


def same_code(shown: str, scanned: str) -> bool:
    """Whether what was scanned off the other screen is the code shown here.

    Raises ``InvalidInput`` when it is no whole code of this version.
    """
    scanned = scanned.strip()
    low, _, high = scanned.removeprefix(CODE_PREFIX).partition(":")
    whole = scanned.startswith(CODE_PREFIX) and words.is_key_id(low) and words.is_key_id(high)
    if not whole:
        raise InvalidInput("This is no safety code that this version knows. Scan it again.")
    return hmac.compare_digest(shown, scanned)
