"""Read files out of blocks that anyone may have supplied, trusting only the root's CID.

No I/O: a walk says which blocks it wants, is fed verified blocks, and hands out the file's bytes
in order. What a parent promised about a block (a ``Part``: its size, its Tsize, its place in the
tree) is checked when the block comes, so a false promise is found before anything below it is
asked for. Vault files have exactly the shape of docs/spec/04 and 12 over profile unixfs-v1-2025:

    raw leaf  |  profile tree  |  [header leaf, payload root]

Work is therefore bounded by the file's size, and memory by how many blocks the caller asks for at
once. Blocks are content-addressed, so a true cycle cannot exist; a diamond of empty or repeated
nodes, which stands in for one, breaks the shape (BK-03, BK-04).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from hygieia.errors import DagRefused, LimitExceeded, NotFound
from hygieia.ipld.block import Block, verify_any
from hygieia.ipld.cid import CID, DAG_PB, RAW
from hygieia.ipld.layout import PROFILE, Layout
from hygieia.ipld.unixfs import Child, Kind, decode_any, decode_directory, decode_file
from hygieia.limits import MAX_BLOCK_BYTES, MAX_DAG_DEPTH, MAX_HEADER_BYTES, MAX_INTEGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_RECENT_BYTES: Final = 4 * MAX_BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of a block before it is seen. None where nobody has said.

    ``level``: links between it and its leaves; None for a root, whose size will tell.
    ``start``: place of its first byte in the file.
    """

    cid: CID
    size_bytes: int | None = None
    tsize: int | None = None
    level: int | None = None
    start: int = 0


@dataclass(frozen=True, slots=True)
class Expansion:
    """A file node, checked: content of its own (never in vault files), and its parts in order."""

    size_bytes: int
    parts: tuple[Part, ...]
    inline: bytes = b""


def entry(directory: bytes, name: str, *, tsize: int | None = None) -> Part:
    """Look ``name`` up in a vault directory's octets.

    ``tsize`` is what the directory's own link promised. Raises ``DagRefused`` if the directory is
    malformed, ``NotFound`` if it has no such entry.
    """
    node = decode_directory(directory)
    _check_tsize(tsize, len(directory) + sum(link.tsize for link in node.entries))
    link = node.find(name)
    if link is None:
        raise NotFound("A directory has no entry of that name.")
    return Part(link.cid, tsize=link.tsize)


def expand(part: Part, octets: bytes, layout: Layout = PROFILE) -> Expansion:
    """Check a vault file's inner node against what was promised; raises ``DagRefused``."""
    node = decode_file(octets)
    if part.size_bytes not in (None, node.size_bytes):
        raise DagRefused("A file node has another size than its parent says.")
    _check_tsize(part.tsize, len(octets) + sum(child.tsize for child in node.children))
    if part.level is None and _is_envelope(node.children, layout):
        _header, payload = node.children
        levels: Iterable[int] = (0, layout.level(payload.size_bytes))
    else:
        level = layout.level(node.size_bytes) if part.level is None else part.level
        sizes = [child.size_bytes for child in node.children]
        if not 0 < node.size_bytes <= layout.capacity(level) or level == 0:
            raise DagRefused("A file node does not stand where its size puts it.")
        if sizes != layout.child_sizes(node.size_bytes, level):
            raise DagRefused("A file node is not laid out as unixfs-v1-2025 has it.")
        levels = [level - 1] * len(sizes)
    return Expansion(node.size_bytes, tuple(_place(node.children, levels, part.start)))


def expand_any(part: Part, octets: bytes) -> Expansion:
    """Read any UnixFS file node for the public gateway; raises ``DagRefused``.

    Any layout and inline content are taken; sizes must still agree, and empty parts are left out,
    so that every part makes progress. ``level`` counts down from the depth limit.
    """
    node = decode_any(octets)
    if node.kind not in (Kind.RAW, Kind.FILE):
        raise DagRefused("A node is not a file.")
    if len(node.block_sizes) != len(node.links):
        raise DagRefused("A file node has the wrong number of sizes.")
    size_bytes = len(node.data) + sum(node.block_sizes)
    if node.size_bytes != size_bytes or part.size_bytes not in (None, size_bytes):
        raise DagRefused("A file node's size is false.")
    level = (MAX_DAG_DEPTH if part.level is None else part.level) - 1
    if level < 0 or size_bytes > MAX_INTEGER:
        raise DagRefused("A file is too deep or too large.")
    parts: list[Part] = []
    start = part.start + len(node.data)
    for link, size in zip(node.links, node.block_sizes, strict=True):
        if size:
            parts.append(Part(link.cid, size, None, level, start))
        start += size
    return Expansion(size_bytes, tuple(parts), node.data)


