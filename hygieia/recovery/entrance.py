"""The two things that people do with a kit: get everything back, and see that they could."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygieia.blocks.gateway import GatewayReader
from hygieia.ipld.cid import CID
from hygieia.ipld.shapes import DATA_NAME
from hygieia.recovery.driving import read_from
from hygieia.recovery.recover import open_kit, recover_from
from hygieia.recovery.search import find_index
from hygieia.vault.report import ContentReader, Expected
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_read import read_report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.recovery.recover import Secret
    from hygieia.recovery.result import ProgressCallback, RecoveryResult
    from hygieia.vault.index import IndexState
    from hygieia.vault.kit import Kit


async def recover(
    kit: Kit,
    secret: Secret,
    gateways: Sequence[str],
    out: Path | None,
    *,
    progress: ProgressCallback | None = None,
) -> RecoveryResult:
    """``recover_from`` with gateways by their addresses. Raises as it does, and ``InvalidInput``."""
    async with GatewayReader(gateways) as reader:
        return await recover_from(kit, secret, reader, out, progress=progress)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a kit was seen to open: an index, its reports, and the content of one of them.

    ``tried`` is the report whose content was read and compared, None where there is none.
    """

    sequence: int
    reports: int
    from_record: bool
    tried: ReportEntry | None
    warnings: tuple[str, ...]


async def prove(kit: Kit, secret: Secret, gateways: Sequence[str]) -> Proof:
    """Open the kit, the newest index and one report, all through ``gateways``; keep nothing.

    Raises as ``recover_from``, and what is wrong with that one report.
    """
    async with GatewayReader(gateways) as reader:
        key = await asyncio.to_thread(open_kit, kit, secret)
        found = await find_index(kit, key, reader)
        live = [entry for entry in found.state.reports() if entry.deleted is None]
        tried = min(live, key=lambda entry: entry.size_bytes, default=None)
        if tried is not None:
            await _read_through(tried, key, reader, found.state)
        return Proof(found.state.sequence, len(live), found.from_record, tried, found.warnings)


async def _read_through(
    entry: ReportEntry, key: UnlockedKey, reader: GatewayReader, state: IndexState
) -> None:
    people = state.people(key.certificate)
    reading = read_report(CID.parse(entry.cid), key, people, Expected(entry=entry))
    report = await read_from(reading, reader)
    content = ContentReader(report)
    start = report.encrypted.header.size_bytes
    pieces = reader.read_file(report.encrypted.root, [DATA_NAME], start=start)
    async with aclosing(pieces):
        async for piece in pieces:
            await asyncio.to_thread(content.update, piece)
    await asyncio.to_thread(content.finish)
