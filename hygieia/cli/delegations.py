"""How delegations are shown: as promised JSON fields, as a table, and what their end leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.client.delegating import Ended
    from hygieia.client.sdk import Vault
    from hygieia.vault.delegation import Delegation

_LONGEST: Final = 40


def say_ended(invocation: Invocation, ended: Ended, names: Mapping[str, str], own: str) -> None:
    """Say what the end leaves open, and who could not be told; ``names`` by key id."""
    count = len(ended.still_read)
    invocation.message(
        f"Ended. They can still read {count} of your reports"
        + (", listed above: hygieia unshare, then hygieia rekey." if count else ".")
    )
    if len({each.receiver for each in ended.delegations}) > 1:
        # What was passed on fell with it: not everyone reads all that is listed.
        for key in dict.fromkeys(key for by in ended.by.values() for key in by):
            reports = [each.id[:8] for each in ended.still_read if key in ended.by[each.id]]
            invocation.message(f"{names[key]} reads {', '.join(reports)}.")
    if ended.earlier:
        invocation.message(
            f"Of {len(ended.earlier)} it is an earlier version alone: hygieia rekey closes that."
        )
    others = {each.receiver for each in ended.delegations if each.record_of != own}
    for key in ended.untold:
        if key in others:
            # It acts by the index of whose record it is.
            invocation.warn(
                f"{names[key]}, or the owner of the record, could not be told: have her end it too, "
                "with hygieia undelegate."
            )
        else:
            invocation.message(f"{names[key]} could not be told; it has ended all the same.")
    for key in ended.unsettled:
        invocation.warn(
            f"your server still lets {names[key]} store for you: it is told to stop with your next "
            "command. What they store until then does not come into your vault."
        )


def email_of(vault: Vault, key: str) -> str | None:
    """Whose key it is, where the user knows."""
    if key == vault.session.key.key_id:
        return vault.session.profile.email
    contact = vault.delegations.contact_of(key)
    return None if contact is None else contact.email


def state_of(vault: Vault, delegation: Delegation) -> str:
    """``active``, ``waiting`` for the owner, or ``expired``."""
    from hygieia.openpgp.times import format_time, now

    if delegation.expires < format_time(now()):
        return "expired"
    passed_on = delegation.parent is not None
    mine = delegation.record_of == vault.session.key.key_id
    return "active" if mine or not passed_on else "waiting"


def describe(vault: Vault, delegation: Delegation, state: str) -> dict[str, Any]:
    """A delegation as ``--json`` shows it."""
    own = vault.session.key.key_id
    side = "passed-on"
    if delegation.giver == own and delegation.parent is None:
        side = "given"
    elif delegation.receiver == own:
        side = "received"
    body = delegation.to_body()
    return body | {
        "from_email": email_of(vault, delegation.giver),
        "to_email": email_of(vault, delegation.receiver) or delegation.email,
        "state": state,
        "side": side,
    }


def delegation_table(items: Sequence[dict[str, Any]]) -> str:
    """What ``describe`` made, as rows."""
    from hygieia.cli.text import table

    def words(found: str | list[str]) -> str:
        return "all" if found == "*" else ",".join(found)

    # Most are about everybody and every profession: then that is not said.
    narrow = {
        name: title
        for name, title in (("professions", "PROFESSIONS"), ("subjects", "SUBJECTS"))
        if any(each.get(name, "*") != "*" for each in items)
    }
    rows = [
        (
            each["id"][:8],
            each["state"],
            each.get("from_email") or "",
            each.get("to_email") or "",
            ",".join(each.get("rights", ())),
            words(each["categories"]) if "categories" in each else "",
            *(_shortened(words(each[name])) if name in each else "" for name in narrow),
            each.get("expires", "")[:10],
        )
        for each in items
    ]
    heads = ("ID", "STATE", "FROM", "TO", "RIGHTS", "CATEGORIES", *narrow.values(), "EXPIRES")
    return table(heads, rows) if rows else ""


def _shortened(text: str) -> str:
    """Without the length of a key: ``--json`` has all of it."""
    return ",".join(each if len(each) <= _LONGEST else f"{each[:16]}…" for each in text.split(","))
