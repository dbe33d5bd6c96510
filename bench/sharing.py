"""Sharing one report of 10 kB and one of any size: the same time, the same few bytes, on either store."""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.machine import MIB, make_file, settle
from bench.vault import ROOT, Vault
from hygieia.ipld.block import verify
from hygieia.ipld.cid import CID
from hygieia.vault.report import EncryptedReport

if TYPE_CHECKING:
    from bench.rows import Table
    from hygieia.ipld.block import Block

SMALL_MIB = 10_000 / MIB
READER = "ben@example.org"
REPORT_BLOCKS = 4
INDEX_BYTES = 65_536
SAME_WITHIN = 1.2


@dataclass(frozen=True)
class Shared:
    """What one share took: seconds without the command's start, new blocks and bytes."""

    seconds: float
    blocks: int
    report_bytes: int
    index_bytes: int


def measure(table: Table, folder: Path, size_mib: float, rounds: int) -> None:
    """Rows for the block directory."""
    _measure(table, Vault(folder / "vault-sharing"), "directory", size_mib, rounds)


def measure_kubo(table: Table, folder: Path, size_mib: float, rounds: int) -> None:
    """Rows for a Kubo of the bench's own."""
    from tests.kubo import kubo_server  # noqa: PLC0415  (it needs Kubo's own packages)

    program = subprocess.run(
        [ROOT / "scripts" / "kubo"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    with kubo_server(Path(program), folder / "kubo-sharing") as kubo:
        vault = Vault(folder / "vault-sharing", blocks=kubo.address)
        _measure(table, vault, "Kubo", size_mib, rounds)


def _measure(table: Table, vault: Vault, store: str, size_mib: float, rounds: int) -> None:
    vault.prepare()
    reader = Vault(vault.folder / "reader", port=vault.port)
    reader.prepare()
    with vault.serving():
        vault.sign_up()
        reader.run("signup", READER, "--kit", str(reader.folder / "kit"))
        vault.run("contacts", "show", READER)
        start = min(vault.run("whoami").seconds for _ in range(rounds))
        ids = [_stored(vault, size) for size in (SMALL_MIB, size_mib)]
        # In turns, so that a busy minute of the machine falls upon both.
        turns = [[_shared(vault, report, start) for report in ids] for _ in range(rounds)]
        small, large = (
            min(found, key=lambda one: one.seconds) for found in zip(*turns, strict=True)
        )
    shutil.rmtree(vault.folder)
    _rows(table, store, "10 kB", small)
    _rows(table, store, _size(size_mib), large)
    ratio = large.seconds / small.seconds
    what = f"share on {store}: {_size(size_mib)} beside 10 kB"
    target = f"within {SAME_WITHIN - 1:.0%}"
    table.add(what, f"{ratio:.2f} x the time", target, ratio=ratio, met=ratio <= SAME_WITHIN)


def _rows(table: Table, store: str, size: str, shared: Shared) -> None:
    what = f"share {size} on {store}"
    table.add(what, f"{shared.seconds * 1000:,.0f} ms")
    blocks = f"{shared.blocks} blocks, {shared.report_bytes:,} bytes"
    met = shared.blocks == REPORT_BLOCKS
    table.add(f"{what}: the report's", blocks, f"{REPORT_BLOCKS} blocks", met=met)
    met = shared.index_bytes <= INDEX_BYTES
    table.add(
        f"{what}: the index's", f"{shared.index_bytes:,} bytes", f"at most {INDEX_BYTES:,}", met=met
    )


def _stored(vault: Vault, size_mib: float) -> str:
    """Store a file of that size; the report's id."""
    source = make_file(vault.folder / "file", size_mib)
    [report] = vault.run("put", source).document["reports"]
    source.unlink()
    return str(report["id"])


def _shared(vault: Vault, report: str, start: float) -> Shared:
    """Share a report, look what that wrote, and take the reader off again."""
    settle(vault.folder, 1)
    [listed] = [each for each in vault.run("ls").document["reports"] if each["id"] == report]
    before, stored = _tops(vault, listed["cid"]), _stored_bytes(vault)
    done = vault.run("share", report, "--with", READER)
    after, written = _tops(vault, done.document["reports"][0]["cid"]), _stored_bytes(vault) - stored
    vault.run("unshare", report, "--with", READER)
    new = [data for cid, data in after.items() if cid not in before]
    size = sum(len(data) for data in new)
    return Shared(done.seconds - start, len(new), size, written - size)


def _tops(vault: Vault, root: str) -> dict[str, bytes]:
    """Every block of a report but its payloads: root, two file nodes, header leaf."""
    top = _block(vault, CID.parse(root))
    links = EncryptedReport.nodes(top)
    nodes = [_block(vault, links.data.cid), _block(vault, links.meta.cid)]
    header = _block(vault, EncryptedReport.read(top, *nodes).header.cid)
    return {str(block.cid): block.data for block in (top, *nodes, header)}


def _block(vault: Vault, cid: CID) -> Block:
    address = f"{vault.address}/ipfs/{cid}?format=raw"
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310  (our own server, http)
        return verify(cid, answer.read())


def _stored_bytes(vault: Vault) -> int:
    with urllib.request.urlopen(f"{vault.address}/metrics", timeout=60) as answer:  # noqa: S310  (our own server, http)
        found = re.search(r"^hygieia_stored_bytes_total (\S+)$", answer.read().decode(), re.M)
    if found is None:
        raise SystemExit("The server's metrics say nothing of stored bytes.")
    return int(float(found[1]))


def _size(size_mib: float) -> str:
    return f"{size_mib / 1024:g} GiB" if size_mib >= 1024 else f"{size_mib:g} MiB"
