"""Who is taken off a report by hand stays off it, though a delegation of hers goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.client.conftest import Person
from tests.unit.client.delegating import give, key, opened_again, put, readers
from tests.unit.client.people import index_lost, meet, share, unshare
from tests.unit.client.vaults import file_in


@pytest.mark.parametrize("way", ["edit", "update", "re-key"])
async def test_no_later_session_key_is_hers(person: Person, tmp_path: Path, way: str) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    delegation = await give(ana, boris)
    entry = await put(ana, tmp_path, "scan")
    assert await readers(ana, entry) == {key(boris): delegation.id}
    await unshare(ana, entry, boris)
    for time in ("first", "second", "third"):
        entry = ana.find(entry.id)
        if way == "edit" or time == "third":
            entry = await ana.edit(entry, title=f"the {time} title")
        elif way == "update":
            await ana.update(entry, file_in(tmp_path, f"{time}.txt", time.encode()))
        else:
            await ana.rekeying.rekey(entry)
        assert await readers(ana, ana.find(entry.id)) == {}, time
    assert (await ana.index.readers(entry.id)).kept_out == (key(boris),)
    other = await put(ana, tmp_path, "another")
    assert await readers(ana, other) == {key(boris): delegation.id}, "of this one report only"


async def test_given_again_by_hand_she_reads_it_and_its_next_versions(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    await give(ana, boris)
    entry = await put(ana, tmp_path, "scan")
    await unshare(ana, entry, boris)
    entry = await ana.edit(ana.find(entry.id), title="another")
    await share(ana, entry, boris)
    assert (await ana.index.readers(entry.id)).kept_out == ()
    entry = await ana.edit(ana.find(entry.id), title="a third")
    assert set(await readers(ana, entry)) == {key(boris)}


async def test_past_reports_are_opened_without_those_she_was_taken_off(
    person: Person, tmp_path: Path
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    entry, other = await put(ana, tmp_path, "scan"), await put(ana, tmp_path, "another")
    await share(ana, entry, boris)
    await unshare(ana, entry, boris)
    await ana.edit(ana.find(entry.id), title="another")
    delegation = await give(ana, boris)
    await ana.delegates.apply([delegation.id])
    assert await readers(ana, ana.find(entry.id)) == {}
    assert await readers(ana, ana.find(other.id)) == {key(boris): delegation.id}


async def test_an_unshare_whose_index_never_followed_keeps_her_out_too(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    await give(ana, boris)
    entry = await put(ana, tmp_path, "scan")
    with index_lost(monkeypatch):
        await unshare(ana, entry, boris)
    await opened_again(ana)
    for title in ("one", "two"):
        entry = await ana.edit(ana.find(entry.id), title=title)
        assert await readers(ana, entry) == {}
