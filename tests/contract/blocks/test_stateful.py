"""Random calls on a store and on a few sets: no order of calls makes it lose what it must keep."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from hygieia.blocks.embedded import rebuild
from hygieia.blocks.port import BlockStore
from hygieia.errors import BlockMissing, NotFound
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID
from tests.dags import Dag, linked, raw

T = TypeVar("T")


class Clock(Protocol):
    @property
    def now(self) -> datetime: ...

    def forward(self, seconds: float) -> None: ...


def _dags() -> list[Dag]:
    """Three leaves, one of them large, and four nodes that share them."""
    small, other, large = (
        Dag(block.cid, (block,)) for block in (raw(1, 300), raw(2, 8192), raw(3, 30_000))
    )
    pair, single = linked(small, large), linked(large)
    top = linked(pair, other)
    return [small, other, large, pair, single, top, linked(top, single)]


DAGS = {dag.root: dag for dag in _dags()}
BLOCKS: dict[CID, Block] = {dag.root: dag.blocks[-1] for dag in DAGS.values()}
CIDS = st.sampled_from(sorted(DAGS, key=str))
SOME = st.lists(CIDS, max_size=4, unique=True)
NAMES = st.sampled_from(["", "report:a", "report:b"])
HOLDERS = st.none() | st.sampled_from(["upload 1", "upload 2"])
SECONDS = st.none() | st.sampled_from([10, 100])


@dataclass
class Hold:
    until: datetime | None
    cids: set[CID] = field(default_factory=set)


@dataclass
class Model:
    """What the port's docstrings promise."""

    clock: Clock
    had: set[CID] = field(default_factory=set)
    pins: set[tuple[CID, str]] = field(default_factory=set)
    holds: dict[str, Hold] = field(default_factory=dict)
    records: dict[str, bytes] = field(default_factory=dict)

    def hold(self, holder: str, until: datetime | None, cids: set[CID]) -> None:
        held = self.holds.get(holder)
        if held is None or self.is_over(held):
            self.holds[holder] = Hold(until, set(cids))
            return
        held.until = None if None in (held.until, until) else max(held.until, until)  # type: ignore[type-var]  # neither is None here
        held.cids |= cids

    def is_over(self, held: Hold) -> bool:
        return held.until is not None and held.until <= self.clock.now

    def kept(self) -> set[CID]:
        reached = {cid for root, _ in self.pins for cid in DAGS[root].cids}
        held = {cid for hold in self.holds.values() if not self.is_over(hold) for cid in hold.cids}
        return reached | held


