"""Writes the vectors for words, password stretching, certificates, seals, codes and notes.

Run from the repository's root:
.venv/bin/python -m tests.vectors.make_openpgp_vectors
"""

from __future__ import annotations

from tests.vectors import (
    openpgp_certificates,
    openpgp_notes,
    openpgp_seals,
    openpgp_words,
)
from tests.vectors.writing import Maker, write_new

MAKERS: dict[str, Maker] = {
    "json": openpgp_words.json_texts,
    "words": openpgp_words.words,
    "kdf": openpgp_words.stretchings,
    "recovery-codes": openpgp_words.recovery_codes,
    "certificates": openpgp_certificates.certificates,
    "seals": openpgp_seals.seals,
    "notes": openpgp_notes.notes,
}


if __name__ == "__main__":
    write_new(MAKERS)
