"""What gateways that lie, stall or hold back can do to a recovery: nothing but slow it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from hygieia.errors import (
    Fork,
    Rollback,
)
from hygieia.recovery import (
    recover,
)
from hygieia.vault.index import PutReport
from tests.unit.recovery.factories import KeptVault, answering, gateway
from tests.unit.recovery.restoring import SECRET, files_in, recover_impatiently
from tests.unit.vault.factories import (
    Blocks,
    ipns_key,
    make_report,
)


class TestHostileGateways:
    async def test_one_that_lies_is_passed_over(self, tmp_path: Path) -> None:
        """BK-01."""
        kept = KeptVault.new(b"one", bytes(2_500_000))

        async def lie(_request: web.Request) -> web.StreamResponse:
            return web.Response(body=b"not what you asked for")

        async with (
            gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as good,
            answering(lie) as bad,
        ):
            result = await recover_impatiently(kept, [bad, good], tmp_path / "out")
        assert result.complete
        assert sorted(files_in(tmp_path / "out").values()) == sorted(kept.contents.values())

    async def test_one_that_stalls_is_passed_over(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one", b"two")
        release = asyncio.Event()

        async def stall(_request: web.Request) -> web.StreamResponse:
            await release.wait()
            return web.Response()

        async with (
            gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as good,
            answering(stall) as bad,
        ):
            result = await recover_impatiently(kept, [bad, good], tmp_path / "out")
            release.set()
        assert result.complete

    async def test_the_newest_of_several_records_wins(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"old")
        old = kept.record()
        kept.add(b"new")
        async with (
            gateway(tmp_path / "one", kept.vault.blocks, old) as behind,
            gateway(tmp_path / "two", kept.vault.blocks, kept.record()) as ahead,
        ):
            result = await recover(kept.kit, SECRET, [behind, ahead], tmp_path / "out")
        assert result.sequence == kept.vault.state.sequence

    async def test_a_report_split_over_two_gateways_is_whole(self, tmp_path: Path) -> None:
        kept = KeptVault.new(os.urandom(5_000_000))
        halves = Blocks(), Blocks()
        for number, block in enumerate(kept.vault.blocks.blocks.values()):
            halves[number % 2].add(block)
        async with (
            gateway(tmp_path / "one", halves[0], kept.record()) as one,
            gateway(tmp_path / "two", halves[1]) as two,
        ):
            result = await recover(kept.kit, SECRET, [one, two], tmp_path / "out")
        assert result.complete
        assert list(files_in(tmp_path / "out").values()) == list(kept.contents.values())

    async def test_an_index_older_than_the_kit_is_never_opened(self, tmp_path: Path) -> None:
        """MS-23 with a kit in hand: its sequence is the floor."""
        kept = KeptVault.new(b"one")
        old = kept.record()
        kept.add(b"two")
        kept.write_kit()
        async with gateway(tmp_path / "store", kept.vault.blocks, old) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert result.sequence == kept.kit.sequence
        assert any("older than the kit" in warning for warning in result.warnings)

    async def test_a_record_with_another_sequence_than_its_index_is_passed_over(
        self, tmp_path: Path
    ) -> None:
        kept = KeptVault.new(b"one")
        state = kept.vault.state
        record = ipns_key().sign_record(state.root, state.sequence + 1, datetime.now(UTC))
        async with gateway(tmp_path / "store", kept.vault.blocks, record) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert not result.from_record
        assert [one.sequence for one in result.not_opened] == [state.sequence + 1]
        assert files_in(tmp_path / "out") == {"befund-1.txt": b"one"}

    async def test_an_index_older_than_the_kit_names_is_a_roll_back(self, tmp_path: Path) -> None:
        """The kit says 3, the root that it names says 1."""
        kept = KeptVault.new(b"one")
        older = kept.vault.copy().state.root
        kept.add(b"two")
        kept.write_kit()
        kept.kit = replace(kept.kit, index_cid=str(older))
        async with gateway(tmp_path / "store", kept.vault.blocks) as url:
            with pytest.raises(Rollback):
                await recover(kept.kit, SECRET, [url], tmp_path / "out")

    async def test_a_sibling_of_the_kits_index_is_a_fork(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one")
        fork = kept.vault.copy()
        kept.add(b"two")
        kept.write_kit()
        fork.change(PutReport(make_report(b"other").entry))
        del kept.vault.blocks.blocks[kept.vault.state.root]
        kept.vault.state = fork.state
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            with pytest.raises(Fork):
                await recover(kept.kit, SECRET, [url], tmp_path / "out")

    async def test_another_report_at_a_reports_root_is_not_released(self, tmp_path: Path) -> None:
        """MS-13: an index cannot be made to say this; a wrong entry is caught all the same."""
        kept = KeptVault.new(b"one")
        other = make_report(b"two")
        kept.vault.blocks.add(*other.blocks)
        entry = next(kept.vault.state.reports())
        kept.vault.change(PutReport(replace(entry, cid=str(other.root.cid))))
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert files_in(tmp_path / "out") == {}
        assert [each.altered for each in result.missing] == [True]