class Machine(RuleBasedStateMachine):
    open: Callable[[Path], Awaitable[BlockStore]]
    clock: Clock
    begin: Callable[[], None]
    has_catalogue: bool
    counts_exactly: bool

    def __init__(self) -> None:
        super().__init__()
        type(self).begin()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.store: BlockStore = self.run(type(self).open(Path(self.folder.name)))
        self.model = Model(self.clock)

    def run(self, call: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await call

        return self.runner.run(awaited())

    def until(self, seconds: int | None) -> datetime | None:
        return None if seconds is None else self.clock.now + timedelta(seconds=seconds)

    @rule(cids=SOME, holder=HOLDERS, seconds=SECONDS)
    def put(self, cids: list[CID], holder: str | None, seconds: int | None) -> None:
        until = self.until(seconds) if holder else None
        new = self.run(self.store.put([BLOCKS[cid] for cid in cids], holder=holder, until=until))
        expected = sum(len(BLOCKS[cid].data) for cid in set(cids) - self.model.had)
        # Opened again, the store beside another program counts as new what it has not seen yet.
        most = expected if self.counts_exactly else sum(len(BLOCKS[cid].data) for cid in set(cids))
        assert expected <= new <= most
        self.model.had |= set(cids)
        if holder is not None and cids:
            self.model.hold(holder, until, set(cids))

    @rule(root=CIDS, holder=HOLDERS)
    def put_whole(self, root: CID, holder: str | None) -> None:
        self.put(list(dict.fromkeys(DAGS[root].cids)), holder, None)

    @rule(cid=CIDS)
    def get(self, cid: CID) -> None:
        if cid in self.model.had:
            assert self.run(self.store.get(cid)) == BLOCKS[cid].data
        else:
            with pytest.raises(BlockMissing):
                self.run(self.store.get(cid))

    @rule(cids=SOME, holder=HOLDERS, seconds=SECONDS)
    def ask_missing(self, cids: list[CID], holder: str | None, seconds: int | None) -> None:
        until = self.until(seconds) if holder else None
        missing = self.run(self.store.missing(cids, holder=holder, until=until))
        assert missing == [cid for cid in cids if cid not in self.model.had]
        if holder is not None:
            self.model.hold(holder, until, set(cids) & self.model.had)

    @rule(holder=st.sampled_from(["upload 1", "upload 2", "upload 3"]))
    def release(self, holder: str) -> None:
        self.run(self.store.release(holder))
        self.model.holds.pop(holder, None)

    def is_whole(self, root: CID) -> bool:
        return set(DAGS[root].cids) <= self.model.had

    @rule(root=CIDS, name=NAMES)
    def pin(self, root: CID, name: str) -> None:
        if self.is_whole(root):
            self.run(self.store.pin(root, name=name))
            self.model.pins.add((root, name))
        elif root not in self.model.had:
            with pytest.raises(BlockMissing):
                self.run(self.store.pin(root, name=name))

    @rule(root=CIDS, name=NAMES)
    def unpin(self, root: CID, name: str) -> None:
        self.run(self.store.unpin(root, name=name))
        self.model.pins.discard((root, name))

    @rule(old=CIDS, new=CIDS, name=NAMES, keep_old=st.booleans())
    def update_pin(self, old: CID, new: CID, name: str, *, keep_old: bool) -> None:
        call = self.store.update_pin(old, new, name=name, keep_old=keep_old)
        if not self.model.pins & {(old, name), (new, name)}:
            with pytest.raises(NotFound):
                self.run(call)
        elif self.is_whole(new):
            self.run(call)
            self.model.pins.add((new, name))
            if old != new and not keep_old:
                self.model.pins.discard((old, name))
        elif new not in self.model.had:
            with pytest.raises(BlockMissing):
                self.run(call)
        else:
            call.close()  # a caller would have proven it whole

    @rule()
    def pins_are_those_made(self) -> None:
        async def listed() -> list[tuple[CID, str]]:
            return [(pin.root, pin.name) async for pin in self.store.pins()]

        found = self.run(listed())
        assert len(found) == len(set(found))
        assert set(found) == self.model.pins

    @rule(name=st.sampled_from(["k51a", "k51b"]), record=st.sampled_from([b"1", b"22"]) | st.none())
    def record(self, name: str, record: bytes | None) -> None:
        if record is None:
            self.run(self.store.drop_record(name))
            self.model.records.pop(name, None)
        else:
            self.run(self.store.put_record(name, record))
            self.model.records[name] = record
        assert self.run(self.store.get_record(name)) == record

    @rule()
    def sweep(self) -> None:
        before = set(self.model.had)
        swept = self.run(self.store.sweep())
        self.look()
        assert self.model.kept() <= self.model.had <= before
        assert swept.missing == 0
        assert swept.blocks == len(before) - len(self.model.had)

    def look(self) -> None:
        """Take over which blocks there are: what nothing keeps may be there or not."""
        sizes = self.run(self.store.sizes(list(BLOCKS)))
        for block, size in zip(BLOCKS.values(), sizes, strict=True):
            assert size in (None, len(block.data))
        self.model.had = {cid for cid, size in zip(BLOCKS, sizes, strict=True) if size is not None}

    @rule(seconds=st.sampled_from([5, 50, 500]))
    def wait(self, seconds: int) -> None:
        self.clock.forward(seconds)

    @rule(loses_catalogue=st.booleans())
    def open_again(self, *, loses_catalogue: bool) -> None:
        self.run(self.store.release("the transaction that tells the copies of ends"))
        self.run(self.store.close())
        before = set(self.model.had)
        if loses_catalogue and self.has_catalogue:
            self.rebuild(Path(self.folder.name) / "blocks")
        self.store = self.run(type(self).open(Path(self.folder.name)))
        self.look()
        assert before <= self.model.had
        self.pins_are_those_made()
        for name in ("k51a", "k51b"):
            assert self.run(self.store.get_record(name)) == self.model.records.get(name)

    def rebuild(self, folder: Path) -> None:
        for file in folder.glob("catalogue.sqlite*"):
            file.unlink()
        if any((folder / "copies").iterdir()) or any((folder / "packs").glob("*/*")):
            assert rebuild(folder).missing == 0
            self.model.holds.clear()
        else:
            (folder / "format").unlink()  # nothing was ever stored: begin again
            self.model.holds.clear()

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()


def _pass() -> None:
    """A folder of its own is empty."""


def test_no_order_of_calls_loses_what_is_kept(
    open_store: Callable[[Path], Awaitable[BlockStore]],
    clock: Clock,
    request: pytest.FixtureRequest,
) -> None:
    on_kubo = request.node.callspec.params["open_store"].startswith("kubo")

    class OfThisAdapter(Machine):
        pass

    OfThisAdapter.open = staticmethod(open_store)
    OfThisAdapter.clock = clock
    OfThisAdapter.has_catalogue = not on_kubo
    OfThisAdapter.counts_exactly = not on_kubo
    # One node serves all examples: what the one before left is no part of this one.
    OfThisAdapter.begin = request.getfixturevalue("kubo").empty if on_kubo else staticmethod(_pass)
    run_state_machine_as_test(
        OfThisAdapter,
        settings=settings(
            max_examples=10 if on_kubo else 25,
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes of disk
        ),
    )
