"""``give-back``: after a lost key, those who read her reports let her read them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.client.giving_back import Confirmed, Done, Found, Request
    from hygieia.errors import HygieiaError
    from hygieia.vault.people import FormerKey

_REQUEST = (
    "{email} made a new key: you could give back access to {count}. Call first, on a number you "
    "already know. A thief with their email could ask too. Compare the safety number, then: "
    'hygieia give-back {email} --number "…"'
)
_FOUND = (
    "{givers} gave you back {count}, which belonged to the key {key}… made on {made}. If that was "
    "your key, they are yours again with: hygieia give-back --confirm {key}"
)
_CONFIRMED = (
    "They are yours again. If somebody else may have your old key, encrypt them anew: hygieia rekey"
)


@command("give-back")
@click.argument("email", required=False)
@click.option("--number", help="The safety number that they read to you, of their new key.")
@click.option(
    "--confirm", metavar="KEY", help="Say that KEY was yours: what was given back is yours again."
)
def give_back(
    invocation: Invocation, email: str | None, number: str | None, confirm: str | None
) -> None:
    """Give reports back to somebody who lost her key; or take what was given back to you.

    Without an EMAIL it lists both. With one, all that you hold of hers is shared with her new key,
    once you have compared the safety number by voice or face to face: a server could pretend that
    she lost her key. Nobody else can do this for her, the host of the server least of all.
    """
    if confirm is not None:
        if email is not None or number is not None:
            raise click.UsageError("--confirm stands alone.")
        _confirm(invocation, confirm)
    elif email is not None:
        _give(invocation, email, number)
    elif number is not None:
        raise click.UsageError("Whose number? Name the EMAIL.")
    else:
        _list(invocation)


def _list(invocation: Invocation) -> None:
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.cli.text import counted, printable
    from hygieia.errors import KeyMismatch

    async def work() -> tuple[list[Request], list[Found]]:
        async with opened_vault(invocation) as vault:
            codes = [each.error.code for each in vault.index.refused]
            waiting.append(codes.count(KeyMismatch.code))
            return await vault.giving_back.requests(), await vault.giving_back.found()

    waiting: list[int] = []
    requests, found = run(work())
    document = {
        "requests": [_describe_request(each) for each in requests],
        "found": [_describe_found(each) for each in found],
    }
    invocation.result(document, lambda: _tables(requests, found))
    for request in requests:
        count = counted(len(request.reports), "report")
        invocation.message(_REQUEST.format(email=printable(request.contact.email), count=count))
    for each in found:
        described = _describe_found(each)
        invocation.message(
            _FOUND.format(
                givers=printable(", ".join(described["givers"])),
                count=counted(len(each.reports), "report"),
                key=each.former.key[:16],
                made=described["made"][:10],
            )
        )
    if not found and any(waiting):
        # By whom it came back is believed once her new vault has compared a number with them.
        invocation.message(
            f"{counted(waiting[0], 'report')} came back, and nobody whose number you have compared "
            "says that the key was yours. Compare with those you had shared with, then look "
            "again: hygieia contacts show EMAIL"
        )
    elif not requests and not found:
        invocation.message("Nobody asks for anything, and nothing waits for you.")


def _give(invocation: Invocation, email: str, number: str | None) -> None:
    from hygieia.cli.left_out import warn_of_failed
    from hygieia.cli.progress import progress
    from hygieia.cli.reports import describe, report_table
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.cli.text import counted
    from hygieia.errors import Failed, NotFound

    async def work() -> Done:
        async with opened_vault(invocation) as vault:
            with progress(invocation, "Giving back", unit="items") as show:
                return await vault.giving_back.give_back(email, number, progress=show)

    done = run(work())
    entries = [each.entry for each in done.shared]
    document: dict[str, Any] = {
        "email": done.contact.email,
        "reports": [describe(entry) for entry in entries],
        "failed": _failed(done.failed),
    }
    if done.failed:
        warn_of_failed(invocation, done.failed, "was not given back")
        count = counted(len(done.failed), "report")
        closed = all(isinstance(error, NotFound) for error in done.failed.values())
        hint = (
            "Running it again helps once they are out of the trash."
            if closed
            else "Run it again to go on."
        )
        error = Failed(f"{count} could not be given back.", hint=hint)
        invocation.incomplete(document, lambda: report_table(entries), error)
    invocation.result(document, lambda: report_table(entries))
    invocation.message(f"Given back to {done.contact.email}: {counted(len(entries), 'report')}.")


def _confirm(invocation: Invocation, key: str) -> None:
    from hygieia.cli.left_out import warn_of_failed
    from hygieia.cli.reports import describe, report_table
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.cli.text import counted
    from hygieia.client.giving_back import Confirmed
    from hygieia.errors import Failed, InvalidInput, NotFound

    async def work() -> tuple[FormerKey, Confirmed]:
        async with opened_vault(invocation) as vault:
            found = await vault.giving_back.found()
            chosen = [each for each in found if each.former.key.startswith(key.lower())]
            if len(key) < _SHORTEST or len(chosen) > 1:
                raise InvalidInput(f"Type {_SHORTEST} or more characters of the key.")
            if chosen:
                return chosen[0].former, await vault.giving_back.confirm(chosen[0])
            # Said again: what waited for it then, the vault has entered by itself since.
            before = vault.giving_back.confirmed(key.lower())
            if before is not None:
                return before, Confirmed(())
            raise NotFound(
                "Nobody gave anything back that belonged to this key.",
                hint="See: hygieia give-back",
            )

    former, done = run(work())
    document = {
        "former_key": former.key,
        "reports": [describe(entry) for entry in done.reports],
        "failed": _failed(done.failed),
    }
    if done.failed:
        warn_of_failed(invocation, done.failed, "is not yours again yet")
        error = Failed(
            f"{counted(len(done.failed), 'report')} could not be made yours again.",
            hint="Run it again to go on.",
        )
        invocation.incomplete(document, lambda: report_table(done.reports), error)
    invocation.result(document, lambda: report_table(done.reports))
    invocation.message(_CONFIRMED)


_SHORTEST = 8


def _failed(failed: Mapping[str, HygieiaError]) -> list[dict[str, str]]:
    return [
        {"id": report, "code": error.code, "message": str(error)}
        for report, error in failed.items()
    ]


def _describe_request(request: Request) -> dict[str, Any]:
    from hygieia.cli.reports import describe

    contact = request.contact
    return {
        "email": contact.email,
        "name": contact.name,
        "state": str(contact.state),
        "reports": [describe(entry) for entry in request.reports],
    }


def _describe_found(found: Found) -> dict[str, Any]:
    from hygieia.cli.reports import describe
    from hygieia.openpgp.certificates import Certificate
    from hygieia.openpgp.times import format_time

    return {
        "former_key": found.former.key,
        "made": format_time(Certificate.parse(found.former.certificate).created),
        "givers": [giver.email for giver in found.givers],
        "reports": [describe(entry) for entry in found.reports],
    }


def _tables(requests: Sequence[Request], found: Sequence[Found]) -> str:
    from hygieia.cli.text import table

    rows = [
        (each.contact.email, str(each.contact.state), entry.id[:8], entry.created[:10], entry.title)
        for each in requests
        for entry in each.reports
    ]
    rows += [
        (giver.email, "to you", entry.id[:8], entry.created[:10], entry.title)
        for each in found
        for giver in each.givers[:1]
        for entry in each.reports
    ]
    return table(("WHO", "STATE", "ID", "DATE", "TITLE"), rows) if rows else ""
