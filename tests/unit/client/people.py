"""People with vaults of their own who meet, share and read."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from hygieia.client import Vault
from hygieia.client.index_sync import IndexSync
from hygieia.client.received import Standing
from hygieia.vault.people import Contact
from hygieia.vault.report_entry import ReportEntry
from tests.unit.client.vaults import file_in

CONTENT = b"Hb 13.9 g/dl"


async def meet(one: Vault, other: Vault) -> None:
    """Both pin each other and compare the number."""
    for here, there in ((one, other), (other, one)):
        seen = await here.contacts.look_up(there.session.profile.email)
        number = await here.contacts.safety_number(seen)
        await here.contacts.verify(seen.contact.email, number)


async def two_who_share(
    person: Callable[[str], Awaitable[Vault]], folder: Path
) -> tuple[Vault, Vault, ReportEntry]:
    """Ana and Boris, who have met, and a report of hers that she shared with him."""
    ana, boris = await person("Ana"), await person("Boris")
    await meet(ana, boris)
    return ana, boris, await share(ana, await stored(ana, folder), boris)


async def stored(vault: Vault, tmp_path: Path, content: bytes = CONTENT) -> ReportEntry:
    [entry] = await vault.put([file_in(tmp_path, f"{content[:4].hex()}.txt", content)])
    return entry


def contact_of(vault: Vault, other: Vault) -> Contact:
    """The contact as ``vault`` knows it."""
    email = other.session.profile.email
    return next(each for each in vault.contacts.list() if each.email == email)


async def share(vault: Vault, entry: ReportEntry, *others: Vault) -> ReportEntry:
    contacts = [(await vault.contacts.look_up(o.session.profile.email)).contact for o in others]
    [done] = await vault.sharing.share([entry], contacts)
    return done.entry


async def unshare(vault: Vault, entry: ReportEntry, other: Vault) -> ReportEntry:
    [done] = await vault.sharing.unshare([vault.find(entry.id)], contact_of(vault, other))
    return done.entry


@contextlib.contextmanager
def index_lost(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is done inside ends, as by a kill, before its change of the index is made."""

    async def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(IndexSync, "change", crash)
        with pytest.raises(KeyboardInterrupt):
            yield


async def content_of(vault: Vault, entry: ReportEntry, tmp_path: Path) -> bytes:
    report = await vault.read(entry)
    path = await vault.get(report, tmp_path / f"copy-{vault.session.profile.name}")
    return path.read_bytes()


async def received(vault: Vault) -> ReportEntry:
    [one] = await vault.inbox.look()
    assert one.standing is Standing.ACCEPTED, one
    assert one.entry is not None
    return one.entry
