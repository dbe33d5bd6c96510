"""The index against a real server: second devices, lost answers, crashes, roll-backs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.batches import BatchSender
from hygieia.client.commits import NewRoot, commit_reports, end_upload, start_upload
from hygieia.client.index_repair import repair
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.client.state import IndexFloor, ProfileStore
from hygieia.client.transport import Answer, Transport
from hygieia.client.vault import create_account
from hygieia.domain import changes
from hygieia.errors import BlockMissing, Fork, NoteRefused, Rollback
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID
from hygieia.ipld.ipns import parse_record
from hygieia.openpgp.keys import UnlockedKey, generate_key
from hygieia.openpgp.times import format_time, now
from hygieia.vault.index import Purge, Purged, PutReport
from hygieia.vault.report_build import BuiltReport, seal_report
from hygieia.vault.report_meta import Draft
from tests.factories.servers import running_api, settings_in
from tests.unit.vault.factories import ANY_CID, entry

PASSWORD = "correct horse battery staple"


@dataclass
class Home:
    """One account on one server, seen from its first device."""

    url: str
    session: Session
    reader: GatewayReader
    folder: Path

    async def device(self) -> IndexSync:
        return await IndexSync.open(self.session, self.reader)

    async def commit(self, built: BuiltReport) -> None:
        """What an upload does before it comes to the index."""
        transport = self.session.transport
        upload = await start_upload(transport)
        sender = BatchSender(transport, upload)
        await sender.add(built.blocks)
        await sender.flush()
        await commit_reports(transport, upload, [NewRoot(built.meta.id, str(built.root.cid))])


@contextlib.asynccontextmanager
async def home_in(folder: Path) -> AsyncIterator[Home]:
    async with running_api(settings_in(folder)) as api:
        store = ProfileStore(folder / "home", "default")
        async with Transport(api.url) as transport, GatewayReader([api.url]) as reader:
            made = await create_account(
                store, transport, email="ana@example.org", name="Ana", password=PASSWORD
            )
            yield Home(api.url, made.session, reader, folder)


def built_by(
    key: UnlockedKey,
    owner: UnlockedKey | None = None,
    content: bytes = b"x",
    created: datetime | None = None,
) -> BuiltReport:
    owner_id = (owner or key).key_id
    draft = Draft("Befund", "befund.txt", "text/plain", owner_id, key.key_id, owner_id)
    certificates = [key.certificate, (owner or key).certificate]
    made = format_time(created or now())
    return seal_report(draft, content, certificates, key=key, created=made)


@dataclass
class Without:
    """A source that lacks one block."""

    reader: GatewayReader
    missing: CID

    async def get(self, cid: CID) -> Block:
        if cid == self.missing:
            raise BlockMissing("A block is in none of the stores asked.", missing=[str(cid)])
        return await self.reader.get(cid)


@pytest.fixture(autouse=True)
def told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As though every change were older than what the server's cursors stay behind."""
    end_cursor = changes._end_cursor
    monkeypatch.setattr(
        changes, "_end_cursor", lambda items, after, _: end_cursor(items, after, "~")
    )


async def test_a_change_is_there_for_the_next_device_and_named_by_ipns(tmp_path: Path) -> None:
    async with home_in(tmp_path) as home:
        first = await home.device()
        put = PutReport(entry())
        await first.change([put])
        second = await home.device()
        assert [found.id for found in second.state.reports()] == [put.entry.id]
        name = home.session.profile.ipns_name
        found = await home.reader.get_record(name)
        record = parse_record(name, found.data, now())
        assert record.value == f"/ipfs/{second.state.root}"
        assert record.sequence == second.state.sequence


async def test_two_devices_race_and_both_changes_are_kept(tmp_path: Path) -> None:
    async with home_in(tmp_path) as home:
        devices = [await home.device() for _ in range(3)]
        puts = [PutReport(entry()) for _ in devices]
        await asyncio.gather(
            *(device.change([put]) for device, put in zip(devices, puts, strict=True))
        )
        last = await home.device()
        assert {found.id for found in last.state.reports()} == {put.entry.id for put in puts}
        assert last.state.sequence == 1 + len(puts)


