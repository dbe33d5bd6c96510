"""``share``, ``unshare``, ``shared``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.client.received import Received
    from hygieia.client.sdk import Vault
    from hygieia.client.sharing import Shared
    from hygieia.vault.people import Contact
    from hygieia.vault.report_entry import ReportEntry

_WITH = click.option(
    "--with", "people", multiple=True, required=True, metavar="EMAIL…", help="With whom."
)


@command("share")
@click.argument("names", nargs=-1, required=True, metavar="REPORT…")
@_WITH
@click.option(
    "--retry", is_flag=True, help="If a report changes meanwhile, share what is there then."
)
def share(
    invocation: Invocation, names: tuple[str, ...], people: tuple[str, ...], *, retry: bool
) -> None:
    """Let people read reports: only small keys are written, whatever the size.

    They find it under "hygieia shared". Whoever can read a report can share it on. You can stop
    sharing; what was read before cannot be taken back.
    """
    from hygieia.cli.progress import progress
    from hygieia.vault.sharing import check_number_of_people

    reports, emails = _told_apart(names, people)
    check_number_of_people(len(emails))  # before each of them is looked up

    async def work(vault: Vault, entries: list[ReportEntry]) -> list[Shared]:
        contacts = [(await vault.contacts.look_up(email)).contact for email in emails]
        with progress(invocation, "Sharing", unit="items") as show:
            return await vault.sharing.share(entries, contacts, retry=retry, progress=show)

    done = _run(invocation, reports, work)
    already = sum(not each.changed for each in done)
    if already:
        invocation.message(f"{already} of them they could read already.")


@command("unshare")
@click.argument("names", nargs=-1, required=True, metavar="REPORT…")
@_WITH
def unshare(invocation: Invocation, names: tuple[str, ...], people: tuple[str, ...]) -> None:
    """Stop sharing reports of yours with people.

    They get no new version. What they could read they may have kept, and an old encrypted copy on
    the network may still open with their key. "hygieia rekey" encrypts the report anew.
    """
    from hygieia.cli.progress import progress

    reports, emails = _told_apart(names, people)

    async def work(vault: Vault, entries: list[ReportEntry]) -> list[Shared]:
        done: dict[str, Shared] = {}
        for contact in [_known(vault, email) for email in emails]:
            current = [vault.index.state.report(entry.id) for entry in entries]
            with progress(invocation, "Unsharing", unit="items") as show:
                unshared = await vault.sharing.unshare(current, contact, progress=show)
            for each in unshared:
                done[each.entry.id] = each
                ended.append((contact.email, each))
        return [*done.values()]

    ended: list[tuple[str, Shared]] = []
    _run(invocation, reports, work)
    for email, each in ended:
        if not each.changed:
            invocation.message(f"{email} has no access to {each.entry.id[:8]} already.")
    if not any(each.changed for _, each in ended):
        return
    invocation.message(
        "They get no new versions. Treat what they could read before as kept: until you encrypt it "
        "anew, any gateway gives it out to whoever kept its address (hygieia rekey)."
    )


@command("shared")
@click.option("--accept", metavar="REPORT", help="Enter a report from somebody you do not know.")
def shared(invocation: Invocation, accept: str | None) -> None:
    """List what others share with you, and enter it in your vault.

    A report from somebody who is none of your contacts waits, closed, until you --accept it.
    """
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.client.received import Standing

    async def work() -> tuple[Sequence[Received], int]:
        async with opened_vault(invocation) as vault:
            inbox = vault.inbox
            found = await inbox.look()
            if accept is None:
                return found, inbox.unopened
            chosen = _chosen(found, accept)
            await inbox.accept(chosen)
            return [chosen], 0

    found, unopened = run(work())
    reports = [_describe(each, accepted=accept is not None) for each in found]
    document = {"reports": reports, "next": None, "unopened": unopened}
    invocation.result(document, lambda: _table(reports))
    for each in found:
        if each.standing is Standing.REFUSED:
            invocation.warn(f"report {each.id[:8]} was left out: {each.error}")
    waiting = sum(each["standing"] == Standing.STRANGER for each in reports)
    if waiting:
        invocation.message(
            f"{waiting} from strangers, or written by somebody you do not know: look who sent it, then "
            "hygieia shared --accept REPORT."
        )
    if not found:
        invocation.message("Nobody shares a report with you now.")
    if unopened:
        invocation.message(
            f"{unopened} more from strangers were not opened. To see those of somebody you expect: "
            "hygieia contacts show EMAIL, then look again."
        )


def _told_apart(names: Sequence[str], people: Sequence[str]) -> tuple[list[str], list[str]]:
    """REPORTs and emails: what stands after ``--with a@x`` may be the next email."""
    reports = [name for name in names if "@" not in name]
    emails = [*people, *(name for name in names if "@" in name)]
    if not reports:
        raise click.UsageError("Name the reports before --with.")
    return list(dict.fromkeys(reports)), list(dict.fromkeys(emails))


def _run(
    invocation: Invocation,
    reports: Sequence[str],
    work: Callable[[Vault, list[ReportEntry]], Awaitable[list[Shared]]],
) -> list[Shared]:
    from hygieia.cli.reports import describe, report_table
    from hygieia.cli.sessions import opened_vault, run

    async def opened() -> list[Shared]:
        async with opened_vault(invocation) as vault:
            return await work(vault, [vault.find(name) for name in reports])

    done = run(opened())
    document = {
        "reports": [
            describe(each.entry)
            | {"readers": [reader.key for reader in each.readers.readers]}
            | {"meanwhile": _meanwhile(each)}
            for each in done
        ]
    }
    invocation.result(document, lambda: report_table([each.entry for each in done]))
    for each in done:
        if (changed := _meanwhile(each)) is not None:
            what = " and ".join(words for field, words in _CHANGED.items() if changed[field])
            what = what or "its labels"
            invocation.message(
                f"{each.entry.id[:8]} had been changed meanwhile ({what}): this is about what is "
                "there now."
            )
    return done


_CHANGED = {"title": "its title", "content": "its content", "readers": "its readers"}


def _meanwhile(shared: Shared) -> dict[str, Any] | None:
    """What somebody had changed in a report since it was listed, or None."""
    before, now = shared.before, shared.entry
    if before is None:
        return None
    return {
        "revision": before.revision,
        "title": None if before.title == now.title else before.title,
        "content": before.data_payload_cid != now.data_payload_cid,
        "readers": before.meta_payload_cid == now.meta_payload_cid,
    }


def _known(vault: Vault, email: str) -> Contact:
    from hygieia.errors import NotFound
    from hygieia.openpgp.parameters import normalise_email
    from hygieia.vault.contacts import find_contact

    contact = find_contact(vault.contacts.list(), normalise_email(email))
    if contact is None:
        raise NotFound(
            f"{email} is not among your contacts.",
            hint=f"If somebody else shared it with them, find them first: hygieia contacts show {email}",
        )
    return contact


def _chosen(found: Sequence[Received], name: str) -> Received:
    from hygieia.errors import InvalidInput, NotFound

    chosen = [each for each in found if each.id.startswith(name.lower())]
    if len(name) < 6 or len(chosen) > 1:
        raise InvalidInput("Type 6 or more characters of the report's ID, so that it is one.")
    if not chosen:
        raise NotFound("Nobody shares such a report with you.", hint="See: hygieia shared")
    return chosen[0]


def _describe(received: Received, *, accepted: bool) -> dict[str, Any]:
    from hygieia.cli.reports import describe
    from hygieia.client.received import Standing

    standing = Standing.ACCEPTED if accepted else received.standing
    # Nothing of a stranger's report is shown until she says so (threat MS-18).
    shown = received.entry if standing is Standing.ACCEPTED else None
    document = describe(shown) if shown is not None else {"id": received.id}
    return document | {"from": received.sharer, "standing": str(standing)}


def _table(reports: Sequence[dict[str, Any]]) -> str:
    from hygieia.cli.text import table

    rows = [
        (
            each["id"][:8],
            each.get("created", "")[:10],
            each["from"] or "",
            each["standing"],
            each.get("title", ""),
        )
        for each in reports
    ]
    return table(("ID", "DATE", "FROM", "STANDING", "TITLE"), rows) if rows else ""
