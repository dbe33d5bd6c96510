"""``update``, ``edit``, ``rm``, ``restore``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import command, known_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.vault.report_entry import ReportEntry
    from hygieia.vault.sharing import NextReaders


@command("update")
@click.argument("report", metavar="REPORT")
@click.argument("path", type=click.Path(path_type=Path))
def update(invocation: Invocation, report: str, path: Path) -> None:
    """Store PATH as the new version of REPORT; the earlier ones stay."""
    from hygieia.cli.progress import progress
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.client.sources import find_file

    find_file(path)

    async def work() -> ReportEntry:
        async with opened_vault(invocation) as vault:
            entry = vault.find(report)
            with progress(invocation, "Storing") as show:
                return await vault.update(entry, path, progress=show, left_out=left_out.append)

    left_out: list[NextReaders] = []
    _show(invocation, [run(work())], left_out)


@command("edit")
@click.argument("report", metavar="REPORT")
@click.option("--title", help="The new title.")
@click.option("--category", shell_complete=known_words("CATEGORIES"), help="The new category.")
def edit(invocation: Invocation, report: str, title: str | None, category: str | None) -> None:
    """Change a report's title or category.

    Its content is not touched, unless you have taken a reader off: then all of it is encrypted anew.
    """
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.vault import words

    if title is None and category is None:
        raise click.UsageError("Say what to change: --title or --category.")
    if title is not None:
        words.check_title(title)
    if category is not None:
        words.check_slug(category)

    async def work() -> ReportEntry:
        async with opened_vault(invocation) as vault:
            return await vault.edit(
                vault.find(report), title=title, category=category, left_out=left_out.append
            )

    left_out: list[NextReaders] = []
    _show(invocation, [run(work())], left_out)


@command("rm")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT…")
def rm(invocation: Invocation, reports: tuple[str, ...]) -> None:
    """Move reports to the trash; `restore` brings them back for 30 days.

    What somebody else shared leaves your own list alone: nothing changes for them.
    """
    from hygieia.cli.sessions import opened_vault, run

    async def work() -> Sequence[ReportEntry]:
        async with opened_vault(invocation) as vault:
            return await vault.trash([vault.find(name) for name in reports])

    _show(invocation, run(work()))
    invocation.message("In the trash for 30 days; hygieia restore brings them back.")


@command("restore")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT…")
def restore(invocation: Invocation, reports: tuple[str, ...]) -> None:
    """Take reports out of the trash.

    Also those put there under a key you lost: then whoever holds them can give them back to you.
    """
    from hygieia.cli.sessions import opened_vault, run
    from hygieia.errors import NotFound

    async def work() -> Sequence[ReportEntry]:
        async with opened_vault(invocation) as vault:
            entries = []
            for name in reports:
                try:
                    entries.append(vault.find(name))
                except NotFound:
                    closed.append(await vault.giving_back.take_out(name))
            return await vault.restore(entries) if entries else ()

    closed: list[str] = []
    _show(invocation, run(work()), closed=closed)
    for report in closed:
        invocation.message(
            f"{report[:8]} is out of the trash, and locked for a key that this vault does not have: "
            "those you had shared it with can give it back now."
        )


def _show(
    invocation: Invocation,
    entries: Sequence[ReportEntry],
    left_out: Sequence[NextReaders] | None = None,
    *,
    closed: Sequence[str] = (),
) -> None:
    from hygieia.cli.left_out import describe_left_out, warn_of_left_out
    from hygieia.cli.reports import describe, report_table

    document: dict[str, Any] = {"reports": [describe(entry) for entry in entries]}
    if left_out is not None:
        document |= {"left_out": [], "unnamed": 0}
    if closed:
        document["closed"] = list(closed)
    for each in left_out or ():
        document |= describe_left_out(each)
    invocation.result(document, lambda: report_table(entries))
    for each in left_out or ():
        warn_of_left_out(invocation, entries[0].id, each)
