"""Writes the vectors for headers, payloads, envelopes and messages from outside.

Only files that are not there yet are written: a published vector never changes. Run from the
repository's root: .venv/bin/python -m tests.vectors.make_envelope_vectors
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.vectors import openpgp_envelopes as envelopes
from tests.vectors import openpgp_payloads as payloads
from tests.vectors.openpgp_envelopes import Vector

FOLDER = Path(__file__).parent
MAKERS: dict[str, Callable[[], Iterator[Vector]]] = {
    "headers": envelopes.headers,
    "session-keys": envelopes.session_keys,
    "payloads": payloads.payloads,
    "encryptions": payloads.encryptions,
    "padding": payloads.paddings,
    "envelopes": envelopes.envelopes,
    "imports": envelopes.imports,
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
