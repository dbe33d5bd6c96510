#!/usr/bin/env python3
"""Add up the results of several test runs and print one line: ``N passed, N failed``.

    scripts/summary.py [--also-failed N] JUNIT_XML...

Errors count as failed. A file that is missing or cut short counts as one failure: a run that
left no result did not pass. Needs nothing but Python, for it also runs when nothing else did.
"""

from __future__ import annotations

import argparse
import sys
import xml.etree.ElementTree as ET  # our own test runs wrote it
from pathlib import Path
from typing import NamedTuple


class Count(NamedTuple):
    """How many tests ended in which way."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: Count) -> Count:
        """Both together."""
        return Count(*(a + b for a, b in zip(self, other, strict=True)))

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def count(path: Path) -> Count:
    """The results of one run."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314  (our own file)
    except (OSError, ET.ParseError):
        return Count(failed=1)
    found = Count()
    for case in root.iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            found = found.plus(Count(failed=1))
        elif "skipped" in kinds:
            found = found.plus(Count(skipped=1))
        else:
            found = found.plus(Count(passed=1))
    return found


def main(arguments: list[str]) -> int:
    """Print the line; end with 1 when anything failed or nothing ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--also-failed", type=int, default=0, metavar="N")
    parser.add_argument("files", type=Path, nargs="*")
    options = parser.parse_args(arguments)
    total = Count(failed=options.also_failed)
    for path in options.files:
        total = total.plus(count(path))
    print(total)
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
