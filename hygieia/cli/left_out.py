"""Says who does not go on reading a report under its new session key (docs/spec/19 §1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from hygieia.cli.invocation import Invocation
    from hygieia.client.sdk import Vault
    from hygieia.vault.sharing import LeftOut, NextReaders

_WORDS: Final = {
    "removed": "was taken off it by you. If somebody shared it with them again and you agree: "
    "hygieia share",
    "stranger": "is not among your contacts. To share with them again, find them by email: "
    "hygieia contacts show EMAIL",
    "changed": "has a new key that you have not compared: hygieia contacts show {email}",
    "unusable": "has a key that is revoked or expired.",
}


def describe_left_out(going_on: NextReaders) -> dict[str, Any]:
    """What ``--json`` says of it."""
    left_out = [
        {"key": each.key, "email": _email(each), "why": str(each.why)} for each in going_on.left_out
    ]
    return {"left_out": left_out, "unnamed": going_on.unnamed}


def warn_of_left_out(invocation: Invocation, report: str, going_on: NextReaders) -> None:
    """Name each reader of ``report`` who was left out, and what can be done."""
    from hygieia.cli.text import printable

    for each in going_on.left_out:
        who = printable(_email(each) or f"the key {each.key[:16]}…")
        words = _WORDS[each.why].format(email=who)
        invocation.warn(f"{report[:8]} is no longer read by {who}, who {words}")
    if going_on.unnamed:
        invocation.warn(
            f"{report[:8]}: {going_on.unnamed} recipient(s) that nobody you know had noted were left out."
        )


def warn_of_taken_off(vault: Vault, warn: Callable[[str], object]) -> None:
    """Name who is off a report of the user's without her index having said so (16.4)."""
    from hygieia.cli.text import printable

    emails = {each.key: each.email for each in vault.contacts.list()}
    for each in vault.index.taken_off:
        who = [printable(emails.get(key, f"the key {key[:16]}…")) for key in each.readers]
        if each.unnamed:
            who.append(f"{each.unnamed} whom nobody you know had noted")
        warn(
            f"{each.report[:8]} is no longer read by {', '.join(who)}. If it was not you who took "
            "them off, the server did: share it with them again with hygieia share."
        )


def _email(left_out: LeftOut) -> str | None:
    return None if left_out.contact is None else left_out.contact.email
