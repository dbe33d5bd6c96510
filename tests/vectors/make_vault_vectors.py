"""Writes the vectors for reports, indexes and recovery kits.

Run from the repository's root:
.venv/bin/python -m tests.vectors.make_vault_vectors
"""

from __future__ import annotations

from tests.vectors import vault_delegations, vault_index, vault_kit, vault_reports
from tests.vectors.writing import Maker, write_new

MAKERS: dict[str, Maker] = {
    "reports": vault_reports.reports,
    "index": vault_index.indexes,
    "kit": vault_kit.kits,
    "delegations": vault_delegations.delegations,
}


if __name__ == "__main__":
    write_new(MAKERS)