def check_leaf(part: Part, size_bytes: int, layout: Layout = PROFILE) -> None:
    """Check a raw leaf's length against what was promised; raises ``DagRefused``."""
    if part.size_bytes is None:
        allowed = size_bytes <= layout.chunk_bytes
    else:
        allowed = size_bytes == part.size_bytes
    if not allowed or part.level not in (None, 0):
        raise DagRefused("A leaf has another size than its parent says.")
    _check_tsize(part.tsize, size_bytes)


def payload_part(child: Child, layout: Layout = PROFILE) -> Part:
    """Return a payload's root as the start of a walk: a plain tree, not a vault file again."""
    return Part(child.cid, child.size_bytes, child.tsize, layout.level(child.size_bytes))


def _is_envelope(children: Sequence[Child], layout: Layout) -> bool:
    # A profile tree's first leaf is full, and a header is far smaller: the two cannot be confused.
    if len(children) != 2 or children[0].size_bytes >= layout.chunk_bytes:
        return False
    return _is_header(children[0].cid, children[0].size_bytes)


def _is_header(cid: CID, size_bytes: int) -> bool:
    return cid.codec == RAW and size_bytes <= MAX_HEADER_BYTES


def _place(children: Iterable[Child], levels: Iterable[int], start: int) -> Iterator[Part]:
    for child, level in zip(children, levels, strict=True):
        if child.cid.codec != (DAG_PB if level else RAW):
            raise DagRefused("A file has a leaf where a node should be, or a node for a leaf.")
        yield Part(child.cid, child.size_bytes, child.tsize, level, start)
        start += child.size_bytes


def _check_tsize(promised: int | None, actual: int) -> None:
    if promised not in (None, actual):
        raise DagRefused("A link's Tsize is false.")


class _Slot:
    """A block in its turn: a part of the file, or a directory on the way to it."""

    __slots__ = ("asked", "data", "names", "part")

    def __init__(self, part: Part, names: tuple[str, ...] = ()) -> None:
        self.part = part
        self.names = names
        self.asked = False
        self.data: bytes | None = None


class FileWalk:
    """A verified depth-first read of one file, or of its bytes ``start`` … ``end`` (exclusive).

    ``path`` leads through vault directories from ``root`` to the file. Ask ``wanted`` for the next
    blocks, ``feed`` them in any order, use the bytes that each call releases; stop at ``finished``.
    Only what the range needs is asked for. ``max_size_bytes`` refuses a larger file before any
    leaf. ``any_layout`` is the public gateway's: any UnixFS file (without ``path``).
    """

    def __init__(
        self,
        root: CID | Part,
        *,
        path: Sequence[str] = (),
        start: int = 0,
        end: int | None = None,
        max_size_bytes: int = MAX_INTEGER,
        any_layout: bool = False,
        layout: Layout = PROFILE,
    ) -> None:
        self.size_bytes: int | None = None
        """The whole file's size, once its root has been fed."""
        self._start = start
        self._end = end
        self._max_size_bytes = max_size_bytes
        self._any_layout = any_layout
        self._layout = layout
        part = root if isinstance(root, Part) else Part(root)
        self._slots: deque[_Slot] = deque((_Slot(part, tuple(path)),))
        self._asked: dict[CID, list[_Slot]] = {}

    @property
    def finished(self) -> bool:
        """Whether every byte of the range has been released."""
        return not self._slots

    def wanted(self, limit: int = 1) -> list[CID]:
        """Return the CIDs still to be fed among the next ``limit`` blocks, without repeats.

        Blocks fed ahead of their turn are held, so ``limit`` bounds memory: 2 MiB each.
        """
        cids: dict[CID, None] = {}
        for slot in islice(self._slots, limit):
            if slot.data is None:
                cids[slot.part.cid] = None
                if not slot.asked:
                    slot.asked = True
                    self._asked.setdefault(slot.part.cid, []).append(slot)
        return list(cids)

    def feed(self, block: Block) -> list[bytes]:
        """Take a wanted block; return the bytes that can now be released, in order.

        Raises ``DagRefused`` for a block that was not wanted, that breaks a promise, or that makes
        the file something else than a vault file; ``NotFound`` if ``path`` leads nowhere.
        """
        asked = self._asked.pop(block.cid, None)
        if asked is None:
            raise DagRefused("A block came that was not asked for.")
        for slot in asked:
            slot.data = block.data
        released: list[bytes] = []
        while self._slots and self._slots[0].data is not None:
            slot = self._slots.popleft()
            piece = self._take(slot, slot.data or b"")
            if piece:
                released.append(piece)
        return released

    def _take(self, slot: _Slot, data: bytes) -> bytes:
        part = slot.part
        if slot.names:
            if part.cid.codec != DAG_PB:
                raise DagRefused("A path leads through something that is not a directory.")
            found = entry(data, slot.names[0], tsize=part.tsize)
            self._slots.appendleft(_Slot(found, slot.names[1:]))
            return b""
        if part.cid.codec == RAW:
            self._check_raw(part, len(data))
            return self._cut(part.start, data)
        if part.cid.codec != DAG_PB:
            raise DagRefused("A file has a block that is neither raw nor dag-pb.")
        node = expand_any(part, data) if self._any_layout else expand(part, data, self._layout)
        self._learn_size(node.size_bytes)
        self._slots.extendleft(_Slot(p) for p in reversed(node.parts) if self._overlaps(p))
        return self._cut(part.start, node.inline)

    def _check_raw(self, part: Part, size_bytes: int) -> None:
        if self._any_layout:
            if part.size_bytes not in (None, size_bytes):
                raise DagRefused("A leaf has another size than its parent says.")
        else:
            check_leaf(part, size_bytes, self._layout)
        self._learn_size(size_bytes)

    def _learn_size(self, size_bytes: int) -> None:
        """Note the size of the first block of the file proper: its root."""
        if self.size_bytes is None:
            if size_bytes > self._max_size_bytes:
                raise LimitExceeded("A file is larger than allowed here.")
            self.size_bytes = size_bytes

    def _overlaps(self, part: Part) -> bool:
        before_end = self._end is None or part.start < self._end
        return before_end and part.start + (part.size_bytes or 0) > self._start

    def _cut(self, position: int, data: bytes) -> bytes:
        low = max(0, self._start - position)
        high = len(data) if self._end is None else max(0, min(len(data), self._end - position))
        return data if (low, high) == (0, len(data)) else data[low:high]


