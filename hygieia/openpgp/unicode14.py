"""Which code points Unicode 14 leaves unassigned.

The table is fixed, not the running Python's: a password accepted on one machine must be accepted,
and normalised alike, on every other. Unicode promises that NFKC never changes for assigned code
points; for the others it may. TypeScript reads the same file.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def _ranges() -> tuple[list[int], list[int]]:
    """First and last code points of the unassigned ranges, in order."""
    source = files("hygieia.openpgp").joinpath("unicode14_unassigned.json")
    firsts: list[int] = []
    lasts: list[int] = []
    for item in json.loads(source.read_text(encoding="ascii")):
        first, _, last = item.partition("-")
        firsts.append(int(first, 16))
        lasts.append(int(last or first, 16))
    return firsts, lasts


def has_unassigned(text: str) -> bool:
    """Whether any character of ``text`` is unassigned in Unicode 14 (general category Cn)."""
    if text.isascii():
        return False
    firsts, lasts = _ranges()
    return any(ord(character) <= lasts[place] for character, place in _places(text, firsts))


def _places(text: str, firsts: list[int]) -> list[tuple[str, int]]:
    """Each character beside the last range that starts at or before it, where there is one."""
    found = ((character, bisect_right(firsts, ord(character)) - 1) for character in text)
    return [(character, place) for character, place in found if place >= 0]
