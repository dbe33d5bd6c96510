"""Whatever is done to an index, it equals a model; whatever is done to its blocks, it is refused."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from hygieia.errors import HygieiaError
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID
from hygieia.vault.index import (
    Change,
    Floor,
    Purge,
    Purged,
    PutReaders,
    PutReport,
    SetDeleted,
    load_all,
    open_index,
)
from hygieia.vault.reading import read_now
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Reader, Readers
from tests.unit.vault.factories import NOW, Vault, ana, boris, entry

ENTRIES = [entry() for _ in range(40)]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    known = draw(st.sampled_from(ENTRIES))
    kind = draw(st.sampled_from(["put", "put", "put", "delete", "restore", "purge", "readers"]))
    if kind == "put":
        revision = draw(st.integers(1, 4))
        return PutReport(replace(known, revision=revision, title=f"revision {revision}"))
    if kind == "delete":
        return SetDeleted(known.id, NOW)
    if kind == "restore":
        return SetDeleted(known.id, None)
    if kind == "purge":
        return Purge(known.id)
    return PutReaders(Readers(known.id, (Reader(boris().key_id, "a" * 64),)))


class Model:
    """What an index should say: two plain dictionaries, in order of entry."""

    def __init__(self) -> None:
        self.reports: dict[str, ReportEntry | Purged] = {}
        self.readers: dict[str, Readers | Purged] = {}

    def apply(self, change: Change) -> None:
        if isinstance(change, PutReport):
            self.put(change.entry)
        elif isinstance(change, PutReaders):
            if isinstance(self.reports.get(change.readers.id), ReportEntry):
                self.readers[change.readers.id] = change.readers
        elif isinstance(change, Purge):
            if change.id in self.reports:
                self.reports[change.id] = self.readers[change.id] = Purged(change.id)
        elif isinstance(change, SetDeleted):
            known = self.reports.get(change.id)
            if isinstance(known, ReportEntry):
                self.reports[change.id] = replace(known, deleted=change.time)

    def put(self, new: ReportEntry) -> None:
        known = self.reports.get(new.id)
        if known is None:
            self.reports[new.id], self.readers[new.id] = new, Readers(new.id)
        elif isinstance(known, ReportEntry) and new.revision >= known.revision:
            self.reports[new.id] = replace(new, deleted=known.deleted)


@settings(max_examples=40)
@given(st.lists(st.lists(changes(), max_size=12), max_size=6))
def test_any_sequence_of_changes_reads_back_as_the_model(batches: list[list[Change]]) -> None:
    vault, model = Vault.new(), Model()
    for batch in batches:
        before = {block.cid for block in vault.blocks.blocks.values()}
        new = vault.change(*batch)
        assert not {block.cid for block in new} & before, "only what changed is written"
        for change in batch:
            model.apply(change)
    state = read_now(load_all(vault.reopen()), vault.blocks.get)
    assert list(state.table("reports").rows()) == list(model.reports.values())
    assert list(state.table("readers").rows()) == list(model.readers.values())


@settings(max_examples=60)
@given(st.randoms(use_true_random=False))
def test_a_mutated_index_is_refused_or_changes_nothing(rnd: random.Random) -> None:
    """G5: blocks are dropped, exchanged, replayed and altered; the state never goes back."""
    vault = Vault.new()
    roots = [vault.state.root]
    for _ in range(3):
        vault.change(PutReport(entry()), PutReport(entry()))
        roots.append(vault.state.root)
    honest = vault.reopen()
    blocks = list(vault.blocks.blocks.values())

    def get(cid: CID) -> Block:
        block = vault.blocks.get(cid)
        if rnd.random() < 0.8:
            return block
        kind = rnd.randrange(3)
        if kind == 0:
            return rnd.choice(blocks)
        data = bytearray(block.data)
        data[rnd.randrange(len(data))] ^= 1 << rnd.randrange(8)
        # A gateway that lies about a CID: a reader whose transport did not verify.
        return (
            Block(block.cid, bytes(data)) if kind == 1 else Block.of(block.cid.codec, bytes(data))
        )

    root = rnd.choice(roots)
    floor = Floor(honest.sequence, str(honest.root))
    try:
        found = read_now(open_index(root, ana(), floor=floor), get)
    except HygieiaError:
        return
    assert root == honest.root
    assert list(found.reports()) == list(honest.reports())
    assert found.keys == honest.keys
