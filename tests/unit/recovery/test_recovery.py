"""Kit and gateways open the whole vault, whatever single gateways do."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hygieia.errors import (
    InvalidInput,
    KitRefused,
    NotFound,
    SealedKeyRefused,
    Unreachable,
)
from hygieia.openpgp.notes import Verdict
from hygieia.recovery import (
    Code,
    Password,
    Progress,
    Secret,
    Stage,
    prove,
    recover,
)
from hygieia.recovery.files import holds
from hygieia.vault.index import PutContact, PutReport, SetDeleted, SetDigests
from tests.power_cut import PowerCut
from tests.unit.recovery.factories import KeptVault, gateway, sealed
from tests.unit.recovery.restoring import SECRET, files_in, recover_impatiently
from tests.unit.vault.factories import (
    NOW,
    Blocks,
    boris,
    contact,
    make_report,
    open_built,
)


class TestAllIsWell:
    @pytest.mark.parametrize("secret", ["password", "code", "code as typed"])
    async def test_password_or_code_restores_every_file(self, secret: str, tmp_path: Path) -> None:
        kept = KeptVault.new(b"", b"one", os.urandom(3_000_000))
        secrets: dict[str, Secret] = {
            "password": SECRET,
            "code": Code(sealed().code),
            "code as typed": Code(sealed().code.lower().replace("-", " ")),
        }
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, secrets[secret], [url], tmp_path / "out")
        assert sorted(files_in(tmp_path / "out").values()) == sorted(kept.contents.values())
        assert result.complete
        assert result.from_record
        assert result.warnings == []
        assert {each.verdict for each in result.restored} == {Verdict.VALID}

    async def test_what_was_restored_survives_a_power_cut(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = KeptVault.new(b"one", os.urandom(70_000))
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            power = PowerCut(tmp_path, monkeypatch)
            await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert len(files_in(tmp_path / "out")) == 2
        assert power.takes_below(tmp_path / "out") == []

    async def test_reports_added_after_the_kit_are_found_by_name(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"old")
        kept.add(b"new")
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert sorted(files_in(tmp_path / "out").values()) == [b"new", b"old"]
        assert result.sequence == kept.kit.sequence + 1

    async def test_without_a_record_the_kits_own_index_is_used_and_said(
        self, tmp_path: Path
    ) -> None:
        kept = KeptVault.new(b"old")
        async with gateway(tmp_path / "store", kept.vault.blocks) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert not result.from_record
        assert any("looked up" in warning for warning in result.warnings)
        assert result.complete

    async def test_a_list_writes_nothing_and_fetches_no_content(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one", b"two")
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, SECRET, [url], None)
        assert [entry.title for entry in result.entries] == ["Befund 1", "Befund 2"]
        assert result.restored == []
        assert not (tmp_path / "out").exists()

    async def test_an_empty_vault_is_no_failure(self, tmp_path: Path) -> None:
        kept = KeptVault.new()
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert result.complete
        assert result.entries == []

    async def test_progress_ends_at_its_totals(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one", bytes(100_000))
        seen: list[Progress] = []
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            await recover(kept.kit, SECRET, [url], tmp_path / "out", progress=seen.append)
        assert [each.stage for each in seen][:2] == [Stage.KEY, Stage.INDEX]
        last = seen[-1]
        assert (last.reports, last.size_bytes) == (2, 100_003)
        assert (last.total_reports, last.total_bytes) == (2, 100_003)

    async def test_a_second_run_fetches_only_what_is_missing(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one", b"two")
        out = tmp_path / "out"
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            await recover(kept.kit, SECRET, [url], out)
            (out / "befund-1.txt").unlink()
            before = (out / "befund-2.txt").stat().st_ino
            await recover(kept.kit, SECRET, [url], out)
        assert files_in(out) == {"befund-1.txt": b"one", "befund-2.txt": b"two"}
        assert (out / "befund-2.txt").stat().st_ino == before

    async def test_a_test_of_the_kit_reads_one_report_through(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one", b"longer")
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            proof = await prove(kept.kit, SECRET, [url])
        assert proof.reports == 2
        assert proof.tried is not None
        assert proof.tried.size_bytes == 3


class TestNames:
    async def test_equal_and_hostile_names_all_find_a_place(self, tmp_path: Path) -> None:
        """SN-05."""
        kept = KeptVault.new()
        for name in ("report.pdf", "report.pdf", "REPORT.pdf", "..", "CON", "trash"):
            kept.add(name.encode(), file_name=name)
        out = tmp_path / "out"
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            await recover(kept.kit, SECRET, [url], out)
        assert sorted(files_in(out)) == sorted(
            ["report.pdf", "report (2).pdf", "REPORT (3).pdf", "file", "_CON", "trash (2)"]
        )
        assert not (tmp_path / "..pdf").exists()

    async def test_other_files_in_the_folder_are_left_alone(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"mine")
        out = tmp_path / "out"
        out.mkdir()
        (out / "befund-1.txt").write_bytes(b"somebody else's")
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, SECRET, [url], out)
        assert files_in(out) == {
            "befund-1.txt": b"somebody else's",
            "befund-1 (2).txt": b"mine",
        }
        assert result.restored[0].path == out / "befund-1 (2).txt"

    async def test_what_is_in_the_trash_goes_to_a_folder_of_its_own(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"kept")
        [gone] = kept.add(b"thrown away")
        kept.vault.change(SetDeleted(gone.meta.id, NOW))
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert files_in(tmp_path / "out") == {
            "befund-1.txt": b"kept",
            "trash/befund-2.txt": b"thrown away",
        }

    async def test_files_are_readable_by_their_owner_only(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one")
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "out" / "befund-1.txt").stat().st_mode & 0o777 == 0o600


def test_a_file_is_held_only_with_the_very_content(tmp_path: Path) -> None:
    path = tmp_path / "befund.txt"
    path.write_bytes(b"one")
    assert holds(path, 3, hashlib.sha256(b"one").hexdigest())
    assert not holds(path, 3, hashlib.sha256(b"two").hexdigest())
    assert not holds(tmp_path / "none", 3, hashlib.sha256(b"one").hexdigest())


class TestMissing:
    async def test_a_missing_report_is_named_and_the_rest_restored(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one")
        [lost] = kept.add(b"two")
        kept.add(b"three")
        del kept.vault.blocks.blocks[open_built(lost).encrypted.data.cid]
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert sorted(files_in(tmp_path / "out")) == ["befund-1.txt", "befund-3.txt"]
        assert [each.entry.title for each in result.missing] == ["Befund 2"]
        assert not result.missing[0].altered
        assert not result.complete

    async def test_a_purged_trash_is_not_missed(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one")
        [gone] = kept.add(b"two")
        kept.vault.change(SetDeleted(gone.meta.id, NOW))
        del kept.vault.blocks.blocks[gone.root.cid]
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert result.complete

    async def test_an_index_whose_blocks_are_gone_gives_way_to_the_kits(
        self, tmp_path: Path
    ) -> None:
        kept = KeptVault.new(b"one")
        kept.add(b"two")
        del kept.vault.blocks.blocks[kept.vault.state.root]
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert list(files_in(tmp_path / "out").values()) == [b"one"]
        assert len(result.warnings) == 2

    async def test_no_index_at_all_is_an_error(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one")
        async with gateway(tmp_path / "store", Blocks()) as url:
            with pytest.raises(NotFound):
                await recover(kept.kit, SECRET, [url], tmp_path / "out")

    async def test_no_gateway_at_all_is_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("hygieia.blocks.gateway.LONGEST_WAIT_SECONDS", 0.01)
        kept = KeptVault.new(b"one")
        with pytest.raises(Unreachable):
            await recover_impatiently(kept, ["http://127.0.0.1:9"], None)


class TestVerdicts:
    @pytest.mark.parametrize("pinned", [True, False])
    async def test_a_strangers_report_is_restored_and_said_to_be_one(
        self, pinned: bool, tmp_path: Path
    ) -> None:
        kept = KeptVault.new()
        built = make_report(b"from Boris", author=boris())
        kept.vault.blocks.add(*built.blocks)
        changes = [PutContact(contact(boris()))] if pinned else []
        kept.vault.change(PutReport(built.entry), *changes)
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        expected = Verdict.VALID if pinned else Verdict.UNKNOWN_SIGNER
        assert [each.verdict for each in result.restored] == [expected]


class TestSecrets:
    async def test_a_wrong_password_is_refused_before_any_request(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one")
        with pytest.raises(SealedKeyRefused):
            await recover(kept.kit, Password("wrong"), ["http://127.0.0.1:1"], tmp_path / "out")

    async def test_a_mistyped_code_names_its_group(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one")
        groups = sealed().code.split("-")
        # Its check symbol: of other slips one in 32 goes unseen.
        groups[2] = groups[2][:3] + ("0" if groups[2][3] != "0" else "1")
        with pytest.raises(InvalidInput, match="3"):
            await recover(kept.kit, Code("-".join(groups)), ["http://127.0.0.1:1"], None)

    async def test_an_old_kit_still_opens_and_is_said_to_be_old(self, tmp_path: Path) -> None:
        kept = KeptVault.new(b"one")
        kept.vault.change(SetDigests({"recovery_key": "a newer one"}))
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            result = await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert result.complete
        assert any("old one" in warning for warning in result.warnings)

    @pytest.mark.parametrize("part", ["recovery_key", "recovery_mac", "revocation"])
    async def test_a_kit_whose_recovery_part_was_exchanged_is_refused(
        self, part: str, tmp_path: Path
    ) -> None:
        kept = KeptVault.new(b"one")
        changes: dict[str, Any] = {part: "0" * 64 if part == "recovery_mac" else "something else"}
        kept.kit = replace(kept.kit, **changes)
        async with gateway(tmp_path / "store", kept.vault.blocks, kept.record()) as url:
            with pytest.raises(KitRefused):
                await recover(kept.kit, SECRET, [url], tmp_path / "out")
        assert not (tmp_path / "out").exists()
