"""``hygieia put``: encrypt and store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hygieia.cli.invocation import STANDARD_INPUT
from hygieia.cli.options import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.client.put import Labels
    from hygieia.vault.report_entry import ReportEntry


@command("put")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--title", help="A title; else the file's name gives one.")
@click.option("--category", default="other", show_default=True, help="What kind of record it is.")
@click.option("--name", "file_name", help="The file name to store; needed with - (stdin).")
@click.option("--subject", metavar="WHO", help="Whose record it is, if not yours: person:…")
@click.option("--as", "profession", metavar="PROFESSION", help="In which capacity you wrote it.")
def put(
    invocation: Invocation,
    paths: tuple[str, ...],
    title: str | None,
    category: str,
    file_name: str | None,
    subject: str | None,
    profession: str | None,
) -> None:
    """Encrypt files, folders or standard input (-) on this machine and store them.

    Interrupted? Run the same line again: what was stored is not stored twice, and what was sent is
    not sent again.
    """
    from hygieia.cli.reports import describe, report_table
    from hygieia.cli.sessions import run
    from hygieia.client.put import Labels

    labels = Labels(title, file_name, category, subject, profession)
    if STANDARD_INPUT in paths:
        if len(paths) > 1:
            raise click.UsageError("Standard input (-) is stored alone.")
        if file_name is None:
            raise click.UsageError("Standard input has no name: give one with --name.")
        invocation.refuse_two_from_standard_input(STANDARD_INPUT)
        entries: Sequence[ReportEntry] = [run(_put_stream(invocation, labels, file_name))]
    else:
        entries = run(_put_files(invocation, labels, paths))
    invocation.result(
        {"reports": [describe(entry) for entry in entries]}, lambda: report_table(entries)
    )


async def _put_files(
    invocation: Invocation, labels: Labels, paths: tuple[str, ...]
) -> Sequence[ReportEntry]:
    from hygieia.cli.progress import progress
    from hygieia.cli.sessions import opened_vault
    from hygieia.client.sources import find_files

    # What is not there is said before anyone is asked for a password.
    find_files([Path(path) for path in paths])
    async with opened_vault(invocation) as vault:
        with progress(invocation, "Storing") as show:
            return await vault.put(paths, labels, progress=show)


async def _put_stream(invocation: Invocation, labels: Labels, file_name: str) -> ReportEntry:
    from hygieia.cli.progress import progress
    from hygieia.cli.sessions import opened_vault

    async with opened_vault(invocation) as vault:
        with progress(invocation, "Storing") as show:
            return await vault.put_stream(sys.stdin.buffer, file_name, labels, progress=show)
