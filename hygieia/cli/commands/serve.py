"""``hygieia serve``: run the vault server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hygieia.cli.options import command

if TYPE_CHECKING:
    from hygieia.cli.invocation import Invocation


@command("serve")
@click.option("--host", help="The address to listen on; localhost if not said otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Where data lives.")
@click.option("--check", is_flag=True, help="Only look at the settings: 0 if fine, else 2.")
def serve(
    invocation: Invocation, *, host: str | None, port: int | None, data: Path | None, check: bool
) -> None:
    """Run the vault server until it is told to stop.

    Every setting is an environment variable or a line in .env; .env.example explains them.
    """
    from hygieia.config import load_settings

    settings = load_settings(overrides={"host": host, "port": port, "data_dir": data})
    if check:
        invocation.message("The settings can be used.")
        return
    from hygieia.server import run

    run(settings)
