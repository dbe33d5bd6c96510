"""Writes the vectors for words, password stretching, certificates, seals, codes and notes.

Only files that are not there yet are written: a published vector never changes. Run from the
repository's root: .venv/bin/python -m tests.vectors.make_openpgp_vectors
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.vectors import (
    openpgp_certificates,
    openpgp_notes,
    openpgp_seals,
    openpgp_words,
)

FOLDER = Path(__file__).parent
Vector = tuple[str, dict[str, Any]]
MAKERS: dict[str, Callable[[], Iterator[Vector]]] = {
    "json": openpgp_words.json_texts,
    "words": openpgp_words.words,
    "kdf": openpgp_words.stretchings,
    "recovery-codes": openpgp_words.recovery_codes,
    "certificates": openpgp_certificates.certificates,
    "seals": openpgp_seals.seals,
    "notes": openpgp_notes.notes,
}


def main() -> None:
    for folder, make in MAKERS.items():
        (FOLDER / folder).mkdir(exist_ok=True)
        for name, vector in make():
            path = FOLDER / folder / f"{name}.json"
            if not path.exists():
                # ASCII, so that half a surrogate pair can stand in a file that is UTF-8.
                path.write_text(json.dumps(vector, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
