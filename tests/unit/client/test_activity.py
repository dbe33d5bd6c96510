"""The owner's view of her activity: anchored with every change, checked, exported."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hygieia.client import Device, Vault
from hygieia.client import activity as client_activity
from hygieia.domain.activity import COLLECTION
from hygieia.errors import ActivityAltered, ActivityGap
from hygieia.vault.activity import ActivityEntry, Trail, read_entry
from tests.factories.servers import Api
from tests.unit.client.vaults import PASSWORD, file_in


@pytest.fixture
async def reader(api: Api, tmp_path: Path) -> AsyncIterator[Vault]:
    device = Device(tmp_path / "reader")
    await device.sign_up(api.url, email="ben@example.org", name="Ben", password=PASSWORD)
    async with device.open(PASSWORD) as vault:
        yield vault


async def events_of(vault: Vault) -> list[str]:
    """Oldest first."""
    return [entry.event for entry in await vault.activity.latest(1000)][::-1]


def files_in(folder: Path) -> set[str]:
    """Whatever was exported, whole or in part."""
    return {path.name for kind in ("jsonl", "part") for path in folder.rglob(f"*.{kind}")}


async def forget_last(api: Api, vault: Vault, count: int = 1) -> None:
    """Take the youngest entries away, as a backup of yesterday does."""
    account = vault.session.profile.account
    documents = api.services.stores.documents
    page = await documents.page(COLLECTION, account, limit=count, newest_first=True)
    for item in page.items:
        await documents.delete(COLLECTION, item.id)


async def test_the_head_is_signed_with_every_change(vault: Vault, tmp_path: Path) -> None:
    heads = [vault.index.state.note.log_head]
    for number in range(2):
        await vault.put([file_in(tmp_path, f"{number}.txt", b"Hb %d" % number)])
        heads.append(vault.index.state.note.log_head)
    assert None not in heads[1:]
    assert len(set(heads)) == 3
    stored = (await vault.activity.latest(1))[0]
    assert (stored.event, stored.hash) == ("stored", heads[-1])
    checked = await vault.activity.verify()
    assert (checked.head, checked.anchored, checked.entries) == (heads[-1], checked.entries, 3)


async def test_who_opened_a_report_is_told_to_its_owner_once_an_hour(
    vault: Vault, reader: Vault, tmp_path: Path
) -> None:
    [entry] = await vault.put([file_in(tmp_path, "blood.txt", b"Hb 13.9")])
    ben = (await vault.contacts.look_up("ben@example.org")).contact
    await reader.contacts.look_up("ana@example.org")
    await vault.sharing.share([entry], [ben])
    [received] = await reader.inbox.look()
    assert received.entry is not None
    for _ in range(3):
        await reader.read(received.entry)
    last = (await vault.activity.latest(1))[0]
    assert (last.event, last.by, last.reports) == ("fetched", ben.key, (entry.id,))
    assert (await events_of(vault)).count("fetched") == 2, "Ana's own, when she shared, and Ben's"
    [shared] = [e for e in await vault.activity.latest(9) if e.event == "shared"]
    assert (shared.by, shared.people) == (vault.session.key.key_id, (ben.key,))
    assert "fetched" not in await events_of(reader)


async def test_a_second_device_holds_the_server_to_what_the_first_signed(
    api: Api, vault: Vault, tmp_path: Path
) -> None:
    await vault.put([file_in(tmp_path, "blood.txt", b"Hb 13.9")])
    other = Device(tmp_path / "other")
    await other.sign_in(api.url, email="ana@example.org", password=PASSWORD)
    async with other.open(PASSWORD) as second:
        assert second.index.state.note.log_head == vault.index.state.note.log_head
        assert (await second.activity.verify()).anchored == 2
        assert await events_of(second) == ["signed-up", "stored", "signed-in"]
        await forget_last(api, vault, count=2)
        with pytest.raises(ActivityAltered):
            await second.activity.latest(10)


async def test_a_roll_back_shows_stops_no_change_and_is_got_over(
    api: Api, vault: Vault, tmp_path: Path
) -> None:
    await vault.put([file_in(tmp_path, "one.txt", b"1")])
    signed = vault.index.state.note.log_head
    await forget_last(api, vault)
    for read in (vault.activity.verify, lambda: vault.activity.latest(5)):
        with pytest.raises(ActivityAltered):
            await read()
    await vault.put([file_in(tmp_path, "two.txt", b"2")])
    assert "lost entries" in str(vault.index.trail_error)
    assert vault.index.state.note.log_head == signed, "what does not follow is not signed"
    accepted = await vault.activity.accept()
    assert vault.index.state.note.log_head == accepted.head
    assert vault.index.trail_error is None
    assert (await vault.activity.verify()).anchored == accepted.entries
    await vault.put([file_in(tmp_path, "three.txt", b"3")])
    assert vault.index.trail_error is None


async def test_a_gap_shows(api: Api, vault: Vault, tmp_path: Path) -> None:
    for number in range(3):
        await vault.put([file_in(tmp_path, f"{number}.txt", b"%d" % number)])
    account = vault.session.profile.account
    await api.services.stores.documents.delete(COLLECTION, f"{account}.{2:012d}")
    for read in (vault.activity.verify, lambda: vault.activity.latest(10), vault.activity.accept):
        with pytest.raises(ActivityGap):
            await read()


async def test_an_export_is_the_whole_trail_and_checks_without_the_server(
    api: Api, vault: Vault, tmp_path: Path
) -> None:
    for number in range(3):
        await vault.put([file_in(tmp_path, f"{number}.txt", b"%d" % number)])
    checked, path = await vault.activity.export(tmp_path / "new" / "activity.jsonl")
    trail = Trail(vault.session.profile.account)
    entries = trail.take_all(path.read_text("utf-8").splitlines())
    assert len(entries) == checked.entries == 4
    assert trail.head == vault.index.state.note.log_head == checked.head
    assert path.stat().st_mode & 0o777 == 0o600
    await forget_last(api, vault)
    with pytest.raises(ActivityAltered):
        await vault.activity.export(tmp_path / "worse.jsonl")
    assert files_in(tmp_path) == {"activity.jsonl"}


async def test_another_trail_is_not_shown_for_the_one_that_was_signed(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as the signed one, whole in itself, and without what somebody wants hidden."""
    await vault.put([file_in(tmp_path, "one.txt", b"Hb 13.9")])
    previous, forged = None, list[str]()
    for entry in (await vault.activity.latest(1000))[::-1]:
        body = json.loads(entry.line) | {"previous": previous, "address": "203.0.113.9"}
        forged.append(json.dumps(body))
        previous = read_entry(forged[-1]).hash

    async def lying(transport: object, trail: Trail, limit: int) -> list[ActivityEntry]:
        return trail.take_last(forged[-limit:])[::-1]

    monkeypatch.setattr(client_activity, "newest", lying)
    for limit in (1, 1000):
        with pytest.raises(ActivityAltered):
            await vault.activity.latest(limit)
