"""An edit that was committed and whose change of the index was lost: the same line goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from hygieia.client import Vault
from hygieia.vault.report_entry import ReportEntry
from tests.unit.client.conftest import Person
from tests.unit.client.delegating import opened_again
from tests.unit.client.people import index_lost, stored, two_who_share


async def edit_and_lose(
    owner: Vault, entry: ReportEntry, monkeypatch: pytest.MonkeyPatch, category: str | None = None
) -> None:
    """Commit the title "Blood count" and lose the change of the index."""
    with index_lost(monkeypatch):
        await owner.edit(entry, title="Blood count", category=category)


async def test_the_index_follows_and_no_revision_is_added(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await person("Ana")
    entry = await stored(ana, tmp_path)
    await edit_and_lose(ana, entry, monkeypatch, category="lab")
    assert ana.find(entry.id).title == entry.title
    again = await ana.edit(ana.find(entry.id), title="Blood count", category="lab")
    listed = ana.find(entry.id)
    assert (again.title, again.revision) == ("Blood count", entry.revision + 1)
    assert listed == again
    assert await ana.edit(listed, title="Blood count") == listed


async def test_a_device_that_opens_the_vault_anew_says_the_same_line_again(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await person("Ana")
    entry = await stored(ana, tmp_path)
    await edit_and_lose(ana, entry, monkeypatch)
    await opened_again(ana)
    listed = ana.find(entry.id)
    assert listed.title == "Blood count"
    assert await ana.edit(listed, title="Blood count") == listed


async def test_another_title_is_a_revision_of_its_own(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await person("Ana")
    entry = await stored(ana, tmp_path)
    await edit_and_lose(ana, entry, monkeypatch)
    again = await ana.edit(ana.find(entry.id), title="Blood count, March")
    assert again.revision == entry.revision + 2
    assert ana.find(entry.id) == again


async def test_who_reads_it_stays_entered(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, _, entry = await two_who_share(person, tmp_path)
    before = await ana.index.readers(entry.id)
    await edit_and_lose(ana, entry, monkeypatch)
    await ana.edit(ana.find(entry.id), title="Blood count")
    assert (await ana.index.readers(entry.id)).readers == before.readers
