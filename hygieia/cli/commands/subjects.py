"""``hygieia subjects``: people without an account whose records are kept here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import GlobalOptions, LazyGroup, pass_invocation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hygieia.cli.invocation import Invocation
    from hygieia.client.sdk import Vault
    from hygieia.vault.subjects import Subject


@click.group("subjects", cls=LazyGroup, invoke_without_command=True)
@pass_invocation
def subjects(invocation: Invocation) -> None:
    """List whose records you keep: yours, and those of people without an account.

    Their names are your own and stand, encrypted, in your vault's index. In a record stands only
    the random ID. Use the name with put --subject and ls --subject.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.cli.text import table

    async def work() -> list[dict[str, Any]]:
        async with opened_vault(invocation) as vault:
            profile = vault.session.profile
            me = {"id": profile.key_id, "name": profile.name, "me": True}
            return [me, *({"id": each.id, "name": each.name} for each in vault.subjects)]

    found = run(work())

    def human() -> str:
        rows = [
            (str(each["name"]), "you" if "me" in each else "", str(each["id"])) for each in found
        ]
        return table(("NAME", "", "ID"), rows)

    invocation.result({"subjects": found}, human)


@subjects.command("add", cls=GlobalOptions, short_help="Enter somebody without an account.")
@click.argument("name")
@pass_invocation
def add(invocation: Invocation, name: str) -> None:
    """Enter somebody without an account, by NAME."""
    _change(invocation, lambda vault: vault.add_subject(name))


@subjects.command("rename", cls=GlobalOptions, short_help="Give somebody another name.")
@click.argument("who")
@click.argument("name")
@pass_invocation
def rename(invocation: Invocation, who: str, name: str) -> None:
    """Call WHO, a name or an ID, NAME from now on. The records stay as they were signed."""
    _change(invocation, lambda vault: vault.rename_subject(who, name))


def _change(invocation: Invocation, change: Callable[[Vault], Awaitable[Subject]]) -> None:
    from hygieia.cli.sessions import opened_vault, run

    async def work() -> Subject:
        async with opened_vault(invocation) as vault:
            return await change(vault)

    made = run(work())
    invocation.result({"subjects": [{"id": made.id, "name": made.name}]}, made.id)
