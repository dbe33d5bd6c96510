"""Writes vectors: only files that are not there yet, for a published vector never changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
Vector = tuple[str, dict[str, Any]]
Maker = Callable[[], Iterator[Vector]]


def write_new(makers: Mapping[str, Maker]) -> None:
    """Write each maker's vectors, a file each, into the folder of its name."""
    for folder, make in makers.items():
        (FOLDER / folder).mkdir(exist_ok=True)
        for name, vector in make():
            path = FOLDER / folder / f"{name}.json"
            if not path.exists():
                # ASCII, so that half a surrogate pair can stand in a file that is UTF-8.
                path.write_text(json.dumps(vector, indent=1) + "\n", encoding="ascii")
