"""One large file over Kubo, beside what Kubo alone does in the same run: python -m bench --only kubo.

Stored: its own ``dag/import`` of the same amount as one CAR, the root pinned. Fetched: the whole
file from its own gateway. Both are given as how many times faster or slower we are: 1 is as fast,
0.8 is the aim. Three ways of ours: the block store alone (hashed, held, proven whole, pinned), the
server's gateway, and the real command through a real server, which encrypts, hashes and signs.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.machine import make_file, settle
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

    from bench.rows import Table
    from hygieia.ipld.block import Block
    from hygieia.ipld.cid import CID

MIB = 1 << 20
TARGET = 0.8
AT_ONCE = 2
BOUNDARY = "a-boundary-of-this-bench"


def measure(table: Table, folder: Path, size_mib: float, rounds: int) -> None:
    """Rows for storing and fetching ``size_mib``; of each the best of ``rounds``."""
    program = subprocess.run(
        [ROOT / "scripts" / "kubo"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    repository = folder / "kubo"
    with kubo_server(Path(program), repository) as kubo:
        _measure(table, kubo, folder, size_mib, rounds)


def _measure(table: Table, kubo: KuboServer, folder: Path, size_mib: float, rounds: int) -> None:
    size = f"{size_mib:g} MiB"
    bare, ours = [], []
    for number in range(rounds):
        blocks, root = _fresh(kubo, folder, size_mib)
        bare.append(_seconds_of(partial(_import, kubo, blocks, root)))
        blocks, root = _fresh(kubo, folder, size_mib)
        ours.append(asyncio.run(_store(kubo, folder / f"{number}.sqlite", blocks, root)))
    _row(table, f"Kubo alone: dag/import {size}, pinned", min(bare), size_mib, min(bare), None)
    _row(table, f"block store: put {size}, pinned", min(ours), size_mib, min(bare))
    vault = Vault(folder / "vault-kubo", blocks=kubo.address)
    vault.prepare()
    commands, gateways, served, gets = [], [], [], []
    with vault.serving():
        vault.sign_up()
        start = min(vault.run("whoami").seconds for _ in range(rounds))
        for number in range(rounds):
            source = make_file(folder / f"file-{number}", size_mib)
            settle(folder, size_mib)
            commands.append(vault.run("put", source))
            source.unlink()
        report = commands[-1].document["reports"][0]
        path = f"/ipfs/{report['cid']}/data.pgp"
        for _ in range(rounds):
            gateways.append(_seconds_of(lambda: _read(kubo.node.gateway + path)))
            served.append(_seconds_of(lambda: _read(vault.address + path)))
            back = folder / "back"
            gets.append(vault.run("get", report["id"], "-o", back).seconds - start)
            back.unlink()
    _row(
        table,
        f"hygieia put {size}",
        min(put.seconds for put in commands) - start,
        size_mib,
        min(bare),
    )
    _row(table, f"Kubo alone: its gateway, {size}", min(gateways), size_mib, min(gateways), None)
    _row(table, f"our gateway, {size}, verified", min(served), size_mib, min(gateways))
    _row(table, f"hygieia get {size}", min(gets), size_mib, min(gateways))


def _row(
    table: Table,
    what: str,
    seconds: float,
    size_mib: float,
    floor: float,
    target: float | None = TARGET,
) -> None:
    ratio = floor / seconds
    aim = "" if target is None else f"at least {target:g} of Kubo alone"
    met = target is None or ratio >= target
    table.add(what, f"{size_mib / seconds:,.0f} MiB/s", aim, ratio=ratio, met=met)


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
    """Seconds for the same in the server's block store, its batches two at a time as clients send."""
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
