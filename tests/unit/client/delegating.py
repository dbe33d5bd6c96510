"""What tests of delegations between people share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from hygieia.client import Labels, Vault
from hygieia.client.delegation_inbox import TakenIn
from hygieia.client.index_repair import repair
from hygieia.client.messages import Messages
from hygieia.client.welcome import remember_stored, welcome
from hygieia.vault.delegation import Delegation, Right, Scope
from hygieia.vault.report_entry import ReportEntry
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


async def with_doctor_and_delegate(
    person: Callable[[str], Awaitable[Vault]],
) -> tuple[Vault, Vault, Vault, Delegation]:
    """Ana; Boris, who may store for her; Cleo, who may read; and Cleo's delegation."""
    ana, boris, cleo = [await person(name) for name in ("Ana", "Boris", "Cleo")]
    await meet(ana, boris)
    await meet(ana, cleo)
    reads = await give(ana, cleo)
    await give(ana, boris, rights=frozenset({Right.UPLOAD}))
    await opened_again(boris)
    return ana, boris, cleo, reads


async def opened_again(vault: Vault) -> None:
    """What the next opening of the vault does."""
    await vault.index.refresh()
    remember = partial(remember_stored, vault.session, vault.index)
    repaired = await repair(vault.index, remember)
    await welcome(vault.session, vault.index, vault.reader, repaired.entered)


async def allowed(vault: Vault) -> dict[str, str]:
    """Until when who may store, as the server has it."""
    listed = (await vault.session.transport.call("GET", "/uploaders")).document
    return {each["key"]: each["expires"] for each in listed["items"]}


async def asked(vault: Vault) -> TakenIn:
    """A look into the inbox."""
    return await vault.delegation_inbox.take_in()


async def send(sender: Vault, note: bytes, to: Vault, kind: str = "delegation") -> None:
    """Whatever anybody sends to an inbox."""
    people = [sender.session.key.certificate, to.session.key.certificate]
    await Messages(sender.session, sender.reader).post(note, people, [email(to)], kind)
