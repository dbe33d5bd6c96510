"""Many short reports at once: encrypted, sent, committed and entered in the index."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.machine import make_file, settle
from bench.others import known_others
from bench.pulse import beating, longest_beyond_ms
from bench.transfers import PEAK_MIB, STALL_MS
from bench.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path

    from bench.pulse import Holes
    from bench.rows import Table
    from bench.vault import Seen

REPORT_MIB = 50_000 / (1 << 20)
A_SECOND = 500


def measure(table: Table, folder: Path, count: int, rounds: int) -> None:
    """Rows for storing ``count`` reports of 50 kB with one command."""
    source = folder / "reports"
    source.mkdir()
    for number in range(count):
        make_file(source / f"report-{number:05d}.pdf", REPORT_MIB)
    found: list[tuple[float, Seen, Seen, Holes]] = []
    for _ in range(rounds):
        vault = Vault(folder / "vault-small", watching=True)
        vault.prepare()
        with vault.serving():
            vault.sign_up()
            start = vault.run("whoami").seconds
            settle(folder, count * REPORT_MIB)
            with beating() as holes:
                put = vault.run("put", source)
        assert vault.served is not None
        assert len(put.document["reports"]) == count
        found.append((put.seconds - start, put.seen, vault.served, holes))
        shutil.rmtree(vault.folder)
    seconds = min(one[0] for one in found)
    what = f"{count:,} reports of 50 kB"
    speed = count / seconds
    table.add(what, f"{speed:,.0f} a second", f"at least {A_SECOND}", met=speed >= A_SECOND)
    for name, seen in (("client", [f[1] for f in found]), ("server", [f[2] for f in found])):
        cpu = min(one.cpu_seconds for one in seen)
        table.add(f"{what}: {name}'s CPU", f"{cpu:.2f} s")
        peak = max(one.peak_mib for one in seen)
        table.at_most(f"{what}: {name}'s peak memory", peak, "MiB", PEAK_MIB)
        stalls = [(one.late, f[3]) for one, f in zip(seen, found, strict=True)]
        stall = min(longest_beyond_ms(late, holes) for late, holes in stalls)
        words = f"{what}: {name}'s longest loop stall, less the machine's own"
        table.at_most(words, stall, "ms", STALL_MS)
    for other in known_others():
        if other.installed and other.name != "rclone":
            stored, _ = other.times(source, folder)
            table.add(f"{other.name}, {what}", f"{count / stored:,.0f} a second")
    shutil.rmtree(source)
