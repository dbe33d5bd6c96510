"""Says who is not given what is stored: readers under a new session key, delegates (spec 17, 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hygieia.cli.invocation import Invocation
    from hygieia.client.delegates import Applied
    from hygieia.client.sdk import Vault
    from hygieia.errors import HygieiaError
    from hygieia.vault.sharing import LeftOut, NextReaders

_WORDS: Final = {
    "removed": "was taken off it by you. If somebody shared it with them again and you agree: "
    "hygieia share",
    "stranger": "is not among your contacts. To share with them again, find them by email: "
    "hygieia contacts show EMAIL",
    "changed": "has a new key that you have not compared: hygieia contacts show {email}",
    "unusable": "has a key that is revoked or expired.",
    "unverified": "is not verified: hygieia contacts show {email}",
    "lapsed": "has no delegation for it any more. To give a new one: hygieia delegate {email}",
}


def describe_left_out(going_on: NextReaders) -> dict[str, Any]:
    """What ``--json`` says of it."""
    return {"left_out": describe_each(going_on.left_out), "unnamed": going_on.unnamed}


def describe_each(left_out: Iterable[LeftOut]) -> list[dict[str, str | None]]:
    """What ``--json`` says of people."""
    return [{"key": each.key, "email": _email(each), "why": str(each.why)} for each in left_out]


def warn_of_delegates(invocation: Invocation, left_out: Iterable[LeftOut]) -> None:
    """Name each delegate who was not given what was just stored."""
    for each in left_out:
        who, words = _said(each)
        invocation.warn(f"What you stored is not read by {who}, who {words}")


def describe_applied(applied: Applied) -> dict[str, Any]:
    """What ``--json`` says of past reports that could not be opened to all delegates."""
    return {
        "left_out": describe_each(applied.left_out),
        "failed": [
            {"id": report, "code": error.code, "message": str(error)}
            for report, error in applied.failed.items()
        ],
    }


def warn_of_applied(invocation: Invocation, applied: Applied) -> None:
    """Name each delegate who was not given past reports, and each report that stayed closed."""
    for each in applied.left_out:
        who, words = _said(each)
        invocation.warn(f"Past reports were not opened to {who}, who {words}")
    warn_of_failed(invocation, applied.failed, "was not opened")
    if applied.left_out or applied.failed:
        invocation.message("Once that is done, they are opened with: hygieia delegations resume")


def warn_of_not_given(vault: Vault, warn: Callable[[str], object]) -> None:
    """Name delegates who do not read what somebody else has just stored for the user."""
    missing = vault.index.not_given
    for each in missing.left_out:
        who, words = _said(each)
        warn(f"What was stored for you is not read by {who}, who {words} {_RESUME}")
    for report in missing.failed:
        warn(f"report {report[:8]}, stored for you, could not be opened to delegates. {_RESUME}")


_RESUME: Final = "Then: hygieia delegations resume"


def warn_of_left_out(invocation: Invocation, report: str, going_on: NextReaders) -> None:
    """Name each reader of ``report`` who was left out, and what can be done."""
    for each in going_on.left_out:
        who, words = _said(each)
        invocation.warn(f"{report[:8]} is not read by {who}, who {words}")
    if going_on.unnamed:
        invocation.warn(
            f"{report[:8]}: {going_on.unnamed} recipient(s) that nobody you know had noted were left "
            "out: a former key of yours, for example."
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


def _said(left_out: LeftOut) -> tuple[str, str]:
    from hygieia.cli.text import printable

    who = printable(_email(left_out) or f"the key {left_out.key[:16]}…")
    return who, _WORDS[left_out.why].format(email=who)


def _email(left_out: LeftOut) -> str | None:
    return None if left_out.contact is None else left_out.contact.email


def warn_of_failed(
    invocation: Invocation, failed: Mapping[str, HygieiaError], what_became: str
) -> None:
    """Name each report that something stopped, why, and what to do."""
    for report, error in failed.items():
        todo = f" {error.hint}" if error.hint else ""
        invocation.warn(f"report {report[:8]} {what_became}: {error}{todo}")
