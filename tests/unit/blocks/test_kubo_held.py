from __future__ import annotations

from hygieia.blocks.kubo.held import Held, Shapes, Stored
from hygieia.blocks.kubo.keepers import key_of
from hygieia.ipld.cid import RAW
from tests.dags import report


def test_what_was_added_is_known_for_its_generation_only() -> None:
    held = Held()
    held.add("one", [b"a", b"b"])
    held.add("one", [b"b", b"c"])
    assert held.of("one") == {b"a", b"b", b"c"}
    assert held.of("other") == frozenset()


def test_the_generation_longest_unused_is_forgotten_first() -> None:
    held = Held(max_keys=4)
    held.add("one", [b"a", b"b"])
    held.add("two", [b"a", b"b"])
    held.add("one", [b"c"])
    assert held.of("two") == frozenset()
    assert held.of("one") == {b"a", b"b", b"c"}


def test_a_generation_larger_than_the_limit_is_not_remembered() -> None:
    held = Held(max_keys=2)
    held.add("one", [b"a", b"b", b"c"])
    assert held.of("one") == frozenset()
    held.add("two", [b"a"])
    assert held.of("two") == {b"a"}


def test_the_holders_of_a_block_are_told_the_latest_first() -> None:
    held = Held(max_keys=3)
    held.add("one", [b"a"], "ana")
    held.add("two", [b"a", b"b"], "ben")
    assert held.holding(b"a") == [("ben", "two"), ("ana", "one")]
    assert held.holding(b"c") == []
    held.add("three", [b"c"], "eva")
    assert held.holding(b"a") == [("ben", "two")]


def test_a_dag_is_within_what_is_held_when_all_of_it_is() -> None:
    dag, shapes = report(1, 3_000_000), Shapes()
    keys = {key_of(cid) for cid in dag.cids}
    assert not shapes.is_within(dag.root, keys), "nothing is known of its nodes"
    shapes.learn([block for block in dag.blocks if block.cid.codec != RAW])
    assert shapes.is_within(dag.root, keys)
    for key in keys:
        assert not shapes.is_within(dag.root, keys - {key})


def test_the_links_of_nodes_longest_unused_are_forgotten() -> None:
    dag, shapes = report(1, 3_000_000), Shapes(max_links=5)
    shapes.learn([block for block in dag.blocks if block.cid.codec != RAW])
    assert not shapes.is_within(dag.root, {key_of(cid) for cid in dag.cids})


def test_what_was_stored_is_known_until_it_is_removed_or_too_long_ago() -> None:
    stored = Stored(max_keys=2)
    stored.add([b"a", b"b"])
    stored.forget(b"b")
    stored.forget(b"never there")
    assert b"a" in stored
    assert b"b" not in stored
    stored.add([b"c", b"a", b"d"])
    assert [key in stored for key in (b"a", b"c", b"d")] == [True, False, True]