async def test_a_batch_renews_the_index_once(tmp_path: Path) -> None:
    async with home_in(tmp_path) as home:
        device = await home.device()
        await device.change([PutReport(entry()) for _ in range(300)])
        assert device.state.sequence == 2
        assert await device.change([]) is device.state


async def test_an_upload_that_ended_meanwhile_stops_no_change(tmp_path: Path) -> None:
    async with home_in(tmp_path) as home:
        device = await home.device()
        upload = await start_upload(home.session.transport)
        await end_upload(home.session.transport, upload)
        put = PutReport(entry())
        await device.change([put], upload)
        later = await home.device()
        assert [found.id for found in later.state.reports()] == [put.entry.id]


class Forgetful(Transport):
    """The answer to the first change of the index is lost on its way."""

    lost = False

    async def call(self, method: str, path: str, **options: Any) -> Answer:  # noqa: ANN401  (whatever JSON or arguments it is)
        answer = await super().call(method, path, **options)
        if (method, path) == ("PUT", "/index") and not self.lost:
            self.lost = True
            return await super().call(method, path, **options)
        return answer


async def test_a_lost_answer_is_no_conflict(tmp_path: Path) -> None:
    async with home_in(tmp_path) as home, Forgetful(home.url) as transport:
        transport.token = home.session.transport.token
        device = await IndexSync.open(replace(home.session, transport=transport), home.reader)
        await device.change([PutReport(entry())])
        assert transport.lost
        assert device.state.sequence == 2


async def test_a_lower_index_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    """MS-22."""
    async with home_in(tmp_path) as home:
        home.session.store.raise_floor(IndexFloor(99, ANY_CID))
        with pytest.raises(Rollback):
            await home.device()


async def test_a_sibling_index_is_refused(tmp_path: Path) -> None:
    async with home_in(tmp_path) as home:
        profile = home.session.store.load()
        assert profile is not None
        assert profile.index_floor is not None
        other = replace(profile.index_floor, root=ANY_CID)
        home.session.store.save(replace(profile, index_floor=other))
        with pytest.raises(Fork):
            await home.device()


async def test_after_a_confirmed_restore_the_next_index_goes_above(tmp_path: Path) -> None:
    async with home_in(tmp_path) as home:
        home.session.store.raise_floor(IndexFloor(99, ANY_CID))
        device = await IndexSync.open(home.session, home.reader, restored=True)
        await device.change([PutReport(entry())])
        assert device.state.sequence == 100
        assert (await home.device()).state.sequence == 100


async def test_a_new_session_key_keeps_everything(tmp_path: Path) -> None:
    async with home_in(tmp_path) as home:
        device = await home.device()
        puts = [PutReport(entry()) for _ in range(40)]
        await device.change(puts)
        before = device.state
        await device.rotate()
        after = await home.device()
        assert list(after.state.reports()) == list(before.reports())
        assert after.state.header.cid != before.header.cid


