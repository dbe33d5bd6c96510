"""``hygieia log``: who did what in the account, from where, and whether the trail hangs together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.client.activity import CheckedTrail
    from hygieia.client.sdk import Vault
    from hygieia.vault.activity import ActivityEntry


@command("log")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many."
)
@click.option("--verify", is_flag=True, help="Check all of it, from the first entry.")
@click.option(
    "--export",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Check all of it and write it to FILE, an entry a line.",
)
@click.option(
    "--accept", is_flag=True, help="After the server was set up from a backup: hold it to this."
)
def log(
    invocation: Invocation, *, limit: int, verify: bool, target: Path | None, accept: bool
) -> None:
    """Show who signed in, fetched, shared and changed what in your account, newest first.

    Your vault signs the end of this trail with every change you make: the server cannot change or
    leave out what came before without being caught here. It tells what your server was asked in a
    session. Whoever takes encrypted blocks from a gateway leaves no trace.
    """
    if sum((verify, target is not None, accept)) > 1:
        raise click.UsageError("Choose one of --verify, --export and --accept.")
    from hygieia.cli.sessions import opened_vault, run

    async def work() -> None:
        async with opened_vault(invocation) as vault:
            if target is not None:
                checked, path = await vault.activity.export(target)
                _say_checked(invocation, checked, f"Written to {path}.")
            elif accept:
                checked = await vault.activity.accept()
                _say_checked(invocation, checked, "From now on the server is held to this.")
            elif verify:
                _say_checked(invocation, await vault.activity.verify())
            else:
                _show(invocation, vault, await vault.activity.latest(limit))

    run(work())


def _say_checked(invocation: Invocation, checked: CheckedTrail, done: str = "") -> None:
    signed = (
        f"Your vault has signed it up to number {checked.anchored}."
        if checked.anchored is not None
        else "Your vault has not signed it yet; it does with its next change."
    )
    said = f"{checked.entries} entries, none changed and none missing. {signed} {done}"
    document = {"entries": checked.entries, "anchored": checked.anchored, "head": checked.head}
    invocation.result(document, said.strip())


def _show(invocation: Invocation, vault: Vault, entries: Sequence[ActivityEntry]) -> None:
    people = _Names(vault)
    document = {
        "entries": [
            {
                "number": entry.number,
                "time": entry.time,
                "event": entry.event,
                "by": None if entry.by is None else people.of(entry.by),
                "reports": list(entry.reports),
                "people": [people.of(key) for key in entry.people],
                "more": entry.more,
                "address": entry.address,
                "device": entry.device,
                "hash": entry.hash,
            }
            for entry in entries
        ]
    }
    invocation.result(document, lambda: _table(vault, people, entries))


def _table(vault: Vault, people: _Names, entries: Sequence[ActivityEntry]) -> str:
    from hygieia.cli.text import table

    rows = [
        (
            entry.time.replace("T", " ").rstrip("Z"),
            entry.event,
            people.word(entry.by) if entry.by is not None else "",
            _what(vault, people, entry),
            " ".join(filter(None, (entry.address, entry.device))),
        )
        for entry in entries
    ]
    return table(("TIME (UTC)", "EVENT", "BY", "WHAT", "FROM"), rows) if rows else ""


def _what(vault: Vault, people: _Names, entry: ActivityEntry) -> str:
    from hygieia.vault.report_entry import ReportEntry

    words: list[str] = []
    if entry.reports:
        known = vault.index.state.find(entry.reports[0])
        words.append(known.title if isinstance(known, ReportEntry) else entry.reports[0][:8])
    if len(entry.reports) > 1:
        words.append(f"and {len(entry.reports) - 1} more")
    names = [people.word(key) for key in entry.people[:3]]
    rest = len(entry.people) + entry.more - len(names)
    if names:
        words.append(f"({', '.join(names)}{f' and {rest} more' if rest else ''})")
    return " ".join(words)


class _Names:
    """Whose a key is, as far as this vault knows."""

    def __init__(self, vault: Vault) -> None:
        state = vault.index.state
        self._people = state.people(vault.session.key.certificate)
        self._emails = {contact.key: contact.email for contact in state.contacts()}
        self._own = vault.session.profile.email

    def of(self, key: str) -> dict[str, Any]:
        """For ``--json``."""
        return {"key": key, "email": self._email(key), "me": self._people.is_me(key)}

    def word(self, key: str) -> str:
        """For people: "you", an email, or the beginning of a key that nobody here knows."""
        if self._people.is_me(key):
            return "you"
        return self._email(key) or f"unknown {key[:8]}"

    def _email(self, key: str) -> str | None:
        if self._people.is_me(key):
            return self._own
        return self._emails.get(self._people.person(key))
