"""Build files and directories under profile unixfs-v1-2025 (IPIP-0499), block by block.

A vault file is two things under one node: a small leaf with the recipients header, and the
payload's tree (docs/spec/04, 12). ``FileBuilder`` makes the tree, ``join`` the node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygieia.errors import InvalidInput
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID, DAG_PB, RAW
from hygieia.ipld.dagpb import Link
from hygieia.ipld.layout import PROFILE, Layout
from hygieia.ipld.unixfs import Child, encode_directory, encode_file

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Built:
    """A finished root: ``size_bytes`` of content (0 for a directory), ``tsize`` with all nodes."""

    cid: CID
    size_bytes: int
    tsize: int


def leaf(data: bytes) -> tuple[Block, Built]:
    """Return ``data`` (at most 2 MiB) as a raw block."""
    block = Block.of(RAW, data)
    return block, Built(block.cid, len(data), len(data))


def join(header: Built, payload: Built) -> tuple[Block, Built]:
    """Return the file node over a header leaf and a payload's root: 100-odd octets."""
    return _file_node([_child(header), _child(payload)])


def directory(entries: Iterable[tuple[str, Built]]) -> tuple[Block, Built]:
    """Return a directory node over named entries; raises ``DagRefused`` for a bad name."""
    links = [Link(built.cid, name, built.tsize) for name, built in entries]
    block = Block.of(DAG_PB, encode_directory(links))
    return block, Built(block.cid, 0, len(block.data) + sum(link.tsize for link in links))


class Chunker:
    """Cuts a stream into leaves: hash them where you like, then hand them to a ``FileBuilder``."""

    def __init__(self, layout: Layout = PROFILE) -> None:
        self._chunk_bytes = layout.chunk_bytes
        self._parts: list[memoryview] = []
        self._size = 0

    def update(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        """Take more of the stream; return the leaves that are now full."""
        # What can still change is copied; of bytes only the finished leaf is, once.
        view = memoryview(data if isinstance(data, bytes) else bytes(data))
        leaves: list[bytes] = []
        while len(view) >= (missing := self._chunk_bytes - self._size):
            self._parts.append(view[:missing])
            leaves.append(self._join())
            view = view[missing:]
        if view:
            self._parts.append(view)
            self._size += len(view)
        return leaves

    def finish(self) -> list[bytes]:
        """Return the last, shorter leaf, if there is one."""
        return [self._join()] if self._size else []

    def _join(self) -> bytes:
        joined = b"".join(self._parts)
        self._parts, self._size = [], 0
        return joined


class FileBuilder:
    """Builds a file's tree from the left; holds one node's children per level, whatever the size.

    Feed it either bytes (``update``) or leaves in order (``add_leaf``, ``add_hashed``); each call
    returns the blocks that are finished, children before their parents.
    """

    def __init__(self, layout: Layout = PROFILE) -> None:
        self._layout = layout
        self._chunker = Chunker(layout)
        self._levels: list[list[Child]] = [[]]
        self._ended = False

    def update(self, data: bytes | bytearray | memoryview) -> list[Block]:
        """Take more of the file, hash what makes full leaves; return the new blocks."""
        return [
            block
            for chunk in self._chunker.update(data)
            for block in self.add_leaf(Block.of(RAW, chunk))
        ]

    def add_leaf(self, block: Block) -> list[Block]:
        """Take the next leaf, hashed already; return it and the nodes it completes."""
        return [block, *self.add_hashed(block.cid, len(block.data))]

    def add_hashed(self, cid: CID, size_bytes: int) -> list[Block]:
        """Take the next leaf by its CID; return the nodes it completes.

        Every leaf but the last is full, none is empty; raises ``InvalidInput`` otherwise.
        """
        if self._ended or cid.codec != RAW or not 0 < size_bytes <= self._layout.chunk_bytes:
            raise InvalidInput("This is not the file's next leaf.")
        self._ended = size_bytes < self._layout.chunk_bytes
        nodes: list[Block] = []
        self._push(0, Child(cid, size_bytes, size_bytes), nodes)
        return nodes

    def finish(self) -> tuple[list[Block], Built]:
        """End the file; return the remaining blocks and its root. An empty file is one leaf."""
        blocks = [
            block
            for chunk in self._chunker.finish()
            for block in self.add_leaf(Block.of(RAW, chunk))
        ]
        if not self._levels[0] and len(self._levels) == 1:
            block, built = leaf(b"")
            return [block], built
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            children, self._levels[level] = self._levels[level], []
            block, built = _file_node(children)
            blocks.append(block)
            self._push(level + 1, _child(built), blocks)
            level += 1
        root = self._levels[level][0]
        return blocks, Built(root.cid, root.size_bytes, root.tsize)

    def _push(self, level: int, child: Child, nodes: list[Block]) -> None:
        if level == len(self._levels):
            self._levels.append([])
        if len(self._levels[level]) == self._layout.max_links:
            # Full, and one more is coming: only now is it known not to be the root.
            block, built = _file_node(self._levels[level])
            nodes.append(block)
            self._levels[level] = []
            self._push(level + 1, _child(built), nodes)
        self._levels[level].append(child)


def _child(built: Built) -> Child:
    return Child(built.cid, built.size_bytes, built.tsize)


def _file_node(children: list[Child]) -> tuple[Block, Built]:
    block = Block.of(DAG_PB, encode_file(children))
    size_bytes = sum(child.size_bytes for child in children)
    tsize = len(block.data) + sum(child.tsize for child in children)
    return block, Built(block.cid, size_bytes, tsize)