class CarFileWalk:
    """A ``FileWalk`` fed by a CAR in depth-first order, with or without duplicate blocks.

    A block that the CAR leaves out as a duplicate is taken from the last 8 MiB seen; one that is
    repeated is ignored. Everything else must come in its turn.
    """

    def __init__(self, walk: FileWalk) -> None:
        self._walk = walk
        self._recent: OrderedDict[CID, bytes] = OrderedDict()
        self._recent_bytes = 0

    def feed(self, block: Block) -> list[bytes]:
        """Take the CAR's next block; return the bytes released. Raises as ``FileWalk.feed``."""
        released: list[bytes] = []
        if block.cid in self._walk.wanted():
            released += self._walk.feed(block)
        elif block.cid not in self._recent:
            raise DagRefused("A CAR's blocks are not in the order of the file.")
        self._remember(block)
        while (wanted := self._walk.wanted()) and wanted[0] in self._recent:
            released += self._walk.feed(Block(wanted[0], self._recent[wanted[0]]))
        return released

    def finish(self) -> None:
        """Say that the CAR has ended; raises ``DagRefused`` if blocks are still wanted."""
        if not self._walk.finished:
            raise DagRefused("A CAR does not hold the whole file.")

    def _remember(self, block: Block) -> None:
        if block.cid in self._recent:
            return
        self._recent[block.cid] = block.data
        self._recent_bytes += len(block.data)
        while self._recent_bytes > _RECENT_BYTES and len(self._recent) > 1:
            _, old = self._recent.popitem(last=False)
            self._recent_bytes -= len(old)


def read_file(
    root: CID | Part,
    get: Callable[[CID], bytes],
    start: int = 0,
    end: int | None = None,
    *,
    path: Sequence[str] = (),
    max_size_bytes: int = MAX_INTEGER,
) -> Iterator[bytes]:
    """Yield a vault file's bytes, verified, one block in memory at a time.

    ``get`` need not be trusted. Raises ``BlockRefused``, ``DagRefused``, ``LimitExceeded``,
    ``NotFound``, and whatever ``get`` raises.
    """
    walk = FileWalk(root, path=path, start=start, end=end, max_size_bytes=max_size_bytes)
    while not walk.finished:
        for cid in walk.wanted():
            yield from walk.feed(verify_any(cid, get(cid)))


def resolve(root: CID | Part, path: Sequence[str], get: Callable[[CID], bytes]) -> Part:
    """Follow ``path`` through vault directories; return what the last link promises.

    Raises ``BlockRefused``, ``DagRefused``, ``NotFound``.
    """
    part = root if isinstance(root, Part) else Part(root)
    for name in path:
        if part.cid.codec != DAG_PB:
            raise DagRefused("A path leads through something that is not a directory.")
        part = entry(verify_any(part.cid, get(part.cid)).data, name, tsize=part.tsize)
    return part
