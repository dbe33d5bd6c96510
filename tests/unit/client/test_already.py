"""What the vault has already is not stored again, and what only looks like it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from hygieia.client import Device, Labels, Vault, already
from hygieia.client.state import StateKey
from hygieia.client.stored_digests import StoredDigests
from hygieia.errors import ContentChanged
from hygieia.vault.report_entry import ReportEntry
from tests.factories.servers import Api
from tests.unit.client.vaults import PASSWORD, file_in

PERSON = "person:" + "a" * 32


async def put(
    vault: Vault, *paths: Path, **named: object
) -> tuple[Sequence[ReportEntry], set[str]]:
    """Store files; the reports, and the names of those that were left out."""
    skipped: set[str] = set()
    labels = Labels(**named)  # type: ignore[arg-type]  # as the tests below name them
    entries = await vault.put(paths, labels, already=lambda path, _: skipped.add(path.name))
    return entries, skipped


def folder_in(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    file_in(folder, "a.txt", b"one")
    file_in(folder, "b.txt", b"two")
    file_in(folder, "long.bin", bytes(5 << 20))
    return folder


async def test_a_finished_folder_is_not_stored_a_second_time(vault: Vault, tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    first, skipped = await put(vault, folder)
    assert skipped == set()
    root = vault.index.state.root
    second, skipped = await put(vault, folder)
    assert skipped == {"a.txt", "b.txt", "long.bin"}
    assert list(second) == list(first)
    assert vault.index.state.root == root, "the index was not renewed"


async def test_another_device_knows_it_too(
    api: Api, device: Device, vault: Vault, tmp_path: Path
) -> None:
    folder = folder_in(tmp_path)
    await put(vault, folder)
    other = Device(tmp_path / "other")
    await other.sign_in(api.url, email="ana@example.org", password=PASSWORD)
    for _ in range(2):
        async with other.open(PASSWORD) as there:
            assert (await put(there, folder))[1] == {"a.txt", "b.txt", "long.bin"}


async def test_another_content_name_or_subject_is_another_report(
    vault: Vault, tmp_path: Path
) -> None:
    path = file_in(tmp_path, "a.txt", b"one")
    await put(vault, path)
    assert (await put(vault, file_in(tmp_path, "other.txt", b"one")))[1] == set()
    assert (await put(vault, path, subject=PERSON))[1] == set()
    assert (await put(vault, path, subject=PERSON))[1] == {"a.txt"}
    path.write_bytes(b"two")
    assert (await put(vault, path))[1] == set()
    path.write_bytes(b"one")
    assert (await put(vault, path, file_name="third.txt"))[1] == set()
    assert (await put(vault, path))[1] == {"a.txt"}
    assert len(vault.list().reports) == 5


async def test_what_is_in_the_trash_is_stored_again(vault: Vault, tmp_path: Path) -> None:
    path = file_in(tmp_path, "a.txt", b"one")
    entries, _ = await put(vault, path)
    await vault.trash(entries)
    [again], skipped = await put(vault, path)
    assert skipped == set()
    assert again.id != entries[0].id


async def test_an_earlier_content_of_an_updated_report_is_stored_again(
    vault: Vault, tmp_path: Path
) -> None:
    path = file_in(tmp_path, "a.txt", b"one")
    [entry], _ = await put(vault, path)
    await vault.update(entry, file_in(tmp_path / "..", "a.txt", b"new"))
    assert (await put(vault, path))[1] == set()


async def test_what_the_server_has_lost_is_stored_again(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_in(tmp_path, "a.txt", b"one")
    [entry], _ = await put(vault, path)

    async def lost(*_: object) -> set[str]:
        return {entry.id}

    monkeypatch.setattr(already, "missing_or_held", lost)
    [again], skipped = await put(vault, path)
    assert skipped == set()
    assert again.id != entry.id


async def test_whoever_asks_for_it_stores_it_again(vault: Vault, tmp_path: Path) -> None:
    path = file_in(tmp_path, "a.txt", b"one")
    [first] = await vault.put([path])
    [second] = await vault.put([path], again=True)
    assert first.id != second.id


async def test_a_file_that_changes_while_it_is_compared_is_not_left_out(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_in(tmp_path, "a.txt", b"one")
    await put(vault, path)
    monkeypatch.setattr(already, "check_unchanged", _changed)
    assert (await put(vault, path))[1] == set()


def _changed(_: object) -> None:
    raise ContentChanged("changed")


# -- what this device remembers --------------------------------------------------------------------


def test_digests_are_remembered_sealed_and_only_those_asked_for_are_told(tmp_path: Path) -> None:
    file = tmp_path / "digests"
    digests = StoredDigests(file, StateKey("a" * 64))
    assert digests.of({"cid1"}) == {}
    # Long enough that no sealed line reads so by chance.
    first = "d1" * 32
    digests.remember({"cid1": first, "cid2": "d2"})
    digests.remember({"cid3": "d3"})
    assert digests.of({"cid1", "cid3", "cid4"}) == {"cid1": first, "cid3": "d3"}
    assert first.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    file = tmp_path / "digests"
    digests = StoredDigests(file, StateKey("a" * 64))
    digests.remember({"cid1": "d1"})
    with file.open("ab") as torn:
        torn.write(b"torn")
    digests.remember({"cid2": "d2"})
    digests.remember({"cid3": "d3"})
    assert digests.of({"cid1", "cid2", "cid3"}) == {"cid1": "d1", "cid3": "d3"}


def test_digests_under_an_earlier_password_are_dropped(tmp_path: Path) -> None:
    file = tmp_path / "digests"
    StoredDigests(file, StateKey("a" * 64)).remember({"cid1": "d1"})
    assert StoredDigests(file, StateKey("b" * 64)).of({"cid1"}) == {}
    assert not file.exists()


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    digests = StoredDigests(tmp_path / "nowhere" / "digests", StateKey("a" * 64))
    digests.remember({"cid1": "d1"})
    assert digests.of({"cid1"}) == {}
