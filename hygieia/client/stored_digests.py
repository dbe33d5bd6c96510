"""What this device knows of stored contents: the payload's CID and SHA-256 of its plaintext.

A payload's CID never names another content, so what is remembered here is never out of date; the
index says which payloads the vault has. It only saves reading each report's signed meta, and may
be lost. One sealed line a batch: whoever copies the file learns no digest of a record.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from hygieia.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from hygieia.client.state import StateKey

_CONTEXT: Final = "stored-digests 1"


class StoredDigests:
    """The remembered digests in ``path``, sealed under ``key``."""

    def __init__(self, path: Path, key: StateKey) -> None:
        self._path = path
        self._key = key

    def of(self, payloads: Collection[str]) -> dict[str, str]:
        """Digests of those of ``payloads`` (CIDs) that are remembered; memory is bounded by them."""
        found: dict[str, str] = {}
        try:
            with self._path.open("rb") as file:
                for number, line in enumerate(file):
                    lines = self._open(line)
                    if lines is None and number == 0:
                        # Sealed under an earlier password: nothing in it can be read again.
                        self._path.unlink(missing_ok=True)
                        return {}
                    found |= {cid: digest for cid, digest in lines or () if cid in payloads}
        except OSError:
            return {}
        return found

    def remember(self, digests: Mapping[str, str]) -> None:
        """Add ``digests``, SHA-256 in hex by payload CID. That it cannot be written does no harm."""
        if not digests:
            return
        line = self._key.seal(_CONTEXT, {"digests": dict(digests)}).encode() + b"\n"
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                # One write: lines of two processes do not mix. A torn one is not read.
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError:
            return

    def _open(self, line: bytes) -> list[tuple[str, str]] | None:
        try:
            document = self._key.open(_CONTEXT, line.strip().decode("ascii"))
        except (CredentialsError, ValueError):
            return None
        return list(document["digests"].items())
