"""Requests to a server with MongoDB and Kubo behind it: python -m bench --only clinic.

MongoDB's own server (6.0.5, a replica set of one, its disk in memory) and a real Kubo; needs Go and
root. One request after another, as ``scale`` asks: so the time of one is the work of all of them, the
asking client, the server, MongoDB and Kubo, hardly more than a core's worth together.
"""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from bench.scale import House, ask, fill, open_account
from bench.vault import ROOT, Vault
from hygieia.blocks.kubo import open_kubo
from hygieia.documents.mongo import open_mongo
from tests.kubo import kubo_server
from tests.mongod import replica_set

if TYPE_CHECKING:
    from bench.rows import Table


def measure(table: Table, folder: Path, count: int, asks: int) -> None:
    """Rows for list, report and block, of ``count`` reports."""
    with (
        kubo_server(_program("kubo"), folder / "kubo") as kubo,
        replica_set(_program("mongod"), folder / "mongod", 1) as mongodb,
    ):
        vault = Vault(
            folder / "vault-clinic",
            documents=mongodb.user("vault", "readWrite"),
            blocks=kubo.address,
            kubo_gateway=kubo.node.gateway,
        )
        vault.prepare()
        house = House(vault, count)
        with vault.serving():
            asyncio.run(open_account(house))
            asyncio.run(_fill(house))
            times = asyncio.run(ask([house], asks))
    for what, ((seconds,), a_second) in times.items():
        table.add(
            f"{what}, MongoDB and Kubo",
            f"{seconds * 1000:.2f} ms, {1 / seconds:,.0f} a second one after another; "
            f"{a_second:,.0f} a second of the server's CPU",
        )


def _program(name: str) -> Path:
    said = subprocess.run([ROOT / "scripts" / name], capture_output=True, text=True, check=True)
    return Path(said.stdout.split()[-1])


async def _fill(house: House) -> None:
    documents = await asyncio.to_thread(open_mongo, house.vault.documents)
    blocks = await asyncio.to_thread(open_kubo, house.vault.blocks, documents)
    await fill(house, documents, blocks)
    await blocks.close()
    await documents.close()
