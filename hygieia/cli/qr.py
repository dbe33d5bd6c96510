"""QR codes on a terminal, two rows of modules to a line."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_BORDER: Final = 4
"""Modules of quiet zone, as ISO/IEC 18004 asks for."""
_LIGHT_ON_DARK: Final = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
"""Upper and lower module, 1 being dark: what is light is drawn, as terminals are dark by default."""
_COLOURS: Final = "\x1b[97;40m"
_PLAIN: Final = "\x1b[0m"


def qr_lines(text: str, *, colour: bool) -> list[str]:
    """The lines of a QR code of ``text``; with ``colour`` also right on a light terminal."""
    import segno  # a command that shows no code need not load it

    rows = [
        list(row) for row in segno.make_qr(text, error="l").matrix_iter(scale=1, border=_BORDER)
    ]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    lines = [
        "".join(
            _LIGHT_ON_DARK[_dark(upper), _dark(lower)] for upper, lower in zip(*pair, strict=True)
        )
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]
    return [f"{_COLOURS}{line}{_PLAIN}" for line in lines] if colour else lines


def fits(lines: Sequence[str], *, colour: bool) -> bool:
    """Whether the terminal is wide enough; what is no terminal takes any width."""
    width = len(lines[0]) - (len(_COLOURS + _PLAIN) if colour else 0)
    return not sys.stdout.isatty() or shutil.get_terminal_size().columns >= width


def _dark(module: int) -> int:
    return 1 if module else 0
