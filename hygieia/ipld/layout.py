"""The one shape a file of a given size has under profile unixfs-v1-2025 (IPIP-0499).

Leaves of 1 MiB, the last one shorter; balanced nodes of up to 1024 links, all leaves at the same
depth. So a file's size fixes its whole tree, and a reader that demands this shape does work in
proportion to the size, whatever it is fed (BK-03).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hygieia.limits import CHUNK_BYTES, MAX_LINKS


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes of the tree. Everything real uses ``PROFILE``; tests use small ones."""

    chunk_bytes: int
    max_links: int

    def level(self, size_bytes: int) -> int:
        """Return how many links lie between the root and its leaves (0: the root is a leaf)."""
        level, capacity = 0, self.chunk_bytes
        while capacity < size_bytes:
            level += 1
            capacity *= self.max_links
        return level

    def child_sizes(self, size_bytes: int, level: int) -> list[int]:
        """Return the sizes of the children of a node of ``size_bytes`` at ``level`` ≥ 1.

        ``size_bytes`` must not be over the level's capacity: the list has at most ``max_links``
        entries then.
        """
        capacity = self.chunk_bytes * self.max_links ** (level - 1)
        full, rest = divmod(size_bytes, capacity)
        return [capacity] * full + [rest] * (rest > 0)

    def capacity(self, level: int) -> int:
        """Return the most bytes that a node at ``level`` can hold."""
        return self.chunk_bytes * int(self.max_links**level)


PROFILE: Final = Layout(CHUNK_BYTES, MAX_LINKS)
