"""One large file: stored and fetched by the real command through a real server, over loopback.

The command's start (importing, stretching the password, opening the key, one call to the server)
is what ``hygieia whoami`` takes; it is shown as a row of its own and taken off the transfers. The
other programs' times are whole, since most of what they do at the start is reading their store.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bench.floor import Floor, two_at_once
from bench.machine import make_file, seconds_of, settle
from bench.others import known_others
from bench.pulse import Holes, beating, longest_beyond_ms, longest_ms, most_own_ms
from bench.vault import Command, Seen, Vault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.rows import Table

TARGET = 1.75
PEAK_MIB = 150
STALL_MS = 10


@dataclass(frozen=True)
class Watched:
    """A round in which client and server watched their event loops."""

    client: Seen
    server: Seen
    holes: Holes
    """When the machine itself stood still meanwhile."""


@dataclass
class Runs:
    """Some rounds of one direction: the floor's seconds, the commands, what the server saw."""

    floors: list[float] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    server: Seen | None = None
    watched: list[Watched] = field(default_factory=list)
    """What was seen of event loops, in rounds that are not timed."""

    @property
    def floor(self) -> float:
        return min(self.floors)

    @property
    def whole(self) -> float:
        return min(command.seconds for command in self.commands)


def measure(table: Table, folder: Path, size_mib: float, rounds: int) -> None:
    """Rows for storing and fetching, beside the floor and the others."""
    source = make_file(folder / "file", size_mib)
    floor = Floor(source, folder)
    size = f"{size_mib / 1024:g} GiB" if size_mib >= 1024 else f"{size_mib:g} MiB"
    vault = Vault(folder / "vault")
    vault.prepare()
    with vault.serving():
        vault.sign_up()
        vault.run("whoami")  # compiles what it runs
        start = min(vault.run("whoami").seconds for _ in range(rounds))
        puts = _puts(vault, floor, folder, size_mib, rounds)
    puts.server = vault.served
    for _ in range(rounds):
        puts.watched.append(_watched(vault, folder, size_mib, "put", "--again", source))
    _rows(table, f"put {size}", puts, start)
    settle(folder, size_mib)
    both = two_at_once(source, folder)
    table.add(f"two floors at once, put {size} each", f"{both:.2f} s", ratio=both / puts.floor)
    report = _id_of(puts.commands[0])
    with vault.serving():
        gets = _gets(vault, floor, folder, size_mib, report, rounds)
    gets.server = vault.served
    for _ in range(rounds):
        target = folder / "watched"
        gets.watched.append(_watched(vault, folder, size_mib, "get", report, "-o", target))
        target.unlink()
    _rows(table, f"get {size}", gets, start)
    table.add("start of a command (whoami), not in the rows above", f"{start:.2f} s")
    for what, runs in (("put", puts), ("get", gets)):
        whole = f"{runs.whole:.2f} s"
        table.add(f"{what} {size}, the whole command", whole, ratio=runs.whole / runs.floor)
    shutil.rmtree(vault.folder)
    _others(table, source, folder, size, (puts.floor, gets.floor))
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


def _watched(vault: Vault, folder: Path, size_mib: float, *arguments: str | Path) -> Watched:
    settle(folder, size_mib)
    watching = replace(vault, watching=True)
    with watching.serving(), beating() as holes:
        client = watching.run(*arguments).seen
    assert watching.served is not None
    return Watched(client, watching.served, holes)


def _puts(vault: Vault, floor: Floor, folder: Path, size_mib: float, rounds: int) -> Runs:
    runs = Runs()
    for _ in range(rounds):
        floor.sealed.unlink(missing_ok=True)
        settle(folder, size_mib)
        runs.floors.append(seconds_of(floor.put))
        settle(folder, size_mib)
        runs.commands.append(vault.run("put", "--again", floor.plain))
    return runs


def _gets(
    vault: Vault, floor: Floor, folder: Path, size_mib: float, report: str, rounds: int
) -> Runs:
    runs, target = Runs(), folder / "back"
    for _ in range(rounds):
        settle(folder, size_mib)
        runs.floors.append(seconds_of(floor.get))
        floor.clear()
        settle(folder, size_mib)
        runs.commands.append(vault.run("get", report, "-o", target))
        target.unlink()
    return runs


def _rows(table: Table, what: str, runs: Runs, start: float) -> None:
    assert runs.server is not None
    table.add(f"{what}: the floor", f"{runs.floor:.2f} s", ratio=1.0)
    table.seconds(what, runs.whole - start, runs.floor, TARGET)
    rounds = zip(runs.floors, runs.commands, strict=True)
    each = "; ".join(f"{floor:.2f} {command.seconds - start:.2f}" for floor, command in rounds)
    table.add(f"{what}: floor and command, by round", f"{each} s")
    cpu = min(command.seen.cpu_seconds for command in runs.commands)
    server_cpu = runs.server.cpu_seconds / len(runs.commands)
    table.add(f"{what}: CPU of client and server", f"{cpu:.2f} + {server_cpu:.2f} s")
    client = [command.seen for command in runs.commands]
    for name, seen in (("client", client), ("server", [runs.server])):
        peak = max(one.peak_mib for one in seen)
        table.at_most(f"{what}: {name}'s peak memory", peak, "MiB", PEAK_MIB)
    for name in ("client", "server"):
        _stalls(table, f"{what}: {name}'s", [getattr(each, name) for each in runs.watched], runs)
    stood = ", ".join(f"{longest_ms(each.holes.any_core):.0f}" for each in runs.watched)
    table.add(f"{what}: longest stall of a process that only sleeps, by round", f"{stood} ms")


def _stalls(table: Table, whose: str, loops: Sequence[Seen], runs: Runs) -> None:
    """What a loop's turns took: the best round, and each, since the machine's part differs."""
    beyond = [
        longest_beyond_ms(loop.late, each.holes)
        for loop, each in zip(loops, runs.watched, strict=True)
    ]
    own = [
        most_own_ms(loop.long_turns, each.holes)
        for loop, each in zip(loops, runs.watched, strict=True)
    ]
    late = min(
        sum(end - begin > STALL_MS / 1000 for begin, end in loop.late) / loop.turns
        for loop in loops
    )
    stall = min(longest_ms(loop.late) for loop in loops)
    table.add(f"{whose} longest loop stall, best round", f"{stall:.1f} ms")
    table.at_most(
        f"{whose} longest stall less the machine's own, best round", min(beyond), "ms", STALL_MS
    )
    table.at_most(f"{whose} longest turn by its own CPU, best round", min(own), "ms", STALL_MS)
    each = " / ".join(f"{one:.0f} {two:.0f}" for one, two in zip(beyond, own, strict=True))
    table.add(f"{whose} last two rows, by round", f"{each} ms")
    table.add(f"{whose} turns over {STALL_MS} ms late, best round", f"{late:.2%}")


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
