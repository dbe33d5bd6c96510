"""A vault over Kubo, beside what Kubo alone does in the same run: python -m bench --only kubo.

Stored: Kubo's own ``dag/import`` of as much as one CAR over one connection, its root pinned, with
the same durable writes. Fetched: the whole file from Kubo's own gateway, read and thrown away. What
each row of ours does beyond that is in its name. All share the same cores.

``hygieia get`` hashes, decrypts, hashes again and writes; so it is compared with itself, reading
from Kubo's gateway without our server (``--gateway``), and then with the bare read as well.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import shutil
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.machine import cpu_seconds, make_file, settle
from bench.rows import Table
from bench.small_reports import REPORT_MIB
from bench.transfers import PEAK_MIB
from bench.vault import ROOT, Vault
from hygieia.blocks.kubo import open_kubo
from hygieia.documents.sqlite import open_sqlite
from hygieia.ipld.block import UnverifiedBlock
from hygieia.ipld.builder import FileBuilder
from hygieia.ipld.car import car_header, car_section
from hygieia.limits import CAR_BATCH_BYTES
from tests.kubo import KuboServer, kubo_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.vault import Command
    from hygieia.ipld.block import Block
    from hygieia.ipld.cid import CID

MIB = 1 << 20
TARGET = 0.8
AT_ONCE = 3
BOUNDARY = "a-boundary-of-this-bench"


def measure(table: Table, folder: Path, size_mib: float, reports: int, rounds: int) -> None:
    """Rows for storing and fetching ``size_mib``, and ``reports`` short ones; the best of ``rounds``."""
    program = subprocess.run(
        [ROOT / "scripts" / "kubo"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    with kubo_server(Path(program), folder / "kubo") as kubo:
        bare = _measure_stores(table, kubo, folder, size_mib, rounds)
        vault = Vault(folder / "vault-kubo", blocks=kubo.address, kubo_gateway=kubo.node.gateway)
        vault.prepare()
        with vault.serving():
            vault.sign_up()
            start = min(vault.run("whoami").seconds for _ in range(rounds))
            bench = _Bench(table, kubo, vault, folder, size_mib, rounds, start)
            report = bench.put(bare)
            bench.get(report)
            bench.short(reports)
        assert vault.served is not None
        table.at_most("server's peak memory over Kubo", vault.served.peak_mib, "MiB", PEAK_MIB)
        table.add("Kubo's memory at the end", f"{_resident_mib(kubo):,.0f} MiB")


def _measure_stores(
    table: Table, kubo: KuboServer, folder: Path, size_mib: float, rounds: int
) -> float:
    """Kubo alone and the server's block store, in turns; seconds of Kubo alone."""
    bare, ours = [], []
    for number in range(rounds):
        blocks, root = _fresh(kubo, folder, size_mib)
        bare.append(_seconds_of(partial(_import, kubo, blocks, root)))
        blocks, root = _fresh(kubo, folder, size_mib)
        ours.append(asyncio.run(_store(kubo, folder / f"{number}.sqlite", blocks, root)))
    kubo.empty()
    size = f"{size_mib:g} MiB"
    _row(table, f"Kubo alone: dag/import {size}, pinned", min(bare), size_mib)
    _row(table, f"block store: put {size}, held and pinned", min(ours), size_mib, min(bare))
    return min(bare)


