"""``hygieia put``: encrypt and store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.invocation import STANDARD_INPUT
from hygieia.cli.options import ANY_PATH, command, known_words

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from hygieia.cli.invocation import Invocation
    from hygieia.client.labels import Labels
    from hygieia.client.sdk import Vault
    from hygieia.client.sources import Skipped
    from hygieia.vault.report_entry import ReportEntry
    from hygieia.vault.sharing import LeftOut


_MOST_NAMED = 5
# Why something in a folder is not stored (client.sources), in words for one and for several.
_SKIPPED = {
    "system-file": ("system file", "system files"),
    "link": ("link", "links"),
    "special": ("special file", "special files"),
}


@command("put")
@click.argument("paths", nargs=-1, required=True, type=ANY_PATH, metavar="PATH…")
@click.option("--title", help="A title; else the file's name gives one.")
@click.option(
    "--category",
    default="other",
    show_default=True,
    shell_complete=known_words("CATEGORIES"),
    help="What kind of record it is: lab, imaging, letter, vaccination, … or a word of yours.",
)
@click.option("--name", "file_name", help="The file name to store; needed with - (stdin).")
@click.option("--subject", metavar="WHO", help="Whose record it is, if not yours.")
@click.option(
    "--as",
    "profession",
    metavar="PROFESSION",
    shell_complete=known_words("PROFESSIONS"),
    help="In which capacity you wrote it.",
)
@click.option(
    "--for",
    "owner",
    metavar="EMAIL",
    help="Store in the vault of somebody who has given you the right to.",
)
@click.option("--again", is_flag=True, help="Store what the vault has already once more.")
def put(
    invocation: Invocation,
    paths: tuple[str, ...],
    *,
    owner: str | None,
    again: bool,
    **said: Any,  # noqa: ANN401  (the fields of Labels, as click gives them)
) -> None:
    """Encrypt files, folders or standard input (-) on this machine and store them.

    Interrupted? Run the same line again: what was stored is not stored twice, and what was sent is
    not sent again. A file that your vault has already, under the same name and with the same
    content, is skipped; --again stores it once more.

    WHO is a name that you gave with `hygieia subjects add`, or a contact's email. With --for, the
    person owns what you store, you are its author, and both of you read it.
    """
    from hygieia.cli.left_out import describe_each, warn_of_delegates
    from hygieia.cli.reports import report_table
    from hygieia.cli.sessions import run
    from hygieia.client.labels import Labels
    from hygieia.client.sources import find_files

    labels = Labels(**said)
    labels.check()
    already: dict[Path, ReportEntry] = {}
    skipped: list[Skipped] = []
    left_out: list[LeftOut] = []
    work: Coroutine[object, object, Sequence[ReportEntry]]
    if STANDARD_INPUT in paths:
        _check_standard_input(invocation, paths, said["file_name"])
        work = _put_stream(invocation, said, owner, left_out)
    else:
        # What is not there is said before anyone is asked for a password.
        files = find_files([Path(path) for path in paths], skipped.append)
        labels.check_count(len(files))
        work = _put_files(invocation, said, paths, already, left_out, owner=owner, again=again)
    try:
        entries = run(work)
    except BaseException:
        # The same line again goes on after what was stored: it names nobody for that.
        warn_of_delegates(invocation, left_out)
        raise
    document = _describe(entries, already, skipped)
    invocation.result(
        {**document, "left_out": describe_each(left_out)}, lambda: report_table(entries)
    )
    warn_of_delegates(invocation, left_out)
    _say_already(invocation, already)
    _say_skipped(invocation, skipped)


def _check_standard_input(
    invocation: Invocation, paths: tuple[str, ...], file_name: str | None
) -> None:
    if len(paths) > 1:
        raise click.UsageError("Standard input (-) is stored alone.")
    if file_name is None:
        raise click.UsageError("Standard input has no name: give one with --name.")
    invocation.refuse_two_from_standard_input(STANDARD_INPUT)


def _describe(
    entries: Sequence[ReportEntry],
    already: Mapping[Path, ReportEntry],
    skipped: Sequence[Skipped],
) -> dict[str, Any]:
    from hygieia.cli.reports import describe

    before = {entry.id for entry in already.values()}
    return {
        "reports": [
            describe(entry) | ({"already": True} if entry.id in before else {}) for entry in entries
        ],
        "skipped": [{"path": str(each.path), "why": each.why} for each in skipped],
    }


def _say_skipped(invocation: Invocation, skipped: Sequence[Skipped]) -> None:
    """One line for what lay in the folders and was not stored."""
    if invocation.json or not skipped:
        return
    kinds = []
    for why, (one, several) in _SKIPPED.items():
        names = [each.path.name for each in skipped if each.why == why]
        if names:
            named = ", ".join(dict.fromkeys(names[:_MOST_NAMED]))
            more = ", …" if len(names) > _MOST_NAMED else ""
            count = f"{len(names)} {one if len(names) == 1 else several}"
            kinds.append(f"{count} ({named}{more})")
    invocation.message(f"Not stored: {'; '.join(kinds)}.")


def _say_already(invocation: Invocation, already: Mapping[Path, ReportEntry]) -> None:
    """Name the first few files that the vault had already, and count the others."""
    from hygieia.cli.reports import SHORT_ID_CHARACTERS
    from hygieia.cli.text import counted

    if invocation.json or not already:
        return
    for path, entry in list(already.items())[:_MOST_NAMED]:
        name = entry.id[:SHORT_ID_CHARACTERS]
        invocation.message(f"{path.name} is in your vault already as {name}: skipped.")
    more = len(already) - _MOST_NAMED
    if more > 0:
        invocation.message(f"So {'is' if more == 1 else 'are'} {counted(more, 'other file')}.")
    invocation.message("To store them once more, add --again.")


async def _put_files(
    invocation: Invocation,
    said: Mapping[str, Any],
    paths: tuple[str, ...],
    already: dict[Path, ReportEntry],
    left_out: list[LeftOut],
    *,
    owner: str | None,
    again: bool,
) -> Sequence[ReportEntry]:
    from hygieia.cli.progress import progress
    from hygieia.cli.sessions import opened_vault

    async with opened_vault(invocation) as vault:
        labels = _labels(vault, said)
        with progress(invocation, "Storing") as show:
            return await vault.put(
                paths,
                labels,
                again=again,
                owner=owner,
                progress=show,
                already=already.__setitem__,
                left_out=left_out.append,
            )


async def _put_stream(
    invocation: Invocation, said: Mapping[str, Any], owner: str | None, left_out: list[LeftOut]
) -> Sequence[ReportEntry]:
    from hygieia.cli.progress import progress
    from hygieia.cli.sessions import opened_vault

    async with opened_vault(invocation) as vault:
        labels = _labels(vault, said)
        with progress(invocation, "Storing") as show:
            entry = await vault.put_stream(
                sys.stdin.buffer,
                said["file_name"],
                labels,
                owner=owner,
                progress=show,
                left_out=left_out.append,
            )
            return [entry]


def _labels(vault: Vault, said: Mapping[str, Any]) -> Labels:
    """The labels, with the id of whoever was named."""
    from hygieia.client.labels import Labels

    who = said["subject"]
    return Labels(**{**said, "subject": None if who is None else vault.subject(who)})
