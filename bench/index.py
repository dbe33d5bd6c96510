"""The vault's index at size: what one change writes and costs, and how long a cold open takes.

    python -m bench.index [REPORTS] [--gateway]

Made-up entries of median size with two readers each. ``--gateway`` also opens it through our own
gateway over the embedded store, on loopback (docs/spec/13-index.md §6). Wanted: at most 64 KiB a
change and 5 s a cold open at 100,000 reports.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web
from aiohttp.test_utils import TestServer

from hygieia.blocks.embedded import open_embedded
from hygieia.blocks.gateway import GatewayReader
from hygieia.ipld.block import Block, verify
from hygieia.ipld.cid import CID, DAG_PB, RAW
from hygieia.openpgp.keys import UnlockedKey, generate_key
from hygieia.openpgp.times import format_time, now
from hygieia.recovery.search import open_index_from
from hygieia.server.gateway import gateway_routes
from hygieia.vault.index import (
    Change,
    IndexState,
    IndexUpdate,
    PutReport,
    apply,
    load_for,
    make_keys_file,
    new_index,
    open_index,
)
from hygieia.vault.ipns import IpnsKey
from hygieia.vault.reading import read_now
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Reader, Readers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.rows import Table

T = TypeVar("T")
WORDS = "Blutbild MRT Knie Entlassbrief Labor Röntgen Thorax Befund Arztbrief Impfung EKG Verlauf"
PUT_AT_ONCE = 2000
MAX_CHANGE = 65536
MAX_OPEN_SECONDS = 5


def timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def made_up(rnd: random.Random, number: int, me: str) -> PutReport:
    def cid(codec: int) -> str:
        return str(CID.of(codec, rnd.randbytes(8)))

    entry = ReportEntry(
        id=rnd.randbytes(16).hex(),
        cid=cid(DAG_PB),
        revision=1,
        kind="document",
        title=" ".join(rnd.sample(WORDS.split(), 3)) + f" {2000 + number % 26}",
        file_name=f"scan-{number:06d}.pdf",
        media_type="application/pdf",
        size_bytes=rnd.randrange(1000, 9 << 20),
        category="imaging",
        subject=me,
        author=me,
        owner=me,
        created="2026-11-21T10:00:00Z",
        deleted=None,
        data_payload_cid=cid(RAW),
        meta_payload_cid=cid(RAW),
    )
    readers = tuple(Reader(rnd.randbytes(32).hex(), rnd.randbytes(32).hex()) for _ in range(2))
    return PutReport(entry, Readers(entry.id, readers))


def build(count: int, key: UnlockedKey, blocks: dict[CID, Block]) -> IndexState:
    rnd, created = random.Random(1), format_time(now())
    update: IndexUpdate | None = new_index(
        make_keys_file(key, IpnsKey.make(), created), key=key, created=created
    )
    assert update is not None
    for start in range(0, count, PUT_AT_ONCE):
        blocks.update((block.cid, block) for block in update.blocks)
        state = update.state
        numbers = range(start, min(count, start + PUT_AT_ONCE))
        changes = [made_up(rnd, number, key.key_id) for number in numbers]
        update = apply(state, changes, key=key, created=created)
        assert update is not None
    blocks.update((block.cid, block) for block in update.blocks)
    return update.state


def change(
    what: str,
    state: IndexState,
    changes: Sequence[Change],
    key: UnlockedKey,
    blocks: dict[CID, Block],
) -> int:
    """Make one change; how many bytes it writes."""
    state = read_now(load_for(state, changes), blocks.__getitem__)
    created = format_time(now())
    seconds, update = timed(lambda: apply(state, changes, key=key, created=created))
    assert update is not None
    sizes = sorted(len(block.data) for block in update.blocks)
    print(
        f"{what}: {update.size_bytes} bytes in {len(update.blocks)} blocks, "
        f"{seconds * 1000:.1f} ms {sizes}"
    )
    return update.size_bytes


def memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def through_gateway(state: IndexState, key: UnlockedKey, blocks: dict[CID, Block]) -> float:
    """Open the index through our own gateway; in how many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_embedded(Path(folder) / "blocks")
        held = list(blocks.values())
        for start in range(0, len(held), 512):
            await store.put(held[start : start + 512])
        app = web.Application()
        app.add_routes(gateway_routes(store))
        async with TestServer(app) as server, GatewayReader([str(server.make_url(""))]) as reader:
            started = time.perf_counter()
            opened = await open_index_from(state.root, key, reader)
            seconds = time.perf_counter() - started
        await store.close()
    print(
        f"cold open through a gateway: {seconds:.2f} s, {sum(1 for _ in opened.reports())} reports"
    )
    return seconds


def measure(table: Table, count: int) -> None:
    """Rows for the bench: the largest of the usual changes, and a cold open from a gateway."""
    key = generate_key("Ana", "ana@example.org")
    blocks: dict[CID, Block] = {}
    state = build(count, key, blocks)
    written = max(changes(state, key, blocks))
    table.at_most(f"index of {count:,}: bytes one change writes", written, "bytes", MAX_CHANGE)
    opened = asyncio.run(through_gateway(state, key, blocks))
    table.at_most(f"index of {count:,}: cold open from a gateway", opened, "s", MAX_OPEN_SECONDS)


def changes(state: IndexState, key: UnlockedKey, blocks: dict[CID, Block]) -> list[int]:
    """Make the usual changes; how many bytes each writes."""
    entries = list(state.reports())
    middle, last = entries[len(entries) // 2], entries[-1]
    renamed = replace(middle, title="neu", revision=2)
    readers = Readers(middle.id, ())
    wanted: dict[str, Change] = {
        "append": made_up(random.Random(2), 0, key.key_id),
        "rename in the middle": PutReport(renamed),
        "new session key in the middle": PutReport(renamed, readers),
        "rename the last": PutReport(replace(last, title="neu")),
    }
    return [change(what, state, [one], key, blocks) for what, one in wanted.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="?", type=int, default=100_000)
    parser.add_argument("--gateway", action="store_true")
    asked = parser.parse_args()
    key = generate_key("Ana", "ana@example.org")
    blocks: dict[CID, Block] = {}
    seconds, state = timed(lambda: build(asked.reports, key, blocks))
    size = sum(len(block.data) for block in blocks.values())
    print(f"{asked.reports} reports entered in {seconds:.1f} s, {len(blocks)} blocks, {size} bytes")

    changes(state, key, blocks)

    def get(cid: CID) -> Block:
        return verify(cid, blocks[cid].data)

    seconds, opened = timed(lambda: read_now(open_index(state.root, key), get))
    print(f"cold open from memory, verified: {seconds:.2f} s, peak {memory_mib():.0f} MiB")
    again = PutReport(made_up(random.Random(3), 1, key.key_id).entry)
    update = apply(
        read_now(load_for(opened, [again]), get), [again], key=key, created=format_time(now())
    )
    assert update is not None
    blocks.update((block.cid, block) for block in update.blocks)
    seconds, _ = timed(lambda: read_now(open_index(update.state.root, key, known=opened), get))
    print(f"open again after another device's change: {seconds * 1000:.0f} ms")
    if asked.gateway:
        asyncio.run(through_gateway(state, key, blocks))


if __name__ == "__main__":
    main()
