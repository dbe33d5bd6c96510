"""make bench: how fast and how large Hygieia is, against a floor measured in the same run.

python -m bench [--smoke] [--large] [--rounds N] [--only PART...] [--place FOLDER]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import index, scale, sharing, small_reports, starting, transfers
from bench.machine import describe, workplace
from bench.rows import Table

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("start", "transfers", "small", "sharing", "index", "scale")
ASKED_FOR = ("kubo", "sharing-kubo", "clinic")
"""Parts that need more than Python, and run only when they are named."""


@dataclass(frozen=True)
class Sizes:
    """How much of everything a run takes."""

    file_mib: float = 1024
    kubo_mib: float = 512
    shared_mib: float = 5 * 1024
    rounds: int = 3
    starts: int = 20
    short_reports: int = 1000
    index_reports: int = 100_000
    many: int = 1_000_000
    few: int = 1000
    asks: int = 300


SMOKE = Sizes(
    file_mib=8,
    kubo_mib=8,
    shared_mib=100,
    rounds=1,
    starts=2,
    short_reports=20,
    index_reports=200,
    many=400,
    few=200,
    asks=5,
)
LARGE_MIB = 5 * 1024


def main() -> None:
    asked = _arguments()
    sizes = SMOKE if asked.smoke else Sizes(rounds=asked.rounds)
    table = Table()
    print(describe(), flush=True)
    with workplace(asked.place) as folder:
        _measure(table, folder, sizes, asked.only or PARTS)
        if asked.large:
            transfers.memory_at(table, folder, LARGE_MIB)
    print("\n" + table.as_markdown())


def _measure(table: Table, folder: Path, sizes: Sizes, parts: tuple[str, ...]) -> None:
    if "start" in parts:
        starting.measure(table, folder, sizes.starts)
    if "transfers" in parts:
        transfers.measure(table, folder, sizes.file_mib, sizes.rounds)
    if "small" in parts:
        small_reports.measure(table, folder, sizes.short_reports, sizes.rounds)
    if "sharing" in parts:
        sharing.measure(table, folder, sizes.shared_mib, sizes.rounds)
    if "sharing-kubo" in parts:
        sharing.measure_kubo(table, folder, sizes.shared_mib, sizes.rounds)
    if "index" in parts:
        index.measure(table, sizes.index_reports)
    if "scale" in parts:
        scale.measure(table, folder, sizes.many, sizes.few, sizes.asks)
    if "clinic" in parts:
        from bench import clinic  # noqa: PLC0415  (it needs motor and Kubo's own packages)

        clinic.measure(table, folder, sizes.few, sizes.asks)
    if "kubo" in parts:
        from bench import kubo  # noqa: PLC0415  (it needs Kubo's own packages)

        kubo.measure(table, folder, sizes.kubo_mib, sizes.short_reports, sizes.rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="everything, small: does it run?")
    parser.add_argument("--large", action="store_true", help="also memory with a file of 5 GiB")
    parser.add_argument("--rounds", type=int, default=3, help="of each the best is shown")
    parser.add_argument("--only", nargs="+", choices=PARTS + ASKED_FOR, help="only these parts")
    parser.add_argument("--place", help="a folder to work in, on the disk to be measured")
    return parser.parse_args()


if __name__ == "__main__":
    main()
