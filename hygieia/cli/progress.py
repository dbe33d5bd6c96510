"""Progress on standard error: a bar with rate and time left on a terminal, else nothing.

The SDK reports progress through a plain callback, ``(done, total, label)`` in bytes or items;
``total`` is None while it is unknown. This turns it into a bar.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import ProgressColumn

    from hygieia.cli.invocation import Invocation

    Report = Callable[[int, int | None, str], None]


@contextlib.contextmanager
def progress(invocation: Invocation, what: str, *, unit: str = "bytes") -> Iterator[Report]:
    """Show a bar while the block runs.

    Args:
        invocation: says whether there is a terminal to show it on.
        what: the label, such as ``Storing``.
        unit: ``bytes`` or ``items``.

    Yields:
        The callback to report through.
    """
    if not invocation.shows_progress:
        yield _silent
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr, no_color=not invocation.settings.color)
    with Progress(*_columns(unit), console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def report(done: int, total: int | None, label: str) -> None:
            text = f"{what} {label}".rstrip()
            bar.update(task, completed=done, total=total, description=_plain(text))

        yield report


def _columns(unit: str) -> list[ProgressColumn]:
    from rich import progress as rich

    amount: list[ProgressColumn] = [
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
    ]
    count: list[ProgressColumn] = [rich.MofNCompleteColumn()]
    return [
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        *(amount if unit == "bytes" else count),
        rich.TextColumn("time left"),
        rich.TimeRemainingColumn(),
    ]


def _plain(text: str) -> str:
    """A label that cannot move the cursor, whatever a file is called."""
    return "".join(c if c.isprintable() else "?" for c in text)[:60]


def _silent(done: int, total: int | None, label: str) -> None:
    """Nobody is watching."""
