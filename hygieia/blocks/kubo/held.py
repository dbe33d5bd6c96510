"""What this process knows to be held, and of what shape: so that a commit need not ask again.

A cache and no more: another process asks Kubo. It is never wrong, as a keeper stays pinned for as
long as its holder lives in the generation that it is filed under.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING, Final

from hygieia.blocks.kubo.keepers import is_inline, key_of
from hygieia.blocks.links import links_of
from hygieia.errors import IntegrityError
from hygieia.ipld.cid import CID, RAW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hygieia.ipld.block import Block

MAX_KEYS: Final = 200_000
MAX_STORED: Final = 65_536
MAX_ASKED: Final = 64
_NONE: Final[frozenset[bytes]] = frozenset()


class Held:
    """Multihashes by generation, the generation longest unused first out."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._keys: OrderedDict[str, set[bytes]] = OrderedDict()
        self._holders: dict[str, str] = {}
        self._max_keys = max_keys
        self._count = 0

    def add(self, generation: str, keys: Iterable[bytes], holder: str = "") -> None:
        """Remember that a generation, the holder's, holds these."""
        self._holders[generation] = holder
        known = self._keys.setdefault(generation, set())
        self._keys.move_to_end(generation)
        before = len(known)
        known.update(keys)
        self._count += len(known) - before
        while self._count > self._max_keys:
            gone, dropped = self._keys.popitem(last=False)
            del self._holders[gone]
            self._count -= len(dropped)

    def of(self, generation: str) -> set[bytes] | frozenset[bytes]:
        """What a generation is known to hold."""
        return self._keys.get(generation, _NONE)

    def holding(self, key: bytes) -> list[tuple[str, str]]:
        """Holders and generations, of those used last, that are known to hold this."""
        recent = islice(reversed(self._keys.items()), MAX_ASKED)
        return [(self._holders[name], name) for name, keys in recent if key in keys]


class Stored:
    """Blocks that this process stored lately and no sweep of its own took, the oldest first out.

    So that what is put again is not counted as new, without asking Kubo for each block.
    """

    def __init__(self, max_keys: int = MAX_STORED) -> None:
        self._keys: OrderedDict[bytes, None] = OrderedDict()
        self._max_keys = max_keys

    def __contains__(self, key: bytes) -> bool:
        return key in self._keys

    def add(self, keys: Iterable[bytes]) -> None:
        """Remember that these are stored."""
        for key in keys:
            self._keys[key] = None
            self._keys.move_to_end(key)
        while len(self._keys) > self._max_keys:
            self._keys.popitem(last=False)

    def forget(self, key: bytes) -> None:
        """It was removed."""
        self._keys.pop(key, None)


class Shapes:
    """The links of nodes that passed by lately, the node longest unused first out."""

    def __init__(self, max_links: int = MAX_KEYS) -> None:
        self._links: OrderedDict[bytes, tuple[CID, ...]] = OrderedDict()
        self._max_links = max_links
        self._count = 0
        self._lock = threading.Lock()

    def learn(self, nodes: Iterable[Block]) -> None:
        """Remember what verified nodes link. For threads."""
        for node in nodes:
            try:
                links = tuple(links_of(node.cid, node.data))
            except IntegrityError:
                continue  # no node: Kubo shall say what it makes of it
            with self._lock:
                known = self._links.pop(key_of(node.cid), ())
                self._links[key_of(node.cid)] = links
                self._count += len(links) - len(known)
                while self._count > self._max_links:
                    _, dropped = self._links.popitem(last=False)
                    self._count -= len(dropped)

    def is_within(self, root: CID, keys: set[bytes] | frozenset[bytes]) -> bool:
        """Whether everything below a root is known, and is among these. For threads."""
        waiting, seen = [root], set[CID]()
        while waiting:
            cid = waiting.pop()
            if cid in seen or (is_inline(cid) and cid.codec == RAW):
                continue
            seen.add(cid)
            if key_of(cid) not in keys:
                return False
            if cid.codec != RAW:
                links = self._links.get(key_of(cid))
                if links is None:
                    return False
                waiting.extend(links)
        return True
