"""The newest index may be gone everywhere while one between it and the kit's is whole."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.blocks.remote import Patience
from hygieia.errors import BlockMissing
from hygieia.ipld import ipns
from hygieia.recovery import Password, RecoveryResult, recover_from
from tests.dags import raw
from tests.running import Person
from tests.unit.recovery.factories import PASSWORD, KeptVault, gateway
from tests.unit.vault.factories import ipns_key


@dataclass
class LaterVault:
    """A vault changed twice since its kit was made; ``records`` of each index, oldest first."""

    kept: KeptVault
    records: list[bytes]

    @classmethod
    def new(cls, later: int = 2) -> LaterVault:
        kept = KeptVault.new(b"in the kit's")
        records = [kept.record()]
        for number in range(later):
            kept.add(f"added {number + 1}".encode())
            records.append(kept.record())
        return cls(kept, records)

    def lose(self, *newest: int) -> None:
        """The blocks of the newest index (0), of the one before (1) … are nowhere any more."""
        for age in newest:
            record = self.read(self.records[-1 - age])
            del self.kept.vault.blocks.blocks[ipns.value_cid(record)]

    def read(self, record: bytes) -> ipns.IpnsRecord:
        return ipns.parse_record(ipns_key().name, record, datetime.now(UTC))

    @contextlib.asynccontextmanager
    async def gateways(self, folder: Path) -> AsyncIterator[list[str]]:
        """One for each record; all that is left of the blocks is at each."""
        async with contextlib.AsyncExitStack() as open_ones:
            yield [
                await open_ones.enter_async_context(
                    gateway(folder / str(number), self.kept.vault.blocks, record)
                )
                for number, record in enumerate(self.records)
            ]

    async def recover(self, folder: Path) -> RecoveryResult:
        """Into ``out``; every gateway's record is waited for, however busy the machine is."""
        async with (
            self.gateways(folder) as urls,
            GatewayReader(urls, patience=Patience(others=60)) as reader,
        ):
            return await recover_from(self.kept.kit, Password(PASSWORD), reader, folder / "out")


def restored(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in (folder / "out").iterdir()}


async def test_the_index_before_the_lost_newest_is_opened_and_not_the_kits(tmp_path: Path) -> None:
    vault = LaterVault.new()
    vault.lose(0)
    result = await vault.recover(tmp_path)
    assert restored(tmp_path) == {b"in the kit's", b"added 1"}
    assert result.sequence == vault.kept.kit.sequence + 1
    assert result.from_record


async def test_each_index_in_between_is_tried_down_to_the_first_that_opens(tmp_path: Path) -> None:
    vault = LaterVault.new(later=4)
    vault.lose(0, 1, 2)
    result = await vault.recover(tmp_path)
    assert result.sequence == vault.kept.kit.sequence + 1
    newest = vault.kept.vault.state.sequence
    assert [one.sequence for one in result.not_opened] == [newest, newest - 1, newest - 2]


async def test_what_was_seen_and_not_opened_is_named_and_it_is_not_complete(
    tmp_path: Path,
) -> None:
    vault = LaterVault.new()
    vault.lose(0)
    result = await vault.recover(tmp_path)
    assert not result.complete
    assert result.missing == []
    [lost] = result.not_opened
    newest = vault.kept.vault.state
    assert (lost.root, lost.sequence) == (newest.root, newest.sequence)
    assert isinstance(lost.error, BlockMissing)
    assert any(f"Index number {lost.sequence} could not" in said for said in result.warnings)
    assert any(f"Index number {lost.sequence - 1} was opened" in said for said in result.warnings)


async def test_the_kits_own_comes_last_and_leaves_all_newer_ones_named(tmp_path: Path) -> None:
    vault = LaterVault.new()
    vault.lose(0, 1)
    result = await vault.recover(tmp_path)
    assert restored(tmp_path) == {b"in the kit's"}
    assert not result.complete
    kits = vault.kept.kit.sequence
    assert [one.sequence for one in result.not_opened] == [kits + 2, kits + 1]


async def test_older_records_beside_the_newest_that_opens_are_no_loss(tmp_path: Path) -> None:
    vault = LaterVault.new()
    result = await vault.recover(tmp_path)
    assert result.complete
    assert (result.not_opened, result.warnings) == ([], [])
    assert len(restored(tmp_path)) == 3


async def test_a_record_below_the_kits_is_never_opened_in_place_of_a_lost_one(
    tmp_path: Path,
) -> None:
    vault = LaterVault.new(later=1)
    vault.kept.write_kit()
    vault.kept.add(b"added after the kit")
    vault.records = [vault.records[0], vault.kept.record()]
    vault.lose(0)
    result = await vault.recover(tmp_path)
    assert result.sequence == vault.kept.kit.sequence
    assert not result.from_record
    assert [one.sequence for one in result.not_opened] == [vault.kept.kit.sequence + 1]


@pytest.mark.parametrize("asked_first", [True, False])
async def test_of_two_indexes_of_one_number_the_one_that_is_left_is_opened(
    asked_first: bool, tmp_path: Path
) -> None:
    vault = LaterVault.new()
    state = vault.kept.vault.state
    lost = ipns_key().sign_record(raw(7).cid, state.sequence, datetime.now(UTC))
    vault.records.insert(0 if asked_first else len(vault.records), lost)
    result = await vault.recover(tmp_path)
    assert result.root == state.root
    assert any("different indexes" in said for said in result.warnings)
    assert result.complete


async def test_the_command_ends_with_1_and_says_in_its_one_document_what_was_not_opened(
    tmp_path: Path,
) -> None:
    vault = LaterVault.new()
    vault.lose(0)
    person = Person(tmp_path / "home", "http://127.0.0.1:1")
    person.password_file.write_text(PASSWORD + "\n")
    kit = tmp_path / "kit.json"
    kit.write_bytes(vault.kept.kit.to_bytes())
    async with vault.gateways(tmp_path) as urls:
        named = [word for url in urls for word in ("--gateway", url)]
        arguments = ["recover", str(kit), *named, "--out", str(tmp_path / "out")]
        done = await asyncio.to_thread(person.start, "--json", *arguments)
        listed = await asyncio.to_thread(person.start, *arguments[:-2], "--list")
    assert done.returncode == 1, done
    document = json.loads(done.stdout)
    newest = vault.kept.vault.state
    assert document["not_opened"] == [
        {"index_cid": str(newest.root), "sequence": newest.sequence, "code": "block-missing"}
    ]
    assert document["sequence"] == newest.sequence - 1
    assert document["newest_by_name"] is False
    assert document["missing"] == []
    assert document["error"]["code"] == "failed"
    assert f"index number {newest.sequence}" in document["error"]["message"]
    assert restored(tmp_path) == {b"in the kit's", b"added 1"}
    assert listed.returncode == 1, "a list that may lack the newest says so too"
    assert f"index number {newest.sequence}".encode() in listed.stderr
