"""The vectors that both clients read: share notes, contacts, and what is given back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.vectors.vault_give_back import read_give_back_vector
from tests.vectors.vault_sharing import read_contact_vector, read_share_vector

VECTORS = Path(__file__).parents[2] / "vectors"
PATHS = sorted(
    path for name in ("sharing", "give-backs") for path in (VECTORS / name).glob("*.json")
)
READ = {
    "share": read_share_vector,
    "contact": read_contact_vector,
    "give-back": read_give_back_vector,
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_vector_gives_its_verdict(path: Path) -> None:
    vector = json.loads(path.read_text())
    assert READ[vector["kind"]](vector) == vector["expect"]
