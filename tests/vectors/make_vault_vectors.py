"""Writes the vectors for what a vault holds: reports, indexes, kits, delegations, activity, sharing, what is given
back.

Run from the repository's root:
.venv/bin/python -m tests.vectors.make_vault_vectors
"""

from __future__ import annotations

from tests.vectors import (
    vault_activity,
    vault_delegations,
    vault_give_back,
    vault_index,
    vault_kit,
    vault_reports,
    vault_sharing,
)
from tests.vectors.writing import Maker, write_new

MAKERS: dict[str, Maker] = {
    "reports": vault_reports.reports,
    "index": vault_index.indexes,
    "kit": vault_kit.kits,
    "delegations": vault_delegations.delegations,
    "activity": vault_activity.trails,
    "sharing": vault_sharing.sharing,
    "give-backs": vault_give_back.give_backs,
}


if __name__ == "__main__":
    write_new(MAKERS)
