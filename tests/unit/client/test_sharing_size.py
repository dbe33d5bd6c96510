"""What a share writes: four small blocks and a bounded index, whatever the report's size."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from hygieia.client.batches import BatchSender
from hygieia.ipld.block import Block
from tests.unit.client.conftest import Person
from tests.unit.client.vaults import file_in

INDEX_BYTES = 65_536
REPORT_BYTES = 2_048


@pytest.mark.parametrize("size_bytes", [10_000, 5_000_000])
async def test_a_share_writes_a_header_two_files_a_directory_and_a_little_of_the_index(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size_bytes: int
) -> None:
    ana, _ = await person("Ana"), await person("Ben")
    ben = (await ana.contacts.look_up("ben@example.org")).contact
    [entry] = await ana.put([file_in(tmp_path, "scan.bin", bytes(size_bytes))])
    sent: list[list[Block]] = []
    send_all = BatchSender.send_all

    async def noted(sender: BatchSender, blocks: Iterable[Block]) -> None:
        sent.append(list(blocks))
        await send_all(sender, sent[-1])

    monkeypatch.setattr(BatchSender, "send_all", noted)
    [done] = await ana.sharing.share([entry], [ben])
    report, index = sent
    assert len(report) == 4, "header leaf, two file nodes, directory"
    assert str(report[-1].cid) == done.entry.cid
    assert sum(len(block.data) for block in report) < REPORT_BYTES
    assert sum(len(block.data) for block in index) < INDEX_BYTES
