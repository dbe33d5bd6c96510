"""``hygieia admin rebuild``: make the block store's lost catalogue anew."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hygieia.cli.options import GlobalOptions, pass_invocation
from hygieia.errors import HygieiaError, IntegrityError, UsageError

if TYPE_CHECKING:
    from hygieia.blocks.embedded import Rebuilt
    from hygieia.cli.invocation import Invocation


@click.command("rebuild", cls=GlobalOptions)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="The server's data folder; else the settings name it.",
)
@pass_invocation
def rebuild(invocation: Invocation, data: Path | None) -> None:
    """Make the block store's lost or broken catalogue anew; exit 6 if not all comes back.

    For a server that refuses to start because blocks/catalogue.sqlite is missing or damaged. Stop
    the server first. Every block is read and verified; a broken catalogue is kept in
    blocks/quarantine. Pins whose copies were lost are made again from the documents. Then see what
    came back with: hygieia admin check
    """
    from hygieia.blocks.embedded import rebuild as remake
    from hygieia.cli.progress import progress
    from hygieia.config import load_settings
    from hygieia.server.storage import blocks_folder

    folder = blocks_folder(load_settings(overrides={"data_dir": data}))
    if folder is None:
        raise UsageError("HYGIEIA_BLOCKS names no directory: only a directory has a catalogue.")
    with progress(invocation, "Reading", unit="items") as show:
        rebuilt = remake(folder, lambda done: show(done, None, ""))
    rebuilt.pins += _pin_again(data)
    _tell(invocation, rebuilt)


def _pin_again(data: Path | None) -> int:
    """How many pins the documents brought back; none where they cannot be opened either."""
    from hygieia.cli.commands.admin import opened_services
    from hygieia.cli.sessions import run
    from hygieia.domain.pins_again import pin_again

    async def work() -> int:
        async with opened_services(data) as services:
            return await pin_again(services.stores)

    try:
        return run(work())
    except HygieiaError:
        return 0  # the catalogue is there: admin check tells what is wrong besides


def _tell(invocation: Invocation, rebuilt: Rebuilt) -> None:
    human = f"{rebuilt.blocks} blocks, {rebuilt.pins} pins, {rebuilt.records} IPNS records."
    lost = rebuilt.damaged + rebuilt.missing + rebuilt.unreadable_packs + rebuilt.unreadable_bytes
    # Every account has a pinned index: no pin at all means that those were lost.
    if not lost and rebuilt.pins:
        invocation.result(asdict(rebuilt), human)
        return
    error = IntegrityError(
        f"Not all came back: {rebuilt.missing} blocks that are kept are missing, {rebuilt.damaged} "
        f"are damaged, {rebuilt.unreadable_packs} packs and {rebuilt.unreadable_bytes} bytes of the "
        f"copies cannot be read, {rebuilt.pins} pins are left.",
        hint="To see whose they are, run: hygieia admin check. Nothing found is removed for 30 days.",
    )
    invocation.incomplete(asdict(rebuilt), lambda: human, error)
