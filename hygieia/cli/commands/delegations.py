"""``delegate``, ``delegations``, ``undelegate``: who reads and stores what comes from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from hygieia.cli.delegations import delegation_table, describe, email_of, say_ended, state_of
from hygieia.cli.options import GlobalOptions, LazyGroup, command, known_words, pass_invocation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from hygieia.cli.invocation import Invocation
    from hygieia.client.delegates import Applied
    from hygieia.client.delegating import Ended
    from hygieia.client.sdk import Vault
    from hygieia.vault.delegation import Delegation


@command("delegate")
@click.argument("email")
@click.option(
    "--category",
    "categories",
    multiple=True,
    shell_complete=known_words("CATEGORIES"),
    metavar="C…",
    help="Only reports of this category (cardiology,lab); without it all of them.",
)
@click.option(
    "--subject", "subjects", multiple=True, metavar="S…", help="Only records of this person, or me."
)
@click.option(
    "--profession",
    "professions",
    multiple=True,
    shell_complete=known_words("PROFESSIONS"),
    metavar="P…",
    help="Only what you write in this capacity (put --as).",
)
@click.option(
    "--rights",
    default="read",
    show_default=True,
    metavar="RIGHTS",
    help="Out of read,redelegate,upload.",
)
@click.option("--expires", metavar="DATE", help="Last day, as 2027-06-01; a year if not said.")
@click.option("--past", is_flag=True, help="Also for reports that are stored already.")
@click.option("--pass-on", "parent", metavar="DELEGATION", help="Pass on one that you were given.")
def delegate(  # noqa: PLR0913  (each is an option of the command)
    invocation: Invocation,
    email: str,
    *,
    categories: tuple[str, ...],
    subjects: tuple[str, ...],
    professions: tuple[str, ...],
    rights: str,
    expires: str | None,
    past: bool,
    parent: str | None,
) -> None:
    """Let somebody read what you store from now on, store for you, or pass that on.

    Compare safety numbers first (hygieia contacts show EMAIL). It ends after a year at the latest;
    "undelegate" ends it at once. With --past, reports that are there already are opened to them
    too while you wait; interrupted, the same line goes on where it ended. To go on with other
    commands meanwhile, end the line with "&".
    """
    from hygieia.cli.progress import progress
    from hygieia.cli.text import counted
    from hygieia.vault.delegation import Right, Scope, words_of

    wanted = frozenset(_rights(rights))
    until = None if expires is None else _last_moment(expires)

    async def work(vault: Vault) -> tuple[dict[str, Any], Applied | None]:
        scope = Scope(
            words_of("*" if each == "*" else vault.subject(each) for each in _split(subjects)),
            words_of(_split(categories)),
            words_of(_split(professions)),
        )
        _check_words(scope.categories, scope.professions)
        if parent is not None:
            held = _held(vault, parent)
            given = await vault.delegations.pass_on(held, email, scope, wanted, expires=until)
            return describe(vault, given, "waiting"), None
        given = await vault.delegations.give(email, scope, wanted, expires=until)
        empty.extend(_without_reports(vault, scope.categories))
        applied = None
        if past and Right.READ in wanted:
            with progress(invocation, "Opening past reports", unit="items") as show:
                applied = await vault.delegates.apply([given.id], show)
        return describe(vault, given, "active"), applied

    if past and parent is not None:
        raise click.UsageError("Only the owner can open reports that are stored already.")
    empty: list[str] = []
    document, applied = _run(invocation, work)
    for category in empty:
        invocation.warn(
            f'no report of yours has the category "{category}" yet: they will read what is stored '
            "under exactly this word (see: hygieia ls)"
        )
    shown: dict[str, Any] = {"delegation": document, "past": None}
    if applied is not None:
        shown["past"] = count = len(applied.changed)
        said = f"{counted(count, 'past report')} opened to them now."
        _end(invocation, shown, lambda: delegation_table([document]), applied, said)
        return
    invocation.result(shown, lambda: delegation_table([document]))
    if parent is not None:
        invocation.message("It acts once the owner of the record has confirmed it.")


@click.group("delegations", cls=LazyGroup, invoke_without_command=True)
@pass_invocation
def delegations(invocation: Invocation) -> None:
    """List what you gave and were given; confirm or refuse what others ask to pass on."""
    if click.get_current_context().invoked_subcommand is not None:
        return

    async def work(vault: Vault) -> dict[str, Any]:
        done = await vault.delegation_inbox.take_in()
        table = vault.delegations.table()
        items = [describe(vault, each, state_of(vault, each)) for each in table]
        items += [{"id": each, "state": "ended"} for each in table.ended]
        waiting = [
            {"from": each.sender, "standing": "stranger"}
            if each.delegation is None
            else describe(vault, each.delegation, "waiting")
            for each in done.waiting
        ]
        refused = [{"from": sender, "code": error.code} for sender, error in done.refused]
        left = vault.delegates.to_do.read()
        return {
            "delegations": items,
            "waiting": waiting,
            "refused": refused,
            "to_do": len(left["delegations"]) + len(left["reports"]) + len(left["later"]),
        }

    document = _run(invocation, work)
    requests = [each for each in document["waiting"] if "id" in each]
    invocation.result(document, lambda: delegation_table([*document["delegations"], *requests]))
    if not document["delegations"] and not document["waiting"]:
        invocation.message("There are no delegations, given or received.")
    for each in requests:
        short = each["id"][:8]
        invocation.message(
            f"{each['from_email']} asks to pass {short} on to {each['to_email']}: "
            f"hygieia delegations confirm {short}, or refuse {short}."
        )
    strangers = len(document["waiting"]) - len(requests)
    if strangers:
        invocation.message(
            f"{strangers} from people who are none of your contacts: kept closed. They open once you "
            "know who sent them (hygieia contacts show EMAIL). To be rid of them: hygieia delegations "
            "refuse --strangers"
        )
    for each in document["refused"]:
        invocation.warn(f"something from {each['from']} was refused: {each['code']}")
    if document["to_do"]:
        invocation.message("Past reports wait to be opened: hygieia delegations resume")


@delegations.command("confirm", cls=GlobalOptions, short_help="Let what is passed on act.")
@click.argument("name", metavar="DELEGATION")
@pass_invocation
def confirm(invocation: Invocation, name: str) -> None:
    """Let a re-delegation of your record act. It never reaches further than what you gave."""
    from hygieia.client.delegation_inbox import find_waiting

    async def work(vault: Vault) -> dict[str, Any]:
        waiting = (await vault.delegation_inbox.take_in(shown=False)).waiting
        confirmed = await vault.delegation_inbox.confirm(find_waiting(waiting, name))
        return describe(vault, confirmed, "active")

    document = _run(invocation, work)
    invocation.result({"delegation": document}, lambda: delegation_table([document]))


@delegations.command("refuse", cls=GlobalOptions, short_help="Do not let it act.")
@click.argument("name", required=False, metavar="DELEGATION")
@click.option("--strangers", is_flag=True, help="Whatever came from none of your contacts.")
@pass_invocation
def refuse(invocation: Invocation, name: str | None, *, strangers: bool) -> None:
    """Refuse a re-delegation of your record, or what strangers sent: it never acts."""
    from hygieia.client.delegation_inbox import find_waiting

    if (name is None) is not strangers:
        raise click.UsageError("Name one delegation, or say --strangers.")

    async def work(vault: Vault) -> list[str]:
        waiting = (await vault.delegation_inbox.take_in(shown=False)).waiting
        chosen = [each for each in waiting if each.delegation is None]
        if name is not None:
            chosen = [find_waiting(waiting, name)]
        for each in chosen:
            await vault.delegation_inbox.decline(each)
        return [each.delegation.id if each.delegation else each.message for each in chosen]

    refused = _run(invocation, work)
    invocation.result({"refused": refused}, lambda: "")
    invocation.message(f"Refused {len(refused)}: nothing of it acts, and nobody asks again.")


@delegations.command("resume", cls=GlobalOptions, short_help="Go on opening past reports.")
@pass_invocation
def resume(invocation: Invocation) -> None:
    """Go on opening past reports to delegates where an earlier run was interrupted."""
    from hygieia.cli.progress import progress
    from hygieia.cli.text import counted

    async def work(vault: Vault) -> Applied:
        with progress(invocation, "Opening past reports", unit="items") as show:
            return await vault.delegates.apply((), show)

    applied = _run(invocation, work)
    document = {"changed": [entry.id for entry in applied.changed], "looked_at": applied.looked_at}
    said = f"{counted(len(applied.changed), 'more report')} opened to delegates now."
    _end(invocation, document, lambda: "", applied, said)


def _end(
    invocation: Invocation,
    document: dict[str, Any],
    human: Callable[[], str],
    applied: Applied,
    said: str,
) -> None:
    """Print what became of past reports; what could not be opened ends the command with 1."""
    from hygieia.cli.left_out import describe_applied, warn_of_applied
    from hygieia.cli.text import counted
    from hygieia.errors import Failed

    document |= describe_applied(applied)
    warn_of_applied(invocation, applied)
    if applied.failed:
        error = Failed(
            f"{counted(len(applied.failed), 'report')} could not be opened to them.",
            hint="To try again: hygieia delegations resume",
        )
        invocation.incomplete(document, human, error)
    invocation.result(document, human)
    invocation.message(said)


@command("undelegate")
@click.argument("name", metavar="EMAIL|DELEGATION")
def undelegate(invocation: Invocation, name: str) -> None:
    """End what you gave somebody: nothing that you store from now on is for them.

    Lists exactly which reports they can still read, and of which only an earlier version. To close
    those, "unshare" and "rekey" them; what was read stays known.
    """
    from hygieia.cli.reports import EARLIER_VERSION, report_table
    from hygieia.cli.reports import describe as describe_report
    from hygieia.client.delegating import find_given

    async def work(vault: Vault) -> Ended:
        table = vault.delegations.table()
        own.append(vault.session.key.key_id)
        found = find_given(table, vault.contacts.list(), name)
        mine = [each for each in found if own[0] in (each.giver, each.record_of)]
        ended = await vault.delegations.end(_any(mine))
        keys = {*ended.untold, *ended.unsettled, *(key for by in ended.by.values() for key in by)}
        names.update({key: email_of(vault, key) or key[:16] for key in keys})
        return ended

    own: list[str] = []
    names: dict[str, str] = {}
    ended = _run(invocation, work)
    document = {
        "ended": [each.id for each in ended.delegations],
        "still_reads": [
            describe_report(entry)
            | {"earlier_version": entry.id in ended.earlier}
            | {"by": sorted(names[key] for key in ended.by[entry.id])}
            for entry in ended.still_read
        ],
        "untold": [names[key] for key in ended.untold],
        "unsettled": [names[key] for key in ended.unsettled],
    }
    states = dict.fromkeys(ended.earlier, EARLIER_VERSION)
    invocation.result(document, lambda: report_table(ended.still_read, states))
    say_ended(invocation, ended, names, own[0])


T = TypeVar("T")


def _run(invocation: Invocation, work: Callable[[Vault], Awaitable[T]]) -> T:
    from hygieia.cli.sessions import opened_vault, run

    async def opened() -> T:
        async with opened_vault(invocation) as vault:
            return await work(vault)

    return run(opened())


def _split(given: Sequence[str]) -> list[str]:
    return [word.strip() for each in given for word in each.split(",") if word.strip()]


def _rights(text: str) -> list[Any]:
    from hygieia.errors import InvalidInput
    from hygieia.vault.delegation import Right

    try:
        return [Right(word) for word in _split([text])]
    except ValueError:
        raise InvalidInput("Rights are out of: read,redelegate,upload.") from None


def _last_moment(text: str) -> datetime:
    """The end of a day, or the time given. Raises ``InvalidInput``."""
    from hygieia.errors import InvalidInput
    from hygieia.openpgp.times import now, parse_time

    try:
        until = parse_time(text if "T" in text else f"{text}T23:59:59Z")
    except InvalidInput:
        raise InvalidInput("A date is written 2027-06-01.") from None
    if until <= now():
        raise InvalidInput("This date is over already.")
    return until


def _check_words(*lists: frozenset[str] | None) -> None:
    from hygieia.vault.words import check_slug

    for found in lists:
        for word in found or ():
            check_slug(word, "A category or profession")


def _without_reports(vault: Vault, categories: frozenset[str] | None) -> list[str]:
    """Categories that no report has yet: one may be another word for what was meant."""
    return [
        each for each in sorted(categories or ()) if not vault.list(category=each, limit=1).reports
    ]


def _held(vault: Vault, name: str) -> Delegation:
    from hygieia.errors import NotFound

    own = vault.delegations.table().received()
    found = [each for each in own if len(name) >= 6 and each.id.startswith(name.lower())]
    if len(found) != 1:
        raise NotFound("You were given no such delegation.", hint="See: hygieia delegations")
    return found[0]


def _any(found: list[Delegation]) -> list[Delegation]:
    from hygieia.errors import NotFound

    if not found:
        raise NotFound("You gave no such delegation.", hint="See: hygieia delegations")
    return found
