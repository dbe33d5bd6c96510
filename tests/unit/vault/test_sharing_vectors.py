"""The vectors that both clients read: share notes, and what becomes of a contact."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.vectors.vault_sharing import read_contact_vector, read_share_vector

FOLDER = Path(__file__).parents[2] / "vectors" / "sharing"
READ = {"share": read_share_vector, "contact": read_contact_vector}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_vector_gives_its_verdict(path: Path) -> None:
    vector = json.loads(path.read_text())
    assert READ[vector["kind"]](vector) == vector["expect"]
