"""The recovery code: 120 random bits that a person can write down and type again (docs/spec/03).

Eight groups of four Crockford base32 symbols, three random and the fourth a check on its group
and the group's place: a typo is located, and two groups exchanged are noticed.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from hygieia.errors import InvalidInput
from hygieia.limits import RECOVERY_CODE_GROUPS

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_RANDOM_SYMBOLS: Final = 3
_GROUP_SYMBOLS: Final = _RANDOM_SYMBOLS + 1
_IGNORED: Final = str.maketrans("", "", " -\t\r\n\u00a0\u2010\u2011\u2012\u2013\u2014\u2212")
_READ_AS: Final = str.maketrans("OIL", "011")
_MAX_TYPED_CHARACTERS: Final = 256


def make_code() -> str:
    """A new code as it is printed: ``XXXX-XXXX-…``, eight groups."""
    groups = []
    for number in range(1, RECOVERY_CODE_GROUPS + 1):
        symbols = "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM_SYMBOLS))
        groups.append(symbols + _check_symbol(number, symbols))
    return "-".join(groups)


def parse_code(text: str) -> str:
    """The printed form of a typed code: case, O for 0, I and L for 1, spaces and dashes forgiven.

    Raises InvalidInput naming the first group that cannot be right.
    """
    symbols = text[:_MAX_TYPED_CHARACTERS].translate(_IGNORED).upper().translate(_READ_AS)
    groups = [
        symbols[start : start + _GROUP_SYMBOLS] for start in range(0, len(symbols), _GROUP_SYMBOLS)
    ]
    for number, group in enumerate(groups[:RECOVERY_CODE_GROUPS], start=1):
        _check_group(number, group)
    if len(groups) != RECOVERY_CODE_GROUPS or len(text) > _MAX_TYPED_CHARACTERS:
        raise InvalidInput(
            f"A recovery code has {RECOVERY_CODE_GROUPS} groups of {_GROUP_SYMBOLS} symbols; "
            f"{len(symbols)} symbols were typed."
        )
    return "-".join(groups)


def _check_group(number: int, group: str) -> None:
    if len(group) < _GROUP_SYMBOLS:
        raise InvalidInput(f"Group {number} of the recovery code is too short.")
    if any(symbol not in ALPHABET for symbol in group):
        raise InvalidInput(f"Group {number} of the recovery code has a symbol that none has.")
    if group[-1] != _check_symbol(number, group[:_RANDOM_SYMBOLS]):
        raise InvalidInput(f"Group {number} of the recovery code is mistyped.")


def _check_symbol(number: int, symbols: str) -> str:
    """The symbol for the first five bits of SHA-256(group number as a digit ‖ the three)."""
    return ALPHABET[hashlib.sha256(f"{number}{symbols}".encode()).digest()[0] >> 3]
