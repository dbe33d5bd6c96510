"""The table of limits has every number once, under one name, for Python and TypeScript."""

from __future__ import annotations

import json
from importlib.resources import files

from hygieia import limits


def table() -> dict[str, int]:
    text = files("hygieia").joinpath("limits.json").read_text(encoding="utf-8")
    pairs = json.loads(text, object_pairs_hook=list)
    assert len({name for name, _ in pairs}) == len(pairs), "a limit is written twice"
    return dict(pairs)


def test_python_names_exactly_the_limits_of_the_table() -> None:
    named = {
        name: value for name, value in vars(limits).items() if name.isupper() and name[0] != "_"
    }
    assert named == table()


def test_every_limit_is_a_positive_whole_number_that_javascript_holds() -> None:
    assert all(type(value) is int and 0 < value <= 2**53 - 1 for value in table().values())


def test_sizes_that_depend_on_each_other_agree() -> None:
    assert limits.AEAD_CHUNK_BYTES == 1 << (limits.AEAD_CHUNK_OCTET + 6)
    assert limits.CHUNK_BYTES <= limits.MAX_BLOCK_BYTES
    assert limits.MAX_HEADER_BYTES < limits.CHUNK_BYTES
    assert limits.MAX_SEGMENTS <= limits.SEGMENTS_PER_DIRECTORY * 1000
