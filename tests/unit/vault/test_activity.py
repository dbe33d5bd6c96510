"""Every vector of an activity trail gives the verdict written in it, and no octet can be changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.errors import ActivityAltered, HygieiaError
from hygieia.vault.activity import Trail
from tests.vectors.vault_activity import ACCOUNT, WHOLE

FOLDER = Path(__file__).parents[2] / "vectors" / "activity"
VECTORS = sorted(FOLDER.glob("*.json"))


def verdict(vector: dict[str, Any]) -> dict[str, Any]:
    trail = Trail(vector["account"], vector["anchor"])
    try:
        entries = trail.take_all(vector["lines"])
    except HygieiaError as error:
        return {"refused": error.code}
    return {"entries": len(entries), "head": trail.head}


@pytest.mark.parametrize("path", VECTORS, ids=[path.stem for path in VECTORS])
def test_a_vector_gives_its_verdict(path: Path) -> None:
    vector = json.loads(path.read_text("ascii"))
    assert verdict(vector) == vector["expect"]
    assert path.stem.startswith("ok") == ("refused" not in vector["expect"])


def test_there_are_vectors() -> None:
    assert len(VECTORS) >= 30


@given(st.data())
def test_no_character_of_an_anchored_trail_can_be_changed(data: st.DataObject) -> None:
    head = Trail(ACCOUNT)
    head.take_all(WHOLE)
    which = data.draw(st.integers(0, len(WHOLE) - 1))
    line = WHOLE[which]
    at = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != line[at]))
    lines = [*WHOLE[:which], line[:at] + other + line[at + 1 :], *WHOLE[which + 1 :]]
    trail = Trail(ACCOUNT)
    try:
        trail.take_all(lines)
    except ActivityAltered:
        return
    assert trail.head != head.head, "only the last line: the signed head tells"
