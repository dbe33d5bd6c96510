"""Moving all that a block store keeps to another one, while nobody changes either.

Pins go in groups, the oldest first. Of each group, whatever is below the roots and not in the
target is read from the source and put there, held; then the roots are pinned under their names,
read back from the target block by block, and only then counted as done. Who is cut off goes on
after the last group that counts. Memory is that of two batches, whatever a report's size.

Holds are not moved: who was in the middle of an upload sends again what is missing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hygieia.blocks.links import links_of
from hygieia.errors import BlockMissing, BlockRefused, IntegrityError
from hygieia.ipld.block import Block
from hygieia.ipld.cid import RAW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from hygieia.blocks.port import BlockStore, Pin
    from hygieia.ipld.cid import CID

PINS_TOGETHER: Final = 32
BATCH_BYTES: Final = 8 << 20
BLOCKS_TOGETHER: Final = 512
HOLDER: Final = "migration"
HELD_FOR: Final = timedelta(hours=24)
MAX_LACKING: Final = 100_000
MAX_NAMED: Final = 100
_KNOWN_NODES: Final = 50_000


@dataclass(frozen=True, slots=True)
class Place:
    """How far a move has come: pins, and the blocks below them, that are over and compared.

    ``incomplete`` are the first of the roots that the source itself lacks blocks of.
    """

    pins: int = 0
    absent_pins: int = 0
    blocks: int = 0
    size_bytes: int = 0
    records: int = 0
    incomplete: tuple[str, ...] = ()

    def body(self) -> dict[str, object]:
        """The place as a JSON object."""
        return {
            "pins": self.pins,
            "absent_pins": self.absent_pins,
            "blocks": self.blocks,
            "size_bytes": self.size_bytes,
            "records": self.records,
            "incomplete": list(self.incomplete),
        }

    @classmethod
    def of(cls, body: Mapping[str, object]) -> Place:
        """The place that ``body`` says; what it does not say is 0."""
        incomplete = body.get("incomplete")
        names = tuple(map(str, incomplete)) if isinstance(incomplete, list) else ()

        def count(name: str) -> int:
            found = body.get(name)
            return found if isinstance(found, int) else 0

        return cls(
            pins=count("pins"),
            absent_pins=count("absent_pins"),
            blocks=count("blocks"),
            size_bytes=count("size_bytes"),
            incomplete=names,
        )


async def move_blocks(
    source: BlockStore,
    target: BlockStore,
    place: Place,
    note: Callable[[Place], Awaitable[None]],
    on_progress: Callable[[int], None] = lambda _size_bytes: None,
) -> Place:
    """Move pins, what they reach, and records; end with both stores keeping the same.

    ``note`` is given each place from which a later call can go on. ``on_progress`` is told bytes.
    What the target keeps and the source does not is let go of.

    Raises:
        IntegrityError: the target does not have what it took; run it again.
    """
    mover = _Mover(source, target, on_progress)
    async for group in _groups(source, place.pins + place.absent_pins):
        place = await mover.move(group, place)
        await note(place)
    place = replace(place, records=await _move_records(source, target))
    await _let_go_of_others(source, target, place)
    return place


class _Mover:
    """Moves groups of pins. What it knows of nodes spares it walking shared parts again."""

    def __init__(
        self, source: BlockStore, target: BlockStore, on_progress: Callable[[int], None]
    ) -> None:
        self._source = source
        self._target = target
        self._on_progress = on_progress
        self._copied = _Known()
        self._compared = _Known()
        self._lacking: set[CID] = set()
        self._seen_bytes = 0

    async def move(self, pins: Sequence[Pin], place: Place) -> Place:
        """Copy, pin, compare; the place after it."""
        await self._copy([pin.root for pin in pins])
        for pin in pins:
            if pin.root in self._lacking:
                place = _with_incomplete(replace(place, absent_pins=place.absent_pins + 1), pin)
                continue
            await self._target.pin(pin.root, name=pin.name)
            blocks, size_bytes, whole = await self._compare(pin.root)
            place = replace(
                place,
                pins=place.pins + 1,
                blocks=place.blocks + blocks,
                size_bytes=place.size_bytes + size_bytes,
            )
            place = place if whole else _with_incomplete(place, pin)
        await self._target.release(HOLDER)
        return place

    async def _copy(self, roots: Sequence[CID]) -> None:
        waiting = list(dict.fromkeys(roots))
        while waiting:
            group = dict.fromkeys(waiting[-BLOCKS_TOGETHER:])
            del waiting[-BLOCKS_TOGETHER:]
            nodes = [cid for cid in group if cid.codec != RAW and self._copied.add(cid)]
            async for block in self._send(nodes):
                waiting += _links(block)
            leaves = [cid for cid in group if cid.codec == RAW]
            missing = await self._target.missing(leaves, holder=HOLDER, until=_until())
            async for _ in self._send(missing):
                pass

    async def _send(self, cids: Sequence[CID]) -> AsyncIterator[Block]:
        """Blocks of the source, each in the target by the time it is given."""
        async for found in _read(self._source, cids, self._lack):
            await self._target.put(found, holder=HOLDER, until=_until())
            for block in found:
                self._count(block)
                yield block

    async def _compare(self, root: CID) -> tuple[int, int, bool]:
        """Read a DAG back: its blocks and bytes not compared before, and whether it is whole."""
        blocks = size_bytes = 0
        waiting = [root]
        gaps: set[CID] = set()
        here: set[CID] = set()

        def lack(cid: CID) -> None:
            if cid not in self._lacking:
                raise IntegrityError(
                    "The target does not have a block that it took.", hint="Run it again."
                )
            gaps.add(cid)

        while waiting:
            group = dict.fromkeys(waiting[-BLOCKS_TOGETHER:])
            del waiting[-BLOCKS_TOGETHER:]
            wanted = [cid for cid in group if cid not in here and not self._is_compared(cid)]
            here.update(cid for cid in wanted if cid.codec != RAW)
            async for found in _read(self._target, wanted, lack):
                for block in found:
                    blocks += 1
                    size_bytes += len(block.data)
                    self._count(block)
                    waiting += _links(block)
        return blocks, size_bytes, not gaps

    def _is_compared(self, cid: CID) -> bool:
        """Whether an earlier walk read this node, and everything below it was there."""
        # Once something is lacking, each root is walked for itself, to tell which are whole.
        return cid.codec != RAW and not self._compared.add(cid) and not self._lacking

    def _lack(self, cid: CID) -> None:
        self._lacking.add(cid)
        if len(self._lacking) > MAX_LACKING:
            raise IntegrityError(
                "The source lacks too many blocks.", hint="See what it has: hygieia admin check"
            )

    def _count(self, block: Block) -> None:
        self._seen_bytes += len(block.data)
        self._on_progress(self._seen_bytes)


class _Known:
    """The nodes seen last."""

    def __init__(self) -> None:
        self._cids: OrderedDict[CID, None] = OrderedDict()

    def add(self, cid: CID) -> bool:
        """Whether it was not there."""
        new = cid not in self._cids
        self._cids[cid] = None
        self._cids.move_to_end(cid)
        if len(self._cids) > _KNOWN_NODES:
            self._cids.popitem(last=False)
        return new


async def _groups(source: BlockStore, start: int) -> AsyncIterator[list[Pin]]:
    group: list[Pin] = []
    seen = 0
    async for pin in source.pins():
        seen += 1
        if seen > start:
            group.append(pin)
        if len(group) == PINS_TOGETHER:
            yield group
            group = []
    if group:
        yield group


async def _read(
    store: BlockStore, cids: Sequence[CID], lack: Callable[[CID], None]
) -> AsyncIterator[list[Block]]:
    """Verified blocks, a batch at a time; those that are missing or damaged are told to ``lack``."""
    start, count = 0, len(cids)
    while start < len(cids):
        part = cids[start : start + count]
        try:
            found = await store.get_many(part, max_bytes=BATCH_BYTES)
        except (BlockMissing, BlockRefused):
            # Not said is which: halves of it find out.
            if len(part) == 1:
                lack(part[0])
                start += 1
            count = max(1, len(part) // 2)
            continue
        start += len(found)
        count = len(cids)
        yield [Block(cid, data) for cid, data in zip(part, found, strict=False)]


async def _move_records(source: BlockStore, target: BlockStore) -> int:
    count = 0
    async for name, record in source.records():
        if await target.get_record(name) != record:
            await target.put_record(name, record)
            if await target.get_record(name) != record:
                raise IntegrityError("The target does not give back an IPNS record.")
        count += 1
    async for name, _ in target.records():
        if await source.get_record(name) is None:
            await target.drop_record(name)
    return count


async def _let_go_of_others(source: BlockStore, target: BlockStore, place: Place) -> None:
    """What an earlier move that was given up has left; then both keep as many roots."""
    count = 0
    async for pin in target.pins():
        if await source.is_pinned(pin.root, name=pin.name):
            count += 1
        else:
            await target.unpin(pin.root, name=pin.name)
    if count != place.pins:
        raise IntegrityError(
            "The target does not keep what the source keeps.", hint="Run it again."
        )


def _with_incomplete(place: Place, pin: Pin) -> Place:
    roots = dict.fromkeys((*place.incomplete, str(pin.root)))
    return replace(place, incomplete=tuple(roots)[:MAX_NAMED])


def _links(block: Block) -> list[CID]:
    try:
        return links_of(block.cid, block.data)
    except IntegrityError:
        return []  # intact bytes that are no node keep nothing: no store follows them


def _until() -> datetime:
    return datetime.now(UTC) + HELD_FOR
