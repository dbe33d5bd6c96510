"""``hygieia admin backup``: copy an embedded vault while it is used."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hygieia.cli.options import GlobalOptions, pass_invocation
from hygieia.errors import IntegrityError

if TYPE_CHECKING:
    from hygieia.cli.invocation import Invocation


@click.command("backup", cls=GlobalOptions)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="The server's data folder; else the settings name it.",
)
@pass_invocation
def backup(invocation: Invocation, folder: Path, data: Path | None) -> None:
    """Copy the vault into the new folder DIR, while servers use it.

    DIR is a data folder: hygieia serve --data DIR serves it, hygieia admin check --data DIR proves
    it. It holds the server's own secrets too. For SQLite and a block directory; how MongoDB and Kubo
    are backed up stands in docs/guide/hosting.md.
    """
    from hygieia.cli.progress import progress
    from hygieia.cli.text import size
    from hygieia.config import load_settings
    from hygieia.server.backup import back_up

    settings = load_settings(overrides={"data_dir": data})
    with progress(invocation, "Copying") as show:
        done = back_up(settings, folder, lambda written: show(written, None, ""))
    document, human = {"folder": str(folder)} | asdict(done), f"{size(done.size_bytes)} in {folder}"
    if done.lost_packs:
        error = IntegrityError(
            f"The vault itself is damaged: {done.lost_packs} packs of blocks are lost.",
            hint="To see whose they are, run: hygieia admin check",
        )
        invocation.incomplete(document, human, error)
    invocation.message(f"Prove it: hygieia admin check --data {folder}")
    invocation.result(document, human)
