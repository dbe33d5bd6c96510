"""What tests of an open vault share."""

from __future__ import annotations

from pathlib import Path

PASSWORD = "seven quiet herons cross the estuary"


def file_in(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path
