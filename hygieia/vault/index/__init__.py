"""The vault's index: what makes a vault readable with no server (docs/spec/13-index.md).

``open_index`` reads and verifies one, ``apply`` turns changes into the few blocks that differ,
``new_index`` begins one, ``rekey`` gives it a new session key.
"""

from __future__ import annotations

from hygieia.vault.index.changes import (
    Change,
    Purge,
    PutContact,
    PutDelegation,
    PutFormerKey,
    PutReaders,
    PutReport,
    PutSubject,
    SetCursor,
    SetDeleted,
    SetDigests,
    SetKeys,
    SetLogHead,
)
from hygieia.vault.index.draft import load_for
from hygieia.vault.index.keys import KeysFile, digest_of, make_keys_file
from hygieia.vault.index.note import Floor, IndexNote, check_floor
from hygieia.vault.index.read import load_all, load_segments, open_index
from hygieia.vault.index.rows import DelegationNote, Purged
from hygieia.vault.index.state import IndexState
from hygieia.vault.index.write import IndexUpdate, apply, new_index, rekey

__all__ = [
    "Change",
    "DelegationNote",
    "Floor",
    "IndexNote",
    "IndexState",
    "IndexUpdate",
    "KeysFile",
    "Purge",
    "Purged",
    "PutContact",
    "PutDelegation",
    "PutFormerKey",
    "PutReaders",
    "PutReport",
    "PutSubject",
    "SetCursor",
    "SetDeleted",
    "SetDigests",
    "SetKeys",
    "SetLogHead",
    "apply",
    "check_floor",
    "digest_of",
    "load_all",
    "load_for",
    "load_segments",
    "make_keys_file",
    "new_index",
    "open_index",
    "rekey",
]
