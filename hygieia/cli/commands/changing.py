"""``update``, ``edit``, ``rm``, ``restore``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hygieia.cli.invocation import Invocation
    from hygieia.client.changing import Changer
    from hygieia.vault.report_entry import ReportEntry


@command("update")
@click.argument("report", metavar="REPORT")
@click.argument("path", type=click.Path(path_type=Path))
def update(invocation: Invocation, report: str, path: Path) -> None:
    """Store PATH as the new version of REPORT; the earlier ones stay."""
    from hygieia.cli.progress import progress
    from hygieia.cli.sessions import run
    from hygieia.client.sources import find_files
    from hygieia.vault.listing import find_report

    files = find_files([path])
    if len(files) != 1 or not path.is_file():
        raise click.UsageError("A new version is one file.")

    async def work() -> ReportEntry:
        async with _changer(invocation) as changer:
            entry = find_report(changer.index.state, report)
            with progress(invocation, "Storing") as show:
                total, done = files[0].source.size_bytes, 0

                def advance(size: int) -> None:
                    nonlocal done
                    done += size
                    show(done, total, "")

                return await changer.update(entry, files[0], advance)

    _show(invocation, [run(work())])


@command("edit")
@click.argument("report", metavar="REPORT")
@click.option("--title", help="The new title.")
@click.option("--category", help="The new category.")
def edit(invocation: Invocation, report: str, title: str | None, category: str | None) -> None:
    """Change a report's title or category; its content is not touched."""
    from hygieia.cli.sessions import run
    from hygieia.vault.listing import find_report

    if title is None and category is None:
        raise click.UsageError("Say what to change: --title or --category.")

    async def work() -> ReportEntry:
        async with _changer(invocation) as changer:
            entry = find_report(changer.index.state, report)
            return await changer.edit(entry, title=title, category=category)

    _show(invocation, [run(work())])


@command("rm")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT…")
def rm(invocation: Invocation, reports: tuple[str, ...]) -> None:
    """Move reports to the trash; `restore` brings them back for 30 days."""
    from hygieia.cli.sessions import run
    from hygieia.vault.listing import find_report

    async def work() -> list[ReportEntry]:
        async with _changer(invocation) as changer:
            entries = [find_report(changer.index.state, name) for name in reports]
            await changer.trash(entries)
            return [changer.index.state.report(entry.id) for entry in entries]

    _show(invocation, run(work()), "In the trash for 30 days:")


@command("restore")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT…")
def restore(invocation: Invocation, reports: tuple[str, ...]) -> None:
    """Take reports out of the trash."""
    from hygieia.cli.sessions import run
    from hygieia.vault.listing import find_report

    async def work() -> list[ReportEntry]:
        async with _changer(invocation) as changer:
            entries = [find_report(changer.index.state, name) for name in reports]
            await changer.restore(entries)
            return [changer.index.state.report(entry.id) for entry in entries]

    _show(invocation, run(work()))


@contextlib.asynccontextmanager
async def _changer(invocation: Invocation) -> AsyncIterator[Changer]:
    from hygieia.cli.sessions import signed_in
    from hygieia.client.changing import Changer
    from hygieia.client.vault import open_vault

    async with signed_in(invocation) as session, open_vault(session) as (index, reader):
        yield Changer(session, index, reader)


def _show(invocation: Invocation, entries: list[ReportEntry], heading: str = "") -> None:
    from hygieia.cli.reports import describe, report_table

    document: dict[str, Any] = {"reports": [describe(entry) for entry in entries]}
    invocation.result(document, lambda: f"{heading}\n{report_table(entries)}".lstrip("\n"))
