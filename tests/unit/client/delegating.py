"""What tests of delegations between people share."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from hygieia.client import Labels, Vault
from hygieia.client.delegation_inbox import TakenIn
from hygieia.client.index_repair import repair
from hygieia.client.messages import Messages
from hygieia.client.welcome import welcome
from hygieia.openpgp.times import format_time, now
from hygieia.vault import words
from hygieia.vault.delegation import Delegation, Right, Scope, sign_delegation
from hygieia.vault.report_entry import ReportEntry
from tests.unit.client.conftest import Person
from tests.unit.client.people import meet
from tests.unit.client.vaults import file_in

READ = frozenset({Right.READ})
EVERYTHING = frozenset(Right)
CARDIOLOGY = Scope(categories=frozenset({"cardiology"}))


def email(vault: Vault) -> str:
    return vault.session.profile.email


def key(vault: Vault) -> str:
    return vault.session.key.key_id


async def give(
    giver: Vault, to: Vault, scope: Scope | None = None, rights: frozenset[Right] = READ
) -> Delegation:
    return await giver.delegations.give(email(to), scope or Scope(), rights)


async def put(vault: Vault, folder: Path, name: str, **labels: Any) -> ReportEntry:  # noqa: ANN401  (fields of Labels)
    path = file_in(folder, f"{name}.txt", name.encode())
    owner = labels.pop("owner", None)
    [entry] = await vault.put([path], Labels(**labels), owner=owner)
    return entry


async def readers(vault: Vault, entry: ReportEntry) -> dict[str, str | None]:
    """Who reads a report besides its owner, and by which delegation, as the index says."""
    listed = await vault.index.readers(entry.id)
    return {each.key: each.delegation for each in listed.readers}


async def opened_again(vault: Vault) -> None:
    """What the next opening of the vault does."""
    await vault.index.refresh()
    repaired = await repair(vault.index)
    await welcome(vault.session, vault.index, vault.reader, repaired.entered)


async def asked(vault: Vault) -> TakenIn:
    """A look into the inbox."""
    return await vault.delegation_inbox.take_in()


async def send(sender: Vault, note: bytes, to: Vault, kind: str = "delegation") -> None:
    """Whatever anybody sends to an inbox."""
    people = [sender.session.key.certificate, to.session.key.certificate]
    await Messages(sender.session, sender.reader).post(note, people, [email(to)], kind)


async def test_a_delegation_that_its_giver_did_not_sign_is_refused(person: Person) -> None:
    ana, boris, eve = [await person(name) for name in ("Ana", "Boris", "Eve")]
    await meet(ana, boris)
    ghost = Delegation(
        words.make_id(),
        key(boris),
        key(ana),
        Scope(),
        EVERYTHING,
        format_time(now()),
        format_time(now() + timedelta(days=9)),
    )
    await send(eve, sign_delegation(eve.session.key, ghost), ana)
    done = await asked(ana)
    assert [error.code for _, error in done.refused] == ["delegation-refused"]
    assert list(ana.index.state.delegations()) == []
