"""What an administrator brings from elsewhere: CARs and IPNS records, verified as they come in."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, Final

from hygieia.ipld import ipns
from hygieia.ipld.car import CarReader
from hygieia.ipld.cid import CID

if TYPE_CHECKING:
    from hygieia.blocks.port import BlockStore
    from hygieia.ipld.block import UnverifiedBlock

READ_BYTES: Final = 1 << 20
BATCH_BYTES: Final = 8 << 20
IMPORT_HOURS: Final = 24
PIN_NAME: Final = "import"


@dataclass(frozen=True, slots=True)
class ImportedCar:
    """What a CAR brought. ``absent_roots`` are named by its header and were in it nowhere."""

    roots: tuple[CID, ...]
    absent_roots: tuple[CID, ...]
    blocks: int
    new_bytes: int


async def import_car(store: BlockStore, file: BinaryIO) -> ImportedCar:
    """Store the blocks of any CARv1 and pin its roots under the name ``import``.

    Memory is constant. Raises ``BlockRefused``, ``LimitExceeded`` for a CAR that cannot be read or
    does not verify: what came before that point stays until the next sweep.
    """
    reader = CarReader(vault_only=False)
    holder = f"import {secrets.token_hex(8)}"
    until = datetime.now(UTC) + timedelta(hours=IMPORT_HOURS)
    new_bytes = 0
    batch: list[UnverifiedBlock] = []
    batch_bytes = 0
    try:
        while data := await asyncio.to_thread(file.read, READ_BYTES):
            found = reader.feed_unverified(data)
            batch += found
            batch_bytes += sum(len(block.data) for block in found)
            if batch_bytes >= BATCH_BYTES:
                new_bytes += await store.put(batch, holder=holder, until=until)
                batch, batch_bytes = [], 0
        reader.finish()
        new_bytes += await store.put(batch, holder=holder, until=until)
        roots = reader.roots or ()
        absent = tuple(await store.missing(roots))
        for root in roots:
            if root not in absent:
                await store.pin(root, name=PIN_NAME)
    finally:
        await store.release(holder)
    return ImportedCar(roots, absent, reader.block_count, new_bytes)


async def put_ipns_record(store: BlockStore, name: str, record: bytes) -> ipns.IpnsRecord:
    """Store an IPNS record after checking that the key in ``name`` signed it.

    Any form of an Ed25519 name is taken. Raises ``InvalidInput``, ``RecordRefused``.
    """
    public_key = ipns.public_key_of_any(name)
    verified = await asyncio.to_thread(ipns.verify_record, public_key, record)
    await store.put_record(ipns.name_of(public_key), record)
    return verified
