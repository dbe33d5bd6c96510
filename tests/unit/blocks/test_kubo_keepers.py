from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from hygieia.blocks.kubo.keepers import LINKS_A_KEEPER, as_raw, difference, keepers_of, walk
from hygieia.errors import BlockMissing
from hygieia.ipld import dagpb
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID, DAG_PB, IDENTITY, RAW
from tests.dags import Dag, linked, raw, report


class Shelf:
    """Blocks to be got, and which were."""

    def __init__(self, *dags: Dag, lost: Block | None = None) -> None:
        self.blocks = {b.cid: b.data for dag in dags for b in dag.blocks if b != lost}
        self.asked: list[CID] = []

    @property
    def get(self) -> Callable[[CID], Awaitable[bytes]]:
        async def get(cid: CID) -> bytes:
            self.asked.append(cid)
            if cid not in self.blocks:
                raise BlockMissing("It is not here.")
            return self.blocks[cid]

        return get


def raw_of(dag: Dag) -> set[CID]:
    return {cid for cid in dag.cids if cid.codec == RAW}


async def test_the_difference_is_the_raw_blocks_that_only_the_new_dag_has() -> None:
    shared, added = report(1, 3_000_000), report(20)
    old, new = linked(shared), linked(shared, added)
    shelf = Shelf(old, new)
    found = await difference(shelf.get, old.root, new.root)
    assert found is not None
    assert set(found) == raw_of(added)


async def test_what_is_shared_is_not_read() -> None:
    shared, added = report(1, 3_000_000), report(20)
    old, new = linked(shared), linked(shared, added)
    shelf = Shelf(old, new)
    await difference(shelf.get, old.root, new.root)
    assert not set(shelf.asked) & set(shared.cids)


async def test_a_lost_node_of_the_difference_is_found_and_of_the_shared_part_not_looked_for() -> (
    None
):
    shared, added = report(1), report(20)
    old, new = linked(shared), linked(shared, added)
    assert await difference(Shelf(old, new, lost=added.blocks[-1]).get, old.root, new.root) is None
    shelf = Shelf(old, new, lost=shared.blocks[-1])
    assert await difference(shelf.get, old.root, new.root) is not None


async def test_two_dags_without_anything_in_common_differ_in_everything() -> None:
    old, new = report(1), report(20)
    found = await difference(Shelf(old, new).get, old.root, new.root)
    assert found is not None
    assert set(found) == raw_of(new)


async def test_a_walk_names_all_that_is_there_and_the_nodes_that_are_not() -> None:
    whole, broken = report(1), report(20)
    top = linked(whole, broken)
    lost = broken.blocks[-1]
    found, missing = await walk(Shelf(top, lost=lost).get, top.root)
    assert missing == {lost.cid}
    assert set(found) == {top.root, *whole.cids}


async def test_a_walk_visits_a_diamond_once() -> None:
    dag = Dag(raw(1).cid, (raw(1),))
    for _ in range(40):
        top = linked(dag, dag)
        dag = Dag(top.root, (*dag.blocks, top.blocks[-1]))
    found, _ = await walk(Shelf(dag).get, dag.root)
    assert len(found) == 41


async def test_inline_blocks_are_walked_and_never_named() -> None:
    inline = CID(DAG_PB, IDENTITY, b"")
    assert await walk(Shelf().get, inline) == ([], set())


def test_keepers_link_every_block_as_raw_and_are_each_one_of_a_kind() -> None:
    cids = [block.cid for block in report(1).blocks]
    ((one, part),) = keepers_of(cids)
    ((other, _),) = keepers_of(cids)
    assert one.cid != other.cid
    assert part == cids
    assert [link.cid for link in dagpb.decode_node(one.data).links] == [as_raw(c) for c in cids]


@pytest.mark.parametrize(
    ("count", "keepers"), [(0, 0), (1, 1), (LINKS_A_KEEPER, 1), (LINKS_A_KEEPER + 1, 2)]
)
def test_many_blocks_take_several_keepers(count: int, keepers: int) -> None:
    cids = [CID(RAW, 0x12, number.to_bytes(32, "big")) for number in range(count)]
    made = list(keepers_of(cids))
    assert len(made) == keepers
    assert [cid for _, part in made for cid in part] == cids
