"""What recovery commands share: reading a kit, asking for its secret, showing its progress."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from hygieia.cli.progress import progress
from hygieia.errors import KitRefused, UsageError
from hygieia.limits import MAX_KIT_BYTES
from hygieia.recovery import Code, Password, Progress, Secret, Stage
from hygieia.vault.kit import Kit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hygieia.cli.invocation import Invocation

_STAGES = {Stage.KEY: "Opening the kit", Stage.INDEX: "Looking for the newest index"}


def read_kit(path: Path) -> Kit:
    """Read a kit's file.

    Raises:
        UsageError: it cannot be read.
        KitRefused: it is no kit, or was changed.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_KIT_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"The kit {str(path)!r} cannot be read: {error.strerror or 'unknown reason'}."
        ) from None
    if len(data) > MAX_KIT_BYTES:
        raise KitRefused("The file is too large to be a recovery kit.")
    return Kit.from_bytes(data)


def secret_for(invocation: Invocation, kit: Kit, code_file: str | None) -> Secret:
    """The password or, with a code file or on the person's choice, the recovery code."""
    if code_file is not None:
        return Code(invocation.secret_from_file(code_file))
    if invocation.settings.password_file is not None:
        return Password(invocation.password())
    question = f"Password of {kit.email} (press Enter to type the recovery code instead)"
    answer = invocation.ask_secret(question, optional=True)
    return Password(answer) if answer else Code(invocation.ask_secret("Recovery code"))


@contextlib.contextmanager
def recovery_progress(invocation: Invocation) -> Iterator[Callable[[Progress], None]]:
    """A bar for the reports, and a line for each stage before them."""
    said: set[Stage] = set()
    with contextlib.ExitStack() as bar:
        show: Callable[[int, int | None, str], None] | None = None

        def report(at: Progress) -> None:
            nonlocal show
            if at.stage in _STAGES:
                if at.stage not in said:
                    invocation.message(_STAGES[at.stage] + " …")
                said.add(at.stage)
                return
            if show is None:
                show = bar.enter_context(progress(invocation, "Restoring"))
            label = f"{at.reports} of {at.total_reports} {at.name}"
            show(at.size_bytes, at.total_bytes, label)

        yield report
