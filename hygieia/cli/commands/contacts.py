"""``hygieia contacts``: the people you share with, and whether a key is really theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import GlobalOptions, LazyGroup, pass_invocation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hygieia.cli.invocation import Invocation
    from hygieia.client.sdk import Vault
    from hygieia.vault.people import Contact

_CHANGED = (
    "{email} has a new key. This is often just a new phone or a reset after a lost password. It can "
    "also mean that someone is pretending to be them. Sharing with them is paused until you decide: "
    "call a number you already know, compare the number above, then: hygieia contacts accept {email}"
)
_UNVERIFIED = (
    "Call a number you already know, or meet. Ask for the number on their screen: all 8 groups must "
    "match. Then, with what they read to you: hygieia contacts verify {email} "
    '--number "…the 8 groups they read…"'
)


@click.group("contacts", cls=LazyGroup, invoke_without_command=True)
@pass_invocation
def contacts(invocation: Invocation) -> None:
    """List the people you share with; show, verify or accept one.

    A contact's key is remembered in your vault when you first meet. Compare the safety number once,
    by voice or face to face, and the contact is verified. If a server ever shows another key, the
    contact is "changed", and nothing is shared until you decide.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.cli.text import table

    async def work() -> list[Contact]:
        async with opened_vault(invocation) as vault:
            return list(vault.contacts.list())

    found = run(work())

    def human() -> str:
        rows = [(each.name, each.email, str(each.state)) for each in found]
        return table(("NAME", "EMAIL", "STATE"), rows) if rows else ""

    invocation.result({"contacts": [_describe(each) for each in found]}, human)
    if not found:
        invocation.message(
            "You know nobody here yet. To find somebody: hygieia contacts show EMAIL"
        )


@contacts.command("show", cls=GlobalOptions, short_help="Find somebody; show the safety number.")
@click.argument("email")
@click.option("--qr", is_flag=True, help="Show it as a QR code too, for their camera.")
@pass_invocation
def show(invocation: Invocation, email: str, *, qr: bool) -> None:
    """Find EMAIL at your server and show the number to compare with them.

    The QR code holds both keys: if the camera on their screen finds it right, so is the number.
    """
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.cli.text import printable

    async def work() -> dict[str, Any]:
        async with opened_vault(invocation) as vault:
            seen = await vault.contacts.look_up(email)
            number = await vault.contacts.safety_number(seen)
            return _describe(seen.contact) | {
                "key": seen.number_key,
                "safety_number": number,
                "qr": vault.contacts.safety_code(seen),
            }

    found = run(work())
    name = printable(f"{found['name']} <{found['email']}>".strip())
    human = f"{name}\n{found['state']}\n\n    {found['safety_number']}"
    invocation.result(found, human)
    if qr and not invocation.json:
        _show_qr(invocation, found["qr"])
    if found["state"] == "changed":
        invocation.warn(_CHANGED.format(email=found["email"]))
    elif found["state"] == "unverified":
        invocation.message(_UNVERIFIED.format(email=found["email"]))


def _show_qr(invocation: Invocation, code: str) -> None:
    import sys

    from hygieia.cli.qr import fits, qr_lines

    colour = invocation.settings.color and sys.stdout.isatty()
    lines = qr_lines(code, colour=colour)
    if fits(lines, colour=colour):
        click.echo("\n".join(lines))
    else:
        invocation.message("This terminal is too narrow for the QR code: compare the number.")


@contacts.command("verify", cls=GlobalOptions, short_help="Enter that the numbers match.")
@click.argument("email")
@click.option(
    "--number",
    required=True,
    help="The safety number that they read to you, or what their QR code holds.",
)
@pass_invocation
def verify(invocation: Invocation, email: str, number: str) -> None:
    """Enter that EMAIL read you this safety NUMBER and that it is the same as yours."""
    _change(invocation, lambda vault: vault.contacts.verify(email, number), "Verified")


@contacts.command("accept", cls=GlobalOptions, short_help="Take the new key of a contact.")
@click.argument("email")
@pass_invocation
def accept(invocation: Invocation, email: str) -> None:
    """Take the new key of EMAIL, once you have heard from them why it changed.

    It is unverified, and nothing is shared with it, until you compare the new safety number:
    hygieia contacts verify.
    """
    _change(invocation, lambda vault: vault.contacts.accept(email), "Accepted, not yet compared")


def _change(
    invocation: Invocation, change: Callable[[Vault], Awaitable[Contact]], said: str
) -> None:
    from hygieia.cli.sessions import opened_vault, run

    async def work() -> Contact:
        async with opened_vault(invocation) as vault:
            return await change(vault)

    contact = run(work())
    invocation.done(_describe(contact), f"{said}: {contact.email}.")


def _describe(contact: Contact) -> dict[str, Any]:
    return {
        "email": contact.email,
        "name": contact.name,
        "key": contact.key,
        "state": str(contact.state),
    }
