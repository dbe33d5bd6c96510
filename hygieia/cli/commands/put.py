"""``hygieia put``: encrypt and store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hygieia.cli.invocation import STANDARD_INPUT
from hygieia.cli.options import command

if TYPE_CHECKING:
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
        if invocation.password_file == STANDARD_INPUT:
            raise click.UsageError("Password and report cannot both come from standard input.")
        entries = [run(_put_stream(invocation, labels, file_name))]
    else:
        entries = run(_put_files(invocation, labels, [Path(path) for path in paths]))
    invocation.result(
        {"reports": [describe(entry) for entry in entries]}, lambda: report_table(entries)
    )


async def _put_files(
    invocation: Invocation, labels: Labels, paths: list[Path]
) -> list[ReportEntry]:
    from hygieia.cli.progress import progress
    from hygieia.cli.sessions import signed_in
    from hygieia.client.put import Putter
    from hygieia.client.sources import find_files
    from hygieia.client.vault import open_vault

    files = find_files(paths)
    async with signed_in(invocation) as session, open_vault(session) as (index, _):
        with progress(invocation, "Storing") as report:
            return await Putter(session, index, labels, report).put_files(files)


async def _put_stream(invocation: Invocation, labels: Labels, file_name: str) -> ReportEntry:
    from hygieia.cli.progress import progress
    from hygieia.cli.sessions import signed_in
    from hygieia.client.put import Putter
    from hygieia.client.vault import open_vault

    async with signed_in(invocation) as session, open_vault(session) as (index, _):
        with progress(invocation, "Storing") as report:
            putter = Putter(session, index, labels, report)
            return await putter.put_stream(sys.stdin.buffer, file_name)
