"""``rekey``: a new session key for reports of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.client.rekeying import Rekeyed

_STILL_OUT = (
    "What former readers saved is theirs still. This server lets the old copies go at its next "
    "clean-up; then nothing here opens with a key that they have. Other servers and gateways may go "
    "on serving old copies to whoever kept their address."
)


@command("rekey")
@click.argument("names", nargs=-1, required=True, metavar="REPORT…")
@click.option(
    "--keep",
    "people",
    multiple=True,
    metavar="EMAIL",
    help="A reader you do not know yet, who is to go on reading.",
)
@click.option(
    "--earlier",
    is_flag=True,
    help="Keep earlier versions, for yourself alone. Without it they are dropped.",
)
def rekey(
    invocation: Invocation, names: tuple[str, ...], people: tuple[str, ...], *, earlier: bool
) -> None:
    """Encrypt reports of yours anew, so that former readers' keys open them no more.

    Do this after "unshare". The content goes through this computer and is never written down.
    Readers go on reading, except those you took off and those who are not among your contacts:
    these are named. Earlier versions are dropped unless you say --earlier. Run again to resume.
    """
    from hygieia.cli.progress import progress
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.errors import HygieiaError

    done: list[Rekeyed] = []

    async def work() -> None:
        async with opened_vault(invocation) as vault:
            entries = [vault.find(name) for name in dict.fromkeys(names)]
            for entry in entries:
                await vault.rekeying.plan(entry)  # what cannot be done is said before anything is
            keep = [(await vault.contacts.look_up(email)).contact for email in people]
            with progress(invocation, "Encrypting anew") as show:
                for entry in entries:
                    rekeyed = vault.rekeying.rekey(entry, keep=keep, earlier=earlier, progress=show)
                    done.append(await rekeyed)

    try:
        run(work())
    except HygieiaError as error:
        if not done:
            raise
        invocation.incomplete(_document(done), lambda: _table(done), error)
    invocation.result(_document(done), lambda: _table(done))
    _tell(invocation, done)
    invocation.message(_STILL_OUT)


def _document(done: Sequence[Rekeyed]) -> dict[str, Any]:
    from hygieia.cli.left_out import describe_left_out
    from hygieia.cli.reports import describe

    reports: list[dict[str, Any]] = [
        describe(each.entry)
        | {
            "readers": [reader.key for reader in each.readers.readers],
            "issued_again": each.issued_again,
            "dropped_versions": each.dropped,
        }
        | describe_left_out(each.going_on)
        for each in done
    ]
    return {"reports": reports}


def _table(done: Sequence[Rekeyed]) -> str:
    from hygieia.cli.reports import report_table

    return report_table([each.entry for each in done])


def _tell(invocation: Invocation, done: Sequence[Rekeyed]) -> None:
    from hygieia.cli.left_out import warn_of_left_out

    for each in done:
        warn_of_left_out(invocation, each.entry.id, each.going_on)
    dropped = sum(each.dropped for each in done)
    if dropped:
        invocation.message(f"Earlier versions dropped: {dropped}.")
