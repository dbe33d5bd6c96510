"""One large file: stored and fetched by the real command through a real server, over loopback.

The command's start (importing, stretching the password, opening the key, one call to the server)
is what ``hygieia whoami`` takes; it is shown as a row of its own and taken off the transfers. The
other programs' times are whole, since most of what they do at the start is reading their store.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.floor import Floor
from bench.machine import make_file, seconds_of, settle
from bench.others import known_others
from bench.vault import Command, Seen, Vault

if TYPE_CHECKING:
    from pathlib import Path

    from bench.rows import Table

TARGET = 1.75
PEAK_MIB = 150
STALL_MS = 10


@dataclass
class Best:
    """The quickest of some rounds, each with what was seen of its processes."""

    floor: float
    ours: float
    client: Seen
    server: Seen


def measure(table: Table, folder: Path, size_mib: float, rounds: int) -> None:
    """Rows for storing and fetching, beside the floor and the others."""
    source = make_file(folder / "file", size_mib)
    floor = Floor(source, folder)
    size = f"{size_mib / 1024:g} GiB" if size_mib >= 1024 else f"{size_mib:g} MiB"
    vault = Vault(folder / "vault")
    vault.prepare()
    with vault.serving():
        vault.sign_up()
        start = min(vault.run("whoami").seconds for _ in range(rounds))
    puts = [_put(folder, floor, size_mib, start) for _ in range(rounds)]
    _rows(table, f"put {size}", puts)
    gets = _gets(folder, floor, size_mib, start, rounds)
    _rows(table, f"get {size}", gets)
    table.add("start of a command (whoami), not in the rows above", f"{start:.2f} s")
    floors = min(b.floor for b in puts), min(b.floor for b in gets)
    ours = min(b.ours for b in puts) + start, min(b.ours for b in gets) + start
    table.add(f"put {size}, the whole command", f"{ours[0]:.2f} s", ratio=ours[0] / floors[0])
    table.add(f"get {size}, the whole command", f"{ours[1]:.2f} s", ratio=ours[1] / floors[1])
    _others(table, source, folder, size, floors)
    source.unlink()


def memory_at(table: Table, folder: Path, size_mib: float) -> None:
    """Rows for the memory that a larger file takes: no more than a small one."""
    source = make_file(folder / "large", size_mib)
    vault = Vault(folder / "vault-large")
    vault.prepare()
    with vault.serving():
        vault.sign_up()
        put = vault.run("put", source)
    stored = vault.served
    target = folder / "large-back"
    with vault.serving():
        get = vault.run("get", _id_of(put), "-o", target)
    size = f"{size_mib / 1024:g} GiB"
    for what, client, server in (("put", put, stored), ("get", get, vault.served)):
        table.at_most(f"{what} {size}: client's peak memory", client.seen.peak_mib, "MiB", PEAK_MIB)
        if server is not None:
            table.at_most(f"{what} {size}: server's peak memory", server.peak_mib, "MiB", PEAK_MIB)
    for path in (source, target):
        path.unlink()
    shutil.rmtree(vault.folder)


def _put(folder: Path, floor: Floor, size_mib: float, start: float) -> Best:
    floor.sealed.unlink(missing_ok=True)
    settle(folder, size_mib)
    floor_seconds = seconds_of(floor.put)
    vault = Vault(folder / "vault-put")
    vault.prepare()
    with vault.serving():
        vault.sign_up()
        settle(folder, size_mib)
        put = vault.run("put", floor.plain)
    shutil.rmtree(vault.folder)
    return _best(floor_seconds, put, vault, start)


def _gets(folder: Path, floor: Floor, size_mib: float, start: float, rounds: int) -> list[Best]:
    vault, found, target = Vault(folder / "vault-get"), [], folder / "back"
    vault.prepare()
    with vault.serving():
        vault.sign_up()
        report = _id_of(vault.run("put", floor.plain))
    for _ in range(rounds):
        floor.clear()
        settle(folder, size_mib)
        floor_seconds = seconds_of(floor.get)
        floor.clear()
        settle(folder, size_mib)
        with vault.serving():
            get = vault.run("get", report, "-o", target)
        found.append(_best(floor_seconds, get, vault, start))
        target.unlink()
    shutil.rmtree(vault.folder)
    return found


def _best(floor: float, command: Command, vault: Vault, start: float) -> Best:
    assert vault.served is not None
    return Best(floor, command.seconds - start, command.seen, vault.served)


def _rows(table: Table, what: str, found: list[Best]) -> None:
    floor = min(best.floor for best in found)
    table.add(f"{what}: the floor", f"{floor:.2f} s", ratio=1.0)
    table.seconds(what, min(best.ours for best in found), floor, TARGET)
    cpu = min(best.client.cpu_seconds for best in found)
    server_cpu = min(best.server.cpu_seconds for best in found)
    table.add(f"{what}: CPU of client and server", f"{cpu:.2f} + {server_cpu:.2f} s")
    client, server = [best.client for best in found], [best.server for best in found]
    for name, seen in (("client", client), ("server", server)):
        peak = max(one.peak_mib for one in seen)
        table.at_most(f"{what}: {name}'s peak memory", peak, "MiB", PEAK_MIB)
        stall = min(one.worst_ms for one in seen)
        table.at_most(f"{what}: {name}'s longest loop stall", stall, "ms", STALL_MS)


def _others(
    table: Table, source: Path, folder: Path, size: str, floors: tuple[float, float]
) -> None:
    for other in known_others():
        if not other.installed:
            table.add(f"{other.name}, put and get {size}", "not installed")
            continue
        settle(folder, source.stat().st_size / (1 << 20))
        stored, fetched = other.times(source, folder)
        table.add(f"{other.name}, put {size}", f"{stored:.2f} s", ratio=stored / floors[0])
        table.add(f"{other.name}, get {size}", f"{fetched:.2f} s", ratio=fetched / floors[1])


def _id_of(put: Command) -> str:
    return str(put.document["reports"][0]["id"])
