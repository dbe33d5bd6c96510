from __future__ import annotations

from hygieia.blocks.kubo.held import Held


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