@dataclass(frozen=True)
class _Bench:
    """A running vault over a Kubo; ``start`` is what a command takes that does nothing."""

    table: Table
    kubo: KuboServer
    vault: Vault
    folder: Path
    size_mib: float
    rounds: int
    start: float

    def put(self, bare: float) -> dict[str, str]:
        """``hygieia put`` beside the bare import; the report."""
        found, used = [], []
        for number in range(self.rounds):
            source = make_file(self.folder / f"file-{number}", self.size_mib)
            settle(self.folder, self.size_mib)
            before = self._cpu()
            found.append(self.vault.run("put", source))
            used.append(self._used(found[-1], before))
            source.unlink()
        seconds = min(put.seconds for put in found) - self.start
        what = f"hygieia put {self.size_mib:g} MiB"
        _row(self.table, f"{what}: encrypted, hashed, signed", seconds, self.size_mib, bare)
        self.table.add(f"{what}: CPU of client, server and Kubo", min(used))
        report: dict[str, str] = found[-1].document["reports"][0]
        return report

    def get(self, report: dict[str, str]) -> None:
        """Both gateways read and thrown away, then ``hygieia get`` from either."""
        path = f"/ipfs/{report['cid']}/data.pgp"
        bare, served, direct, ours, used = [], [], [], [], []
        for _ in range(self.rounds):
            bare.append(_seconds_of(lambda: _read(self.kubo.node.gateway + path)))
            served.append(_seconds_of(lambda: _read(self.vault.address + path)))
            direct.append(self._get(report, "--gateway", self.kubo.node.gateway).seconds)
            before = self._cpu()
            got = self._get(report)
            ours.append(got.seconds)
            used.append(self._used(got, before))
        size = f"{self.size_mib:g} MiB"
        _row(self.table, f"Kubo alone: its gateway, {size}", min(bare), self.size_mib)
        _row(self.table, f"our gateway, {size}", min(served), self.size_mib, min(bare))
        through, past = min(ours) - self.start, min(direct) - self.start
        _row(self.table, f"hygieia get {size} from Kubo's gateway", past, self.size_mib)
        _row(self.table, f"hygieia get {size} from our server", through, self.size_mib, past)
        what = "the same, beside Kubo's gateway read and thrown away"
        _row(self.table, what, through, self.size_mib, min(bare))
        self.table.add(f"hygieia get {size}: CPU of client, server and Kubo", min(used))

    def _get(self, report: dict[str, str], *options: str) -> Command:
        back = self.folder / "back"
        got = self.vault.run("get", report["id"], "-o", back, *options)
        back.unlink()
        return got

    def short(self, count: int) -> None:
        """Many short reports with one command."""
        source = self.folder / "reports"
        source.mkdir()
        for number in range(count):
            make_file(source / f"report-{number:05d}.pdf", REPORT_MIB)
        seconds = self.vault.run("put", source).seconds - self.start
        shutil.rmtree(source)
        self.table.add(f"{count:,} reports of 50 kB over Kubo", f"{count / seconds:,.0f} a second")

    def _cpu(self) -> tuple[float, float]:
        assert self.kubo.process is not None
        return cpu_seconds(self.vault.process_id), cpu_seconds(self.kubo.process.pid)

    def _used(self, command: Command, before: tuple[float, float]) -> str:
        server, kubo = (now - then for now, then in zip(self._cpu(), before, strict=True))
        return f"{command.seen.cpu_seconds:.2f} + {server:.2f} + {kubo:.2f} s"


def _resident_mib(kubo: KuboServer) -> float:
    assert kubo.process is not None
    text = Path(f"/proc/{kubo.process.pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in text.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _row(
    table: Table, what: str, seconds: float, size_mib: float, beside: float | None = None
) -> None:
    """A speed, and how it compares with the seconds of what it stands ``beside``."""
    ratio = 1.0 if beside is None else beside / seconds
    aim = "" if beside is None else f"at least {TARGET:g}"
    table.add(what, f"{size_mib / seconds:,.0f} MiB/s", aim, ratio=ratio, met=ratio >= TARGET)


def _fresh(kubo: KuboServer, folder: Path, size_mib: float) -> tuple[list[Block], CID]:
    """Content that Kubo has never seen, in a Kubo that has nothing else."""
    kubo.empty()
    builder = FileBuilder()
    blocks: list[Block] = []
    for _ in range(int(size_mib)):
        blocks += builder.update(os.urandom(MIB))
    rest, built = builder.finish()
    settle(folder, size_mib)
    return [*blocks, *rest], built.cid


def _seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _import(kubo: KuboServer, blocks: Sequence[Block], root: CID) -> None:
    """``dag/import`` as Kubo offers it: one CAR, one connection, the root pinned."""
    disposition = 'form-data; name="path"; filename="data.car"'

    def body() -> Iterator[bytes]:
        yield f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
        yield car_header([root])
        for block in blocks:
            yield car_section(block)
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    connection = http.client.HTTPConnection("127.0.0.1", kubo.api_port)
    connection.request(
        "POST",
        "/api/v0/dag/import?pin-roots=true",
        body=body(),
        headers={
            "Authorization": f"Bearer {kubo.token}",
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        },
        encode_chunked=True,
    )
    answer = connection.getresponse().read()
    connection.close()
    if str(root).encode() not in answer:
        raise SystemExit(f"dag/import failed: {answer[-500:]!r}")


async def _store(kubo: KuboServer, books: Path, blocks: Sequence[Block], root: CID) -> float:
    """Seconds for the same in the server's block store, its batches three at a time as clients send."""
    documents = open_sqlite(books)
    store = await asyncio.to_thread(open_kubo, kubo.address, documents)
    slots = asyncio.Semaphore(AT_ONCE)
    each = CAR_BATCH_BYTES // MIB

    async def put(batch: Sequence[Block]) -> None:
        async with slots:
            received = [UnverifiedBlock(block.cid, block.data) for block in batch]
            await store.put(received, holder="upload")

    began = time.perf_counter()
    await asyncio.gather(
        *(put(blocks[start : start + each]) for start in range(0, len(blocks), each))
    )
    if await store.missing([block.cid for block in blocks], holder="upload"):
        raise SystemExit("The block store lacks what was put.")
    await store.pin(root, name="bench")
    seconds = time.perf_counter() - began
    await store.release("upload")
    await store.close()
    await documents.close()
    return seconds


def _read(address: str) -> None:
    with urllib.request.urlopen(address, timeout=600) as answer:  # noqa: S310  (our own address)
        while answer.read(MIB):
            pass
