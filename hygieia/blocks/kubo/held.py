"""What this process knows to be held: so that a commit need not ask for each block again.

A cache and no more: another process asks Kubo. It is never wrong, as a keeper stays pinned for as
long as its holder lives in the generation that it is filed under.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_KEYS: Final = 200_000
_NONE: Final[frozenset[bytes]] = frozenset()


class Held:
    """Multihashes by generation, the generation longest unused first out."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._keys: OrderedDict[str, set[bytes]] = OrderedDict()
        self._max_keys = max_keys
        self._count = 0

    def add(self, generation: str, keys: Iterable[bytes]) -> None:
        """Remember that a generation holds these."""
        known = self._keys.setdefault(generation, set())
        self._keys.move_to_end(generation)
        before = len(known)
        known.update(keys)
        self._count += len(known) - before
        while self._count > self._max_keys:
            _, dropped = self._keys.popitem(last=False)
            self._count -= len(dropped)

    def of(self, generation: str) -> set[bytes] | frozenset[bytes]:
        """What a generation is known to hold."""
        return self._keys.get(generation, _NONE)
