"""A put that was interrupted, and what it had stored changed before the same line is said again."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hygieia.client import Vault, stored_before
from hygieia.client.transport import Answer, Transport
from hygieia.vault.report_entry import ReportEntry
from tests.unit.client.conftest import Person
from tests.unit.client.delegating import email, opened_again, with_doctor_and_delegate
from tests.unit.client.people import index_lost, stored, unshare
from tests.unit.client.vaults import file_in

pytestmark = pytest.mark.timeout(300)

LONG = hashlib.shake_256(b"long").digest(5 << 20)


def folder_in(tmp_path: Path) -> Path:
    """A short file and a long one."""
    folder = tmp_path / "in"
    folder.mkdir()
    file_in(folder, "short.txt", b"Hb 13.9 g/dl")
    file_in(folder, "long.bin", LONG)
    return folder


async def nothing(ana: Vault, entry: ReportEntry, tmp_path: Path) -> None:
    """Beyond what Ana's client does by itself: it lets her delegate read the report."""


async def edit(ana: Vault, entry: ReportEntry, tmp_path: Path) -> None:
    await ana.edit(entry, title="From Dr. Boris")


async def update(ana: Vault, entry: ReportEntry, tmp_path: Path) -> None:
    await ana.update(entry, file_in(tmp_path, "newer.txt", b"Hb 14.2 g/dl"))


async def rekey(ana: Vault, entry: ReportEntry, tmp_path: Path) -> None:
    await ana.rekeying.rekey(entry)


async def cut_short(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Vault, Vault, Path]:
    """Ana has what Boris was storing for her from a folder when his command ended."""
    ana, boris, _, _ = await with_doctor_and_delegate(person)
    folder = folder_in(tmp_path)
    with index_lost(monkeypatch):
        await boris.put([folder], owner=email(ana))
    await opened_again(ana)
    return ana, boris, folder


@pytest.mark.parametrize("change", [nothing, edit, update, rekey])
async def test_what_its_owner_changed_since_is_not_stored_for_her_again(
    change: Callable[[Vault, ReportEntry, Path], Awaitable[None]],
    person: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ana, boris, folder = await cut_short(person, tmp_path, monkeypatch)
    before = ana.list().reports
    for entry in before:
        await change(ana, entry, tmp_path)
    again = await boris.put([folder], owner=email(ana))
    assert {each.id for each in again} == {each.id for each in before}
    await opened_again(ana)
    assert len(ana.list().reports) == 2
    for entry in again:
        hers = ana.find(entry.id)
        assert (entry.cid, entry.revision) == (hers.cid, hers.revision)
        assert boris.find(entry.id) == entry
        assert (await boris.read(entry)).meta == (await ana.read(hers)).meta
    assert len(await boris.put([folder], owner=email(ana))) == 2
    await opened_again(ana)
    assert len(ana.list().reports) == 4, "another put is another: it knows nothing of her vault"


async def test_what_is_changed_while_its_commit_is_asked_for_again_is_there(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris, _, _ = await with_doctor_and_delegate(person)
    call = Transport.call

    async def again(self: Transport, method: str, url: str, **named: Any) -> Answer:  # noqa: ANN401  (whatever JSON or arguments it is)
        answer = await call(self, method, url, **named)
        if self is boris.session.transport and (method, url) == ("POST", "/reports"):
            await opened_again(ana)
            named["idempotency_key"] += "-forgotten"
            return await call(self, method, url, **named)
        return answer

    monkeypatch.setattr(Transport, "call", again)
    stored_now = await boris.put([folder_in(tmp_path)], owner=email(ana))
    hers = ana.list().reports
    assert {each.id: each.cid for each in stored_now} == {each.id: each.cid for each in hers}
    assert [boris.find(each.id) for each in stored_now] == list(stored_now)


async def test_what_its_owner_shows_no_more_is_stored_for_her_again(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To who may not see it, it looks like what never came: a second copy harms less than none."""
    ana, boris, folder = await cut_short(person, tmp_path, monkeypatch)
    before = ana.list().reports
    for entry in before:
        await unshare(ana, entry, boris)
    again = await boris.put([folder], owner=email(ana))
    assert len(again) == 2
    assert not {each.id for each in again} & {each.id for each in before}
    await opened_again(ana)
    assert len(ana.list().reports) == 4


async def test_what_one_edited_since_is_not_stored_again(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await person("Ana")
    folder = folder_in(tmp_path)
    with index_lost(monkeypatch):
        await ana.put([folder], again=True)
    await opened_again(ana)
    known, behind = ana.list().reports
    known = await ana.edit(known, title="Blood count")
    with index_lost(monkeypatch):
        await ana.edit(behind, title="Ultrasound")
    again = await ana.put([folder], again=True)
    assert {each.id: each.title for each in again} == {
        known.id: "Blood count",
        behind.id: "Ultrasound",
    }
    assert {each.id: each.cid for each in ana.list().reports} == {e.id: e.cid for e in again}


async def test_what_is_another_report_is_no_proof_that_it_was_stored(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await person("Ana")
    other = await stored(ana, tmp_path, b"another")
    folder = folder_in(tmp_path)
    with index_lost(monkeypatch):
        await ana.put([folder], again=True)

    async def lies(*_: object) -> str:
        return other.cid

    with monkeypatch.context() as patched:
        patched.setattr(stored_before, "committed_root", lies)
        again = await ana.put([folder], again=True)
    assert other.id not in {each.id for each in again}
    for entry in again:
        content = (folder / entry.file_name).read_bytes()
        assert (await ana.read(entry)).meta.sha256 == hashlib.sha256(content).hexdigest()
