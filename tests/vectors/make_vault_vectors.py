"""Writes the vectors for reports, indexes and recovery kits.

Only files that are not there yet are written: a published vector never changes. Run from the
repository's root: .venv/bin/python -m tests.vectors.make_vault_vectors
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.vectors import vault_index, vault_kit, vault_reports

FOLDER = Path(__file__).parent
Vector = tuple[str, dict[str, Any]]
MAKERS: dict[str, Callable[[], Iterator[Vector]]] = {
    "reports": vault_reports.reports,
    "index": vault_index.indexes,
    "kit": vault_kit.kits,
}


def main() -> None:
    for folder, make in MAKERS.items():
        (FOLDER / folder).mkdir(exist_ok=True)
        for name, vector in make():
            path = FOLDER / folder / f"{name}.json"
            if not path.exists():
                path.write_text(json.dumps(vector, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
