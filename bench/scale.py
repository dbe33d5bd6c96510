"""Whether a store with a million reports answers as fast as one with a thousand.

Both are filled through the ports, with the documents and the blocks that real commits leave (two
small blocks a report, the root pinned), all in one account: then real servers are asked over HTTP,
one request to each in turn.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench.machine import cpu_seconds
from bench.vault import EMAIL, Vault
from hygieia.blocks.embedded import open_embedded
from hygieia.client.state import ProfileStore
from hygieia.client.transport import Transport
from hygieia.client.vault import create_account
from hygieia.documents.sqlite import open_sqlite
from hygieia.domain.reports import COLLECTION, Report, State, pin_name, report_body, scope_of
from hygieia.ipld.block import Block
from hygieia.ipld.cid import RAW
from hygieia.server.storage import BLOCKS_FOLDER, SQLITE_FILE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from bench.rows import Table
    from hygieia.blocks.port import BlockStore
    from hygieia.client.session import Session
    from hygieia.documents.port import DocumentStore

AT_ONCE = 500
BAND = 0.2


@dataclass
class House:
    """One of the two vaults: its size, and what is needed to ask its server."""

    vault: Vault
    count: int
    account: str = ""
    token: str = ""

    def report_id(self, number: int) -> str:
        return f"{number:032x}"


def measure(table: Table, folder: Path, count: int, few: int, asks: int) -> None:
    """Rows for list, report and block, many reports over few."""
    houses = [House(Vault(folder / f"of-{size}"), size) for size in (few, count)]
    for house in houses:
        house.vault.prepare()
    with ExitStack() as running:
        for house in houses:
            running.enter_context(house.vault.serving())
            asyncio.run(open_account(house))
            asyncio.run(_fill(house))
        times = asyncio.run(ask(houses, asks))
    for what, ((small, large), a_second) in times.items():
        ratio = large / small
        table.add(
            f"{what}, of {count:,} (of {few:,})",
            f"{large * 1000:.2f} ms ({small * 1000:.2f} ms)",
            f"within {BAND:.0%}",
            ratio=ratio,
            met=ratio <= 1 + BAND,
        )
        table.add(f"{what}: answers a second of one core", f"{a_second:,.0f}")
    for house in houses:
        shutil.rmtree(house.vault.folder)


async def open_account(house: House) -> None:
    """Make the account that all reports are in."""
    store = ProfileStore(house.vault.folder / "home", "default")
    async with Transport(house.vault.address) as transport:
        made = await create_account(
            store, transport, email=EMAIL, name="Ana", password="correct horse battery staple"
        )
    session: Session = made.session
    house.account, house.token = session.profile.account, session.transport.token or ""


async def _fill(house: House) -> None:
    documents = open_sqlite(house.vault.data / SQLITE_FILE)
    blocks = open_embedded(house.vault.data / BLOCKS_FOLDER)
    await fill(house, documents, blocks)
    await blocks.close()
    await documents.close()


async def fill(house: House, documents: DocumentStore, blocks: BlockStore) -> None:
    """Put the house's reports into its stores."""
    for start in range(0, house.count, AT_ONCE):
        numbers = range(start, min(house.count, start + AT_ONCE))
        await _fill_some(house, numbers, documents, blocks)


async def _fill_some(
    house: House, numbers: range, documents: DocumentStore, blocks: BlockStore
) -> None:
    made = [_block(number, 300) for number in numbers]
    # Held, or the server's sweeper, which runs beside this, takes what nothing has pinned yet.
    others = [_block(-number - 1, 200) for number in numbers]
    await blocks.put([*made, *others], holder="bench")
    pairs = list(zip(numbers, made, strict=True))
    await asyncio.gather(
        *(blocks.pin(block.cid, name=pin_name(house.report_id(n))) for n, block in pairs),
        *(_insert(house, n, block, documents) for n, block in pairs),
    )


async def _insert(house: House, number: int, block: Block, documents: DocumentStore) -> None:
    root, time_ = str(block.cid), "2026-11-21T10:00:00Z"
    report = Report(
        id=house.report_id(number),
        rev=1,
        account=house.account,
        state=State.LIVE,
        root=root,
        first_root=root,
        size_bytes=50_000,
        readers=1,
        data_payload=root,
        data_payload_bytes=49_000,
        meta_payload=root,
        meta_payload_bytes=1000,
        created=time_,
        changed=time_,
    )
    await documents.insert(
        COLLECTION,
        report.id,
        report_body(report),
        scope=scope_of(house.account, State.LIVE),
        sort=f"2026-11-21T10:00:00.{number:09d}Z",
    )


def _block(number: int, size_bytes: int) -> Block:
    return Block.of(RAW, number.to_bytes(16, "big", signed=True) * (size_bytes // 16))


async def ask(houses: list[House], asks: int) -> dict[str, tuple[list[float], float]]:
    """For each kind of request what ``_medians`` says of it."""
    rnd = random.Random(1)
    async with AsyncExitStack() as stack:
        transports = [
            await stack.enter_async_context(Transport(house.vault.address, token=house.token))
            for house in houses
        ]

        async def page(house: House, transport: Transport) -> None:
            del house
            answer = await transport.call("GET", "/reports", query={"limit": 100})
            assert len(answer.document["items"]) == 100

        async def next_page(house: House, transport: Transport) -> None:
            cursor = cursors[house.count]
            answer = await transport.call("GET", "/reports", query={"limit": 100, "after": cursor})
            assert len(answer.document["items"]) == 100

        async def report(house: House, transport: Transport) -> None:
            await transport.call("GET", f"/reports/{house.report_id(rnd.randrange(house.count))}")

        async def block(house: House, transport: Transport) -> None:
            cid = _block(rnd.randrange(house.count), 300).cid
            url = f"{house.vault.address}/ipfs/{cid}?format=raw"
            async with transport.session.get(url) as response:
                assert response.status == 200
                await response.read()

        cursors = {
            house.count: await _cursor(transport)
            for house, transport in zip(houses, transports, strict=True)
        }
        works = {
            "list the newest 100 reports": page,
            "list the next 100": next_page,
            "read one report": report,
            "read one block from the gateway": block,
        }
        return {
            what: await _medians(work, houses, transports, asks) for what, work in works.items()
        }


async def _cursor(transport: Transport) -> str:
    answer = await transport.call("GET", "/reports", query={"limit": 100})
    return str(answer.document["next"])


async def _medians(
    work: Callable[[House, Transport], Awaitable[None]],
    houses: list[House],
    transports: list[Transport],
    asks: int,
) -> tuple[list[float], float]:
    """Seconds of a request to each, and how many the servers answer in a second of their CPU."""
    times: list[list[float]] = [[] for _ in houses]
    before = sum(cpu_seconds(house.vault.process_id) for house in houses)
    for _ in range(asks):
        for house, transport, mine in zip(houses, transports, times, strict=True):
            started = time.perf_counter()
            await work(house, transport)
            mine.append(time.perf_counter() - started)
    used = sum(cpu_seconds(house.vault.process_id) for house in houses) - before
    return [median(mine) for mine in times], len(houses) * asks / max(used, 0.01)
