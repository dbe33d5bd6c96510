"""MS-06: an unprotected, dummy or foreign secret key is served as one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pgpy
import pytest

from hygieia.errors import IntegrityError
from hygieia.openpgp import locked_keys

SEALS = Path(__file__).parents[1] / "vectors" / "seals"
HOSTILE = [
    "mac-right-key-unprotected",
    "mac-right-gnu-dummy",
    "mac-right-open-subkey-appended",
    "mac-right-usage-255",
    "mac-right-no-subkey",
    "mac-right-public-key-only",
]


def vector(name: str) -> dict[str, str]:
    loaded: dict[str, str] = json.loads((SEALS / f"{name}.json").read_text("ascii"))
    return loaded


@pytest.mark.parametrize("name", HOSTILE)
def test_such_a_key_is_refused_whatever_the_passphrase(name: str) -> None:
    for passphrase in (vector(name)["seal_passphrase"], "", "another"):
        with pytest.raises(IntegrityError) as refusal:
            locked_keys.unlock(vector(name)["sealed_key"], passphrase)
        assert refusal.value.code == "sealed-key-refused"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pgpy_alone_would_have_taken_an_unprotected_key_for_an_unlocked_one() -> None:
    key, _ = pgpy.PGPKey.from_blob(vector("mac-right-key-unprotected")["sealed_key"])
    with key.unlock("anything"):
        assert key.is_unlocked
