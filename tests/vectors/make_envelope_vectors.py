"""Writes the vectors for headers, payloads, envelopes and messages from outside.

Run from the repository's root:
.venv/bin/python -m tests.vectors.make_envelope_vectors
"""

from __future__ import annotations

from tests.vectors import openpgp_envelopes as envelopes
from tests.vectors import openpgp_payloads as payloads
from tests.vectors.writing import Maker, write_new

MAKERS: dict[str, Maker] = {
    "headers": envelopes.headers,
    "session-keys": envelopes.session_keys,
    "payloads": payloads.payloads,
    "encryptions": payloads.encryptions,
    "padding": payloads.paddings,
    "envelopes": envelopes.envelopes,
    "imports": envelopes.imports,
}


if __name__ == "__main__":
    write_new(MAKERS)
