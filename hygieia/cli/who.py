"""Who signed a report and who reads it, by the names that the user pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hygieia.openpgp.notes import Verdict

if TYPE_CHECKING:
    from hygieia.client.sdk import Vault
    from hygieia.vault.report import Report


async def people_of(vault: Vault, report: Report) -> dict[str, Any]:
    """Fields of ``info``: ``signed_by``, and for the owner ``read_by``, who is there besides her.

    Each is a key, the email and name that were pinned for it, both None for a stranger's, and
    whether it is the user's own.
    """
    people = vault.index.state.people(vault.session.key.certificate)
    document: dict[str, Any] = {"signed_by": _person(vault, report.meta.author), "read_by": None}
    if people.is_me(report.meta.owner):
        listed = await vault.index.readers(report.meta.id)
        former = [report.meta.owner] if report.meta.owner != vault.session.key.key_id else []
        keys = [*former, *(each.key for each in listed.readers)]
        document["read_by"] = [_person(vault, key) for key in keys]
    return document


def signature_text(document: dict[str, Any]) -> str:
    """How the signature stands, and whose it is."""
    if "signature" not in document:
        return "?"
    said: str = document["signature"]
    by = "by" if said == Verdict.VALID.value else "said to be by"
    return f"{said}, {by} {_named(document['signed_by'])}"


def readers_text(document: dict[str, Any]) -> str:
    """How many can read it, and where the index says so, who they are."""
    if "readers" not in document:
        return "?"
    count, listed = document["readers"], document["read_by"]
    if listed is None:
        return str(count)
    names = [*dict.fromkeys(["you", *(_named(each) for each in listed)])]
    unnamed = count - 1 - len(listed)
    if unnamed > 0:
        names.append(f"{unnamed} whom nobody you know had noted")
    return f"{count}: {', '.join(names)}"


def _person(vault: Vault, key: str) -> dict[str, Any]:
    people = vault.index.state.people(vault.session.key.certificate)
    if people.is_me(key):
        profile = vault.session.profile
        return {"key": key, "email": profile.email, "name": profile.name, "you": True}
    contact = vault.delegations.contact_of(key)
    email, name = (None, None) if contact is None else (contact.email, contact.name)
    return {"key": key, "email": email, "name": name, "you": False}


def _named(person: dict[str, Any]) -> str:
    """By email: a name is what somebody calls herself."""
    if person["you"]:
        return "you"
    return str(person["email"] or f"the key {person['key'][:16]}…, none of your contacts")
