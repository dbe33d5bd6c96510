"""Files put into a vault, and what comes back of them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tests.running import Person


def put(person: Person, folder: Path, number: int) -> tuple[str, str]:
    """Put a file; the report's id and the file's SHA-256. Raises AssertionError when refused."""
    file = folder / f"{number}.bin"
    content = os.urandom(200_000 if number % 3 else 3_000)
    file.write_bytes(content)
    report = person.run_json("put", str(file))["reports"][0]["id"]
    return report, hashlib.sha256(content).hexdigest()


def comes_back(person: Person, folder: Path, report: str) -> str:
    """The SHA-256 of a report's file."""
    file = folder / "back"
    file.unlink(missing_ok=True)
    person.run("get", report, "-o", str(file))
    return hashlib.sha256(file.read_bytes()).hexdigest()