class TestRepair:
    async def test_what_was_committed_but_not_entered_is_entered(self, tmp_path: Path) -> None:
        async with home_in(tmp_path) as home:
            built = built_by(home.session.key)
            await home.commit(built)
            device = await home.device()
            done = await repair(device)
            assert [found.id for found in done.entered] == [built.meta.id]
            assert device.state.report(built.meta.id) == built.entry
            assert device.state.note.cursor is not None
            sequence = device.state.sequence
            assert (await repair(device)).entered == []
            assert device.state.sequence == sequence, "nothing to do writes nothing"

    async def test_what_a_block_lacked_for_is_entered_once_it_is_back(self, tmp_path: Path) -> None:
        """Though a look between had others to enter, and the list names it only once."""
        async with home_in(tmp_path) as home:
            lacking, whole = built_by(home.session.key), built_by(home.session.key, content=b"y")
            for each in (lacking, whole):
                await home.commit(each)
            device = await home.device()
            device.source = Without(home.reader, lacking.root.cid)
            done = await repair(device)
            assert [found.id for found in done.entered] == [whole.meta.id]
            assert [type(each.error) for each in done.refused] == [BlockMissing]
            device.source = home.reader
            done = await repair(device)
            assert [found.id for found in done.entered] == [lacking.meta.id]

    async def test_what_another_clock_signed_is_entered_once_its_time_is_here(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with home_in(tmp_path) as home:
            early = built_by(home.session.key, created=now() + timedelta(minutes=11))
            for each in (early, built_by(home.session.key, content=b"y")):
                await home.commit(each)
            device = await home.device()
            [refused] = (await repair(device)).refused
            assert (refused.report, refused.error.code) == (early.meta.id, "note-refused")
            assert "clock" in str(refused.error)
            later = now() + timedelta(minutes=2)
            monkeypatch.setattr("hygieia.openpgp.notes.current_time", lambda: later)
            assert [found.id for found in (await repair(device)).entered] == [early.meta.id]

    async def test_what_is_refused_for_good_is_read_once(self, tmp_path: Path) -> None:
        async with home_in(tmp_path) as home:
            older, other = built_by(home.session.key), built_by(home.session.key, content=b"y")
            for each in (older, other):
                await home.commit(each)
            device = await home.device()
            await device.change([PutReport(replace(older.entry, revision=2, cid=ANY_CID))])
            done = await repair(device)
            assert [found.id for found in done.entered] == [other.meta.id]
            assert [type(each.error) for each in done.refused] == [Rollback]
            assert (await repair(device)).refused == []

    async def test_a_strangers_report_stays_out_and_is_named(self, tmp_path: Path) -> None:
        """MS-18."""
        async with home_in(tmp_path) as home:
            stranger = generate_key("Eve", "eve@example.org")
            built = built_by(stranger, owner=home.session.key)
            with contextlib.suppress(Exception):
                await home.commit(built)
            device = await home.device()
            done = await repair(device)
            assert list(device.state.reports()) == []
            assert all(isinstance(each.error, NoteRefused) for each in done.refused)

    async def test_trash_and_purge_on_another_device_are_followed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with home_in(tmp_path) as home:
            built = built_by(home.session.key)
            await home.commit(built)
            device = await home.device()
            await repair(device)
            path = f"/reports/{built.meta.id}"
            await home.session.transport.call("DELETE", path)
            await repair(device)
            assert device.state.report(built.meta.id).deleted is not None
            await home.session.transport.call("DELETE", f"{path}/purge")
            await repair(device)
            # The server's word alone empties no trash: the index counts its own days.
            assert device.state.report(built.meta.id).deleted is not None
            later = datetime.now(UTC) + timedelta(days=30)
            monkeypatch.setattr("hygieia.client.index_repair.now", lambda: later)
            await repair(device)
            assert device.state.find(built.meta.id) == Purged(built.meta.id)

    async def test_a_purged_report_is_not_brought_back(self, tmp_path: Path) -> None:
        async with home_in(tmp_path) as home:
            built = built_by(home.session.key)
            await home.commit(built)
            device = await home.device()
            await device.change([PutReport(built.entry), Purge(built.meta.id)])
            await repair(device)
            assert device.state.find(built.meta.id) == Purged(built.meta.id)

    async def test_a_server_that_shows_an_older_root_is_not_followed(self, tmp_path: Path) -> None:
        """MS-14: the index knows revision 2."""
        async with home_in(tmp_path) as home:
            built = built_by(home.session.key)
            await home.commit(built)
            device = await home.device()
            newer = replace(built.entry, revision=2, cid=ANY_CID)
            await device.change([PutReport(newer)])
            done = await repair(device)
            assert [type(each.error) for each in done.refused] == [Rollback]
            assert device.state.report(built.meta.id).revision == 2
